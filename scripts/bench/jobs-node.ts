/**
 * A node with jobs in a process of its own, for the benchmark of jobs: real mesh, artifacts, queue and worker threads, and two
 * kinds of tasks that the daemon does not have. `nothing` costs nothing, so that all that is measured is what a task
 * costs by itself; `spin` keeps one core busy with a codec. Started with fork(); answers to messages { call, … }.
 */
import path from 'node:path'
import { type JobKind, MAX_TASKS_BY_JOB } from '../../node/compute/jobs/job.ts'
import { createJobs } from '../../node/compute/jobs/jobs.ts'
import { createModels } from '../../node/compute/models/registry.ts'
import { createPool } from '../../node/compute/pool.ts'
import { createSandbox } from '../../node/compute/sandbox/sandbox.ts'
import { readParams } from '../../node/compute/tasks/read-params.ts'
import type { TaskKind } from '../../node/compute/tasks/task.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { VillageError } from '../../node/errors.ts'
import { createEvents } from '../../node/events.ts'
import { loadIdentity } from '../../node/identity.ts'
import { createLog } from '../../node/log.ts'
import { createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { createMembership } from '../../node/mesh/membership/membership.ts'
import { createVillages } from '../../node/mesh/membership/villages.ts'
import { createMesh } from '../../node/mesh/mesh.ts'
import { openStore } from '../../node/store.ts'

export type BenchCall =
  | { call: 'create' }
  | { call: 'invite' }
  | { call: 'join'; invite: string }
  /** Resolves with the milliseconds from submission to the end. */
  | { call: 'run'; kind: 'nothing' | 'spin'; tasks: number }
  /** Whether this node does tasks of its own jobs, and of others'. */
  | { call: 'accept'; own: boolean; others: boolean }

const COLS = 512
const ROWS = 96
const OUTPUT_BYTES = 64

function parse(input: unknown): { index: number } {
  const reader = readParams(input)
  const index = reader.integer('index', 0, MAX_TASKS_BY_JOB)
  reader.end()
  return { index }
}

const TASKS: readonly TaskKind[] = [
  {
    kind: 'nothing',
    check: 'verify',
    parseParams: parse,
    inputs: () => [],
    estimate: () => ({ memoryBytes: 1024, cost: 1, maxOutputBytes: OUTPUT_BYTES }),
    run: async ({ index }) => ({
      bytes: new Uint8Array(OUTPUT_BYTES).fill((index as number) % 251),
      stats: {},
    }),
    async inspect(_params, { bytes }) {
      if (bytes.byteLength !== OUTPUT_BYTES) throw new VillageError('RESULT_INVALID')
    },
    async verify({ index }, { bytes }) {
      if (!bytes.every((byte) => byte === (index as number) % 251)) throw new VillageError('RESULT_INVALID')
      return { exact: true }
    },
    agree: () => true,
  },
  {
    kind: 'spin',
    check: 'verify',
    parseParams: parse,
    inputs: () => [],
    estimate: () => ({ memoryBytes: 2 ** 20, cost: 1, maxOutputBytes: ROWS * COLS }),
    async run({ index }, { pool, signal }) {
      const data = Float32Array.from({ length: ROWS * COLS }, (_, at) =>
        Math.sin(at * 7.13 + (index as number)),
      )
      // The exhaustive search: a tenth of a second that needs a core and little of the cache that cores share.
      const input = { codec: 'seedlm', params: { search: 'exact' }, matrix: { rows: ROWS, cols: COLS, data } }
      const { packed, stats } = await pool.run('codec.encode', input, { signal })
      return { bytes: packed, stats: { ...stats } }
    },
    async inspect(_params, { stats }) {
      if (stats.weights !== ROWS * COLS) throw new VillageError('RESULT_INVALID')
    },
    async verify(_params, { stats }) {
      if (stats.weights !== ROWS * COLS) throw new VillageError('RESULT_INVALID')
      return { exact: true }
    },
    agree: () => true,
  },
]

const JOBS: readonly JobKind[] = TASKS.map(({ kind }) => ({
  kind,
  parseParams(input) {
    const reader = readParams(input)
    const tasks = reader.integer('tasks', 1, MAX_TASKS_BY_JOB)
    reader.end()
    return { tasks }
  },
  plan: async ({ tasks }) =>
    Array.from({ length: tasks as number }, (_, index) => ({
      kind,
      params: { index },
      after: [],
      label: kind,
    })),
  assemble: async (_params, results) => ({ results: results.length }),
}))

const directory = process.argv[2]!
const log = createLog({ level: 'silent' })
const signal = new AbortController().signal
const store = await openStore({ directory })
const events = createEvents()
const identity = await loadIdentity({ log }, { directory })
const membership = createMembership({ log, events, store, identity }, { directory })
const config = {
  ...DEFAULT_CONFIG,
  'data.dir': directory,
  'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
  'mesh.mdns': false,
}
const mesh = createMesh({ log, events, store, identity, membership }, { config, version: 'bench' })
const villages = createVillages({ log, membership, network: mesh, store }, { name: 'bench' })
const artifacts = createArtifacts(
  { mesh, store, events, log },
  { directory, maxBytes: 2 ** 30, uploadBytesPerSecond: null, collectEveryMs: 0 },
)
// Without niceness: other programs on the machine would slow two workers more than one.
const pool = createPool({ log }, { threads: 1, niceness: 0 })
const modelsDirectory = path.join(directory, 'models')
const models = createModels({ artifacts, pool, store, events, log }, { directory, modelsDirectory })
let accepts = { own: false, others: true }
const changed = new Set<() => void>()
const jobs = createJobs(
  {
    mesh,
    artifacts,
    pool,
    longPool: pool,
    models,
    sandbox: createSandbox({ log }),
    store,
    events,
    log,
    // One core each, whatever the machine has.
    resources: {
      limits: () => ({ cpuCores: 1, memoryBytes: 2 ** 30, diskBytes: 2 ** 30, uploadBytesPerSecond: null }),
      accepts: (own) => (own ? accepts.own : accepts.others),
      onChange(listener) {
        changed.add(listener)
        return () => changed.delete(listener)
      },
    },
  },
  {
    peerId: identity.peerId,
    version: 'bench',
    config,
    directory,
    modelsDirectory,
    taskKinds: TASKS,
    jobKinds: JOBS,
  },
)
for (const service of [pool, artifacts, mesh, jobs]) await service.start(signal)

async function answer(message: BenchCall): Promise<unknown> {
  switch (message.call) {
    case 'create':
      return villages.create({ name: 'bench', open: false })
    case 'invite':
      return villages.invite({ role: 'member', expiresInMs: 600_000, uses: 10 })
    case 'join':
      return villages.join(message.invite, { signal: AbortSignal.timeout(30_000) })
    case 'accept':
      accepts = message
      for (const listener of changed) listener()
      return null
    case 'run': {
      const started = performance.now()
      const { id } = await jobs.submit({ kind: message.kind, params: { tasks: message.tasks } })
      const summary = await jobs.wait(id, { signal })
      if (summary.state !== 'done')
        throw new Error(`the job ended as ${summary.state}: ${summary.error?.message}`)
      return { ms: performance.now() - started, shares: summary.shares }
    }
  }
}

process.on('message', (message: BenchCall) => {
  answer(message).then(
    (value) => process.send!({ call: message.call, value }),
    (error: Error) => process.send!({ call: message.call, error: error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send!({ call: 'ready', value: identity.peerId })
