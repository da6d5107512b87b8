/**
 * The main job on real input: three daemons, one private village, a trained sentence encoder compressed by two codecs
 * and by a choice of codecs for each tensor, and evaluated, shared over all three. Every number that it prints was measured in this run.
 *
 * usage: npm run demo [-- --json | --keep]
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { bytes, count, duration, facts, percent, table } from '../node/cli/format.ts'
import { createProgress } from '../node/cli/progress.ts'
import { type JobView, waitForJob } from '../node/cli/wait-job.ts'
import { type LocalNode, type Localnet, startLocalnet } from './localnet.ts'

const NODES = 3
const CODECS = [
  { title: 'int4', params: { codec: 'int4' } },
  { title: 'seedlm', params: { codec: 'seedlm' } },
  // Tries every codec on every tensor: minutes without the native kernels.
  { title: 'auto, ratio 8', params: { codec: 'auto', target: { ratio: 8 } }, needsNative: true },
] as const
const MODEL = 'encoder'

interface Status {
  name: string
  peer: string
  compute: { native: boolean; reason: string | null; simd: string; threads: number }
  artifacts: { sentBytes: number; receivedBytes: number }
  peers: number
}
interface Report {
  totals: {
    parameters: number
    compressedWeights: number
    bitsPerWeight: number
    bitsPerParameter: number
    relativeError: number
    originalBytes: number
    packedBytes: number
    runnableBytes: number
    ratio: number
    runnableRatio: number
  }
  id: string
  packed: { cid: string }
  runnable: { cid: string }
}
interface Interval {
  value: number
  low: number
  high: number
}
interface Scores {
  model: string
  scores: { groupAccuracy: number; neighbourAgreement?: Interval; spearman?: Interval; meanCosine?: Interval }
}

const USAGE = 'usage: npm run demo [-- --json | --keep]'

function readOptions() {
  try {
    return parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    console.error(`${(error as Error).message.split('\n')[0]}; ${USAGE}`)
    process.exit(2)
  }
}

const options = readOptions()
if (options.help) {
  console.log(
    `${USAGE}\n  --json  one JSON object instead of text\n  --keep  keep the village running until Ctrl-C`,
  )
  process.exit(0)
}
const say = (text: string) => {
  if (!options.json) console.log(text)
}

async function runJob(node: LocalNode, title: string, kind: string, params: object): Promise<JobView> {
  const { id } = await node.client.send<{ id: string }>('POST', '/api/v1/jobs', { kind, params })
  const progress = createProgress(title, process.stderr, !options.json)
  const job = await waitForJob({ client: node.client, progress, signal: stopping.signal }, id)
  if (job.state !== 'done')
    throw new Error(`${title} ended as ${job.state}: ${job.error?.code} ${job.error?.message}`)
  return job
}

const statuses = (net: Localnet) =>
  Promise.all(net.nodes.map((node) => node.client.get<Status>('/api/v1/status')))
const received = async (net: Localnet) =>
  (await statuses(net)).reduce((sum, { artifacts }) => sum + artifacts.receivedBytes, 0)

/** The share of each node by the time that its threads were busy with accepted results. */
function sharesOf(job: JobView, names: ReadonlyMap<string, string>) {
  const busy = Object.values(job.shares).reduce((sum, { busyMs }) => sum + busyMs, 0)
  return Object.entries(job.shares)
    .map(([peer, share]) => ({
      node: names.get(peer) ?? peer,
      tasks: share.tasks,
      busyMs: Math.round(share.busyMs),
      share: busy === 0 ? 0 : share.busyMs / busy,
      outputBytes: share.bytes,
    }))
    .sort((a, b) => a.node.localeCompare(b.node))
}

const shareText = (shares: ReturnType<typeof sharesOf>) =>
  shares.map(({ node, tasks, share }) => `${node} ${tasks} tasks (${percent(share)})`).join(', ')
const interval = ({ value, low, high }: Interval) =>
  `${(value * 100).toFixed(1)}% (${(low * 100).toFixed(1)} to ${(high * 100).toFixed(1)})`

const stopping = new AbortController()
const started = performance.now()
const directory = await mkdtemp(path.join(tmpdir(), 'village-demo-'))
let net: Localnet | undefined
let interrupted = false
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    interrupted = true
    stopping.abort()
  })

