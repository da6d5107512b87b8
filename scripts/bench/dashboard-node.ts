/**
 * A real daemon in a process of its own, in a village, with models and jobs, that tells of as many things a second as it is asked to:
 * what the dashboard's bench looks at. `node scripts/bench/dashboard-node.ts DIRECTORY`; lines of JSON on standard input and output.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon } from '../../node/daemon.ts'

const MODELS = 20
const JOBS = 50
const TICK_MS = 20
/** Tasks of the job that is told of. */
const TASKS = 200

const directory = process.argv[2]
if (directory === undefined) throw new Error('usage: dashboard-node.ts DIRECTORY')
const daemon = await createDaemon({
  ...DEFAULT_CONFIG,
  'data.dir': directory,
  'log.level': 'silent',
  'api.port': 0,
  'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
  'mesh.mdns': false,
})
await daemon.start()
const tell = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`)
const base = daemon.api.url()
const token = new URLSearchParams(new URL(daemon.api.dashboardLink()).hash.slice(1)).get('token')

async function post(path: string, body: object): Promise<{ id: string }> {
  const response = await fetch(`${base}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
  return (await response.json()) as { id: string }
}

await post('/api/v1/village', { name: 'Elm Street' })
for (let n = 0; n < MODELS; n += 1) await post('/api/v1/models', { embedded: 'encoder', id: `encoder-${n}` })
for (let n = 0; n < JOBS; n += 1) {
  const { id } = await daemon.jobs.submit({ kind: 'compress', params: { model: 'encoder-0', codec: 'int4' } })
  await daemon.jobs.cancel(id)
}

const delay = monitorEventLoopDelay({ resolution: 5 })
let timer: NodeJS.Timeout | undefined
let emitted = 0

/** A mixture as a busy village makes: mostly progress of tasks, and what makes pages read their parts again. */
function emitOne(n: number): void {
  const job = 'bench-job'
  const turn = n % 20
  if (turn === 0)
    daemon.events.emit('job:changed', {
      ...{ job, kind: 'compress', state: 'running', stage: null },
      ...{ done: n % TASKS, total: TASKS },
    })
  else if (turn === 1)
    daemon.events.emit('artifact:progress', { cid: `bafy${n % 97}`, doneBytes: n, totalBytes: n * 2 })
  else if (turn === 2) daemon.events.emit('resources:changed', { accepting: true, reason: null })
  else if (turn === 3)
    daemon.events.emit('training:metrics', {
      ...{ job, step: n, steps: n + 1, loss: 1, heldOutLoss: null, learningRate: 1e-3 },
      ...{ gradientNorm: null, tokens: n, tokensPerSecond: 100 },
    })
  else
    daemon.events.emit('task:changed', {
      ...{ job, task: n % TASKS, state: 'leased', peer: daemon.peerId },
      progress: (n % 100) / 100,
    })
}

function setRate(bySecond: number): void {
  clearInterval(timer)
  delay.reset()
  delay.enable()
  const startedAt = performance.now()
  const before = emitted
  timer = setInterval(() => {
    const due = before + ((performance.now() - startedAt) * bySecond) / 1000
    while (emitted < due) emitOne(emitted++)
  }, TICK_MS)
}

tell({ link: daemon.api.dashboardLink() })
for await (const line of createInterface({ input: process.stdin })) {
  const { rate, report } = JSON.parse(line) as { rate?: number; report?: boolean }
  if (rate !== undefined) setRate(rate)
  if (report === true) tell({ emitted, delayP99Ms: delay.percentile(99) / 1e6 })
}
clearInterval(timer)
await daemon.stop()
