/** Nodes with mesh, artifacts and jobs on loopback, and kinds of tasks that can be told to misbehave. */
import path from 'node:path'
import type { JobKind } from '../../node/compute/jobs/job.ts'
import { createJobs, type Jobs } from '../../node/compute/jobs/jobs.ts'
import { JOB_KINDS } from '../../node/compute/jobs/kinds.ts'
import { createModels, type Models } from '../../node/compute/models/registry.ts'
import { createModelShares, type ModelShares } from '../../node/compute/models/shares.ts'
import { createPool, type Pool } from '../../node/compute/pool.ts'
import type { Resources } from '../../node/compute/resources.ts'
import { createSandbox } from '../../node/compute/sandbox/sandbox.ts'
import { TASK_KINDS } from '../../node/compute/tasks/table.ts'
import type { TaskKind } from '../../node/compute/tasks/task.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { VillageError } from '../../node/errors.ts'
import { federatedJobKinds, federatedTaskKinds } from '../../node/federated/kinds.ts'
import type { FederatedOperations } from '../../node/federated/operations.ts'
import { type Artifacts, createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { patientSignal } from '../runner/deadline.ts'
import { type MeshNode, type MeshNodeInit, startMeshNode, TEST_LOG, villageOf } from './mesh.ts'

export interface JobNode {
  readonly mesh: MeshNode
  readonly peer: string
  readonly artifacts: Artifacts
  readonly pool: Pool
  readonly longPool: Pool
  readonly models: Models
  readonly shares: ModelShares
  readonly jobs: Jobs
  readonly resources: TestResources
  /** Stops all services and closes the store; the directory stays. */
  stop(): Promise<void>
}

export interface TestResources extends Pick<Resources, 'limits' | 'accepts' | 'onChange'> {
  /** Takes work of others, of its own. */
  set(accepts: { others: boolean; own: boolean }): void
  lend(memoryBytes: number): void
}

export interface JobNodeInit extends MeshNodeInit {
  taskKinds?: readonly TaskKind[]
  jobKinds?: readonly JobKind[]
  /** With the kinds and worker threads of federated/, as the daemon has them. */
  federated?: boolean
  cores?: number
  accepts?: { others: boolean; own: boolean }
  random?: () => number
}

export function testResources(init: {
  cores: number
  accepts: { others: boolean; own: boolean }
}): TestResources {
  let accepts = init.accepts
  let memoryBytes = 4 * 2 ** 30
  const listeners = new Set<() => void>()
  return {
    limits: () => ({
      cpuCores: init.cores,
      memoryBytes,
      diskBytes: 2 ** 30,
      uploadBytesPerSecond: null,
    }),
    accepts: (own) => (own ? accepts.own : accepts.others),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    set(next) {
      accepts = next
      for (const listener of listeners) listener()
    },
    lend(next) {
      memoryBytes = next
    },
  }
}

const FEDERATED_WORKER = new URL('../../node/federated/worker.ts', import.meta.url)

/** Such a node takes part in no run. */
function unknownRun(): never {
  throw new VillageError('RUN_UNKNOWN')
}

function kindsOf(
  { taskKinds, jobKinds, federated }: JobNodeInit,
  pool: Pool<FederatedOperations>,
): { taskKinds?: readonly TaskKind[]; jobKinds?: readonly JobKind[] } {
  if (federated === true)
    return {
      taskKinds: [...TASK_KINDS, ...federatedTaskKinds({ pool })],
      jobKinds: [...JOB_KINDS, ...federatedJobKinds({ pool, runState: unknownRun })],
    }
  return { ...(taskKinds && { taskKinds }), ...(jobKinds && { jobKinds }) }
}

const running = new Set<JobNode>()

export async function startJobNode(init: JobNodeInit = {}): Promise<JobNode> {
  const cores = init.cores ?? 1
  const resources = testResources({ cores, accepts: init.accepts ?? { others: true, own: true } })
  const config: Config = { ...DEFAULT_CONFIG, ...init.config }
  const parts: {
    artifacts?: Artifacts
    jobs?: Jobs
    models?: Models
    pool?: Pool
    longPool?: Pool
    shares?: ModelShares
  } = {}
  const mesh = await startMeshNode({
    ...init,
    prepare(mesh, { store, events, directory }) {
      const log = TEST_LOG
      const workerUrl = init.federated === true ? { workerUrl: FEDERATED_WORKER } : {}
      const pool = createPool<FederatedOperations>({ log }, { threads: cores, niceness: 0, ...workerUrl })
      const kinds = kindsOf(init, pool)
      const longPool = createPool({ log }, { threads: 1, niceness: 0 })
      const artifacts = createArtifacts(
        { mesh, store, events, log },
        {
          directory,
          maxBytes: 2 ** 30,
          uploadBytesPerSecond: null,
          collectEveryMs: 0,
          published: (cid) => jobs.guestsMayRead(cid) || shares.isShared(cid),
          shared: (cid) => shares.isShared(cid),
          lent: (cid) => jobs.lends(cid),
        },
      )
      const modelsDirectory = path.join(directory, 'models')
      const models = createModels({ artifacts, pool, store, events, log }, { directory, modelsDirectory })
      const shares = createModelShares({ mesh, models, events, log }, { soonMs: 50 })
      const sandbox = createSandbox({ log }, { parallel: cores })
      const jobs: Jobs = createJobs(
        { mesh, artifacts, pool, longPool, resources, models, sandbox, store, events, log },
        {
          peerId: mesh.peerId,
          version: '0.0.0',
          config,
          directory,
          modelsDirectory,
          ...kinds,
          ...(init.random === undefined ? {} : { random: init.random }),
        },
      )
      Object.assign(parts, { artifacts, jobs, models, pool, longPool, shares })
    },
  })
  const { artifacts, jobs, models, pool, longPool, shares } = parts as Required<typeof parts>
  const signal = patientSignal(60_000)
  await pool.start(signal)
  await longPool.start(signal)
  await artifacts.start(signal)
  await jobs.start(signal)
  await shares.start(signal)
  const node: JobNode = {
    mesh,
    peer: mesh.mesh.peerId,
    artifacts,
    pool,
    longPool,
    models,
    shares,
    jobs,
    resources,
    async stop() {
      if (!running.delete(node)) return
      await shares.stop()
      await jobs.stop()
      await artifacts.stop()
      await pool.stop()
      await longPool.stop()
      await mesh.stop()
    },
  }
  running.add(node)
  return node
}

export async function stopJobNodes(): Promise<void> {
  await Promise.all([...running].map((node) => node.stop()))
}

/** The first founds a village, the others join. */
export const startJobVillage = (inits: readonly JobNodeInit[]): Promise<JobNode[]> =>
  villageOf(inits, startJobNode)