async function demo(): Promise<void> {
  say(`Starting ${NODES} daemons…`)
  net = await startLocalnet({
    count: NODES,
    directory,
    name: 'Demo village',
    settings: { 'log.level': 'warn', 'resources.onBattery': 'run' },
  })
  const [owner] = net.nodes
  const nodes = await statuses(net)
  const names = new Map(nodes.map(({ peer, name }) => [peer, name]))
  const { compute } = nodes[0]!
  say(
    `${facts([
      ['village', 'Demo village, private: node-1 created it, node-2 and node-3 joined by invite'],
      ['kernels', compute.native ? `native (${compute.simd})` : `TypeScript reference (${compute.reason})`],
      ['threads', `${compute.threads} for each daemon`],
      ['up after', duration(performance.now() - started)],
    ])}\n`,
  )

  const model = await owner!.client.send<{
    cid: string
    parameters: number
    sizeBytes: number
    name: string
  }>('POST', '/api/v1/models', { embedded: 'encoder', id: MODEL })
  say(
    `${facts([
      ['model', model.name],
      ['parameters', count(model.parameters)],
      ['size', bytes(model.sizeBytes)],
      ['artifact', model.cid],
    ])}\n`,
  )

  const compressed = []
  const codecs = CODECS.filter((row) => compute.native || !('needsNative' in row))
  for (const { params, title } of codecs) {
    const before = await received(net)
    const job = await runJob(owner!, `compress ${title}`, 'compress', {
      model: MODEL,
      ...params,
      // All are evaluated together below.
      keep: 0,
      calibrate: compute.native ? 'auto' : 'none',
    })
    const report = job.result as unknown as Report // what the job kind `compress` puts together
    compressed.push({
      codec: params.codec,
      title,
      id: report.id,
      totals: report.totals,
      packedCid: report.packed.cid,
      runnableCid: report.runnable.cid,
      wallMs: job.finishedAtMs! - job.createdAtMs,
      bytesMoved: (await received(net)) - before,
      shares: sharesOf(job, names),
    })
    const { wallMs, shares } = compressed.at(-1)!
    say(`compress ${title}: ${job.total} tasks in ${duration(wallMs)}: ${shareText(shares)}`)
  }

  const before = await received(net)
  const evaluation = await runJob(owner!, 'evaluate', 'evaluate', {
    models: [MODEL, ...compressed.map(({ id }) => id)],
    suite: 'similarity',
  })
  const evaluated = {
    items: (evaluation.result as { items: number }).items,
    wallMs: evaluation.finishedAtMs! - evaluation.createdAtMs,
    bytesMoved: (await received(net)) - before,
    shares: sharesOf(evaluation, names),
    models: (evaluation.result as unknown as { models: Scores[] }).models, // what the job kind `evaluate` puts together
  }
  say(
    `evaluate, ${evaluated.items} sentences by ${compressed.length + 1} models: ${evaluation.total} tasks in ` +
      `${duration(evaluated.wallMs)}: ${shareText(evaluated.shares)}\n`,
  )

  const results = compressed.map((entry) => ({
    ...entry,
    quality: evaluated.models.find(({ model: id }) => id === entry.id)!.scores,
  }))
  const wallMs = Math.round(performance.now() - started)
  if (options.json)
    console.log(
      JSON.stringify({
        nodes: nodes.map(({ name, peer }) => ({ name, peer })),
        native: compute.native,
        simd: compute.simd,
        model: { ...model, groupAccuracy: evaluated.models[0]!.scores.groupAccuracy },
        results,
        evaluation: { ...evaluated, models: undefined },
        bytesMoved: await received(net),
        wallMs,
      }),
    )
  else {
    say(
      table(
        ['CODEC', 'BITS/WEIGHT', 'RATIO', 'REL. ERROR', 'STORED', 'RUNNABLE', 'TIME', 'MOVED'],
        results.map(({ title, totals, wallMs: tookMs, bytesMoved }) => [
          title,
          totals.bitsPerWeight.toFixed(3),
          `${totals.ratio.toFixed(2)}x`,
          totals.relativeError.toFixed(4),
          bytes(totals.packedBytes),
          bytes(totals.runnableBytes),
          duration(tookMs),
          bytes(bytesMoved),
        ]),
      ),
    )
    say(
      `\n${table(
        ['QUALITY KEPT (95% INTERVAL)', 'SAME NEAREST NEIGHBOUR', 'RANK CORRELATION'],
        results.map(({ title, quality }) => [
          title,
          interval(quality.neighbourAgreement!),
          interval(quality.spearman!),
        ]),
      )}`,
    )
    say(
      `\n${facts([
        ['bits/weight', 'of the compressed weights, with codes, scales, headers and padding'],
        ['ratio', 'the original model to everything that is stored of the compressed one'],
        ['in all', `${duration(wallMs)}, ${bytes(await received(net))} moved between the daemons`],
      ])}`,
    )
  }
  if (!options.keep) return
  say(
    `\nThe village goes on. Dashboards:\n${net.nodes.map(({ dashboardLink }) => `  ${dashboardLink}`).join('\n')}`,
  )
  say('Ctrl-C stops it and removes its data.')
  await new Promise<void>((resolve) =>
    stopping.signal.addEventListener('abort', () => resolve(), { once: true }),
  )
}

try {
  await demo()
} catch (error) {
  if (!interrupted) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  } else process.exitCode = 130
} finally {
  await net?.stop()
  await rm(directory, { recursive: true, force: true })
}
