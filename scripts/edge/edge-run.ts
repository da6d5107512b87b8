/**
 * Edge nodes, each under its own hard cap, doing what the demo does and more: run in a network namespace without a route
 * (`unshare --net`), by `npm run bench -- edge` and by a test. Prints one JSON line a phase, and one at the end.
 *
 * usage: node scripts/run.js scripts/edge/edge-run.ts CAP_MIB NODES [PHASE ...]
 */
import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { createProgress } from '../../node/cli/progress.ts'
import { waitForJob } from '../../node/cli/wait-job.ts'
import { type LocalNode, type Localnet, startLocalnet } from '../localnet.ts'
import { createMemoryCage } from './memory-cage.ts'
import { watchMemory } from './watch-memory.ts'

const MIB = 2 ** 20
const ROOT = path.resolve(import.meta.dirname, '../..')
const MODEL = 'encoder'
/** Elements by the million, in a file of 10 MB: whoever reads it as a tree needs several times the cap. */
const HEAVY_PARTS = 400_000
const QUESTION = 'Why is the pre-shared key not the one of libp2p?'

interface Context {
  readonly nodes: readonly LocalNode[]
  readonly owner: LocalNode
  readonly models: string[]
}

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())

async function runJob({ owner }: Context, kind: string, params: object): Promise<Record<string, unknown>> {
  const { id } = await owner.client.send<{ id: string }>('POST', '/api/v1/jobs', { kind, params })
  const progress = createProgress(kind, process.stderr, false)
  const job = await waitForJob({ client: owner.client, progress, signal: stopping.signal }, id)
  if (job.state !== 'done') throw new Error(`${kind} ended as ${job.state}: ${JSON.stringify(job.error)}`)
  return job.result as Record<string, unknown>
}

function compressWith(params: object) {
  return async (context: Context) => {
    const report = await runJob(context, 'compress', { model: MODEL, keep: 0, ...params })
    context.models.push(report.id as string)
    const { cid, why = null } = report.calibration as { cid: string | null; why?: string | null }
    return { isCalibrated: cid !== null, why }
  }
}

/** Waits for the end. Returns why documents were left out. */
async function indexPath({ owner }: Context, name: string, file: string): Promise<string[]> {
  const made = await owner.client.send<{ id: string }>('POST', '/api/v1/collections', { name })
  const run = await owner.client.send<{ id: string }>('POST', `/api/v1/collections/${made.id}/index`, {
    paths: [file],
  })
  for (;;) {
    const view = await owner.client.get<{
      state: string
      error: unknown
      report: { skippedSources: { code: string }[] }
    }>(`/api/v1/index-runs/${run.id}`)
    if (view.state === 'done') return view.report.skippedSources.map(({ code }) => code)
    if (view.state !== 'running' && view.state !== 'waiting')
      throw new Error(`indexing ended as ${view.state}: ${JSON.stringify(view.error)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** In this order: what one makes the next may use. */
const PHASES: Readonly<Record<string, (context: Context) => Promise<unknown>>> = {
  idle: async () => {
    await new Promise((resolve) => setTimeout(resolve, 3_000))
  },
  encoder: async ({ owner }) => {
    await owner.client.send('POST', '/api/v1/models', { embedded: 'encoder', id: MODEL })
  },
  int4: compressWith({ codec: 'int4' }),
  seedlm: compressWith({ codec: 'seedlm' }),
  auto: compressWith({ codec: 'auto', target: { ratio: 8 } }),
  evaluate: async (context) => {
    await runJob(context, 'evaluate', { models: [MODEL, ...context.models], suite: 'similarity' })
  },
  heavy: async (context) => {
    const file = path.join(directory, 'heavy.html')
    writeFileSync(file, `<html><body>${'<div><p><b>x</b></p></div>'.repeat(HEAVY_PARTS)}</body></html>`)
    const codes = await indexPath(context, 'heavy', file)
    if (codes.join() !== 'PARSE_MEMORY') throw new Error(`the heavy document was not refused: ${codes}`)
  },
  index: async (context) => {
    await indexPath(context, 'documents', path.join(ROOT, 'docs/decisions'))
  },
  ask: async ({ owner }) => {
    const { isFound } = await owner.client.send<{ isFound: boolean }>('POST', '/api/v1/ask', {
      question: QUESTION,
    })
    if (!isFound) throw new Error('the question was not answered')
  },
  generate: async ({ owner }) => {
    await owner.client.send('POST', '/api/v1/models', { embedded: 'village-lm', id: 'village-lm' })
    await owner.client.send('POST', '/api/v1/models/village-lm/generate', { prompt: 'Once', maxTokens: 16 })
  },
}

const [capMib = '512', count = '2', ...named] = process.argv.slice(2)
const phases = named.length === 0 ? Object.keys(PHASES) : named
const routes = Object.values(networkInterfaces())
  .flat()
  .filter((address) => address?.internal === false)
if (routes.length > 0) throw new Error('this machine has a network here: run it by `unshare --net`')

const directory = await mkdtemp(path.join(tmpdir(), 'village-edge-'))
const cages = Array.from({ length: Number(count) }, (_, index) =>
  createMemoryCage(`village-edge-${process.pid}-${index}`, Number(capMib) * MIB),
)
let net: Localnet | undefined
const watch = watchMemory(cages)
const say = (line: object) => console.log(JSON.stringify(line))
try {
  net = await startLocalnet({
    count: cages.length,
    directory,
    name: 'Edge village',
    settings: {
      profile: 'edge',
      'log.level': 'warn',
      'resources.onBattery': 'run',
    },
    within: (index) => cages[index]!.within,
  })
  say({ phase: 'start', seconds: 0, ...watch.take() })
  const context: Context = { nodes: net.nodes, owner: net.nodes[0]!, models: [] }
  for (const phase of phases) {
    const started = performance.now()
    const facts = await PHASES[phase]!(context)
    say({ phase, seconds: (performance.now() - started) / 1000, ...watch.take(), ...(facts ?? {}) })
  }
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) })
  process.exitCode = 1
} finally {
  watch.stop()
  await net?.stop()
  say({ kills: cages.reduce((sum, cage) => sum + cage.kills(), 0) })
  for (const cage of cages) await cage.remove()
  rmSync(directory, { recursive: true, force: true })
}
