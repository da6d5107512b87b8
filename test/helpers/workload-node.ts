/** What scores and builds candidates on one machine, without a village: artifacts, models and worker threads, all real. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { createModels, type Models } from '../../node/compute/models/registry.ts'
import { createPool, type Pool } from '../../node/compute/pool.ts'
import { createEvents } from '../../node/events.ts'
import type { FederatedOperations } from '../../node/federated/operations.ts'
import type { WorkloadContext } from '../../node/federated/workloads/workload.ts'
import { createLog } from '../../node/log.ts'
import { type Artifacts, createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { openStore } from '../../node/store.ts'
import { createSmallMesh } from './small-mesh.ts'

export interface WorkloadNode {
  readonly context: WorkloadContext
  readonly artifacts: Artifacts
  readonly models: Models
  readonly pool: Pool<FederatedOperations>
  /** Stores a file as an upload does; returns its CID. */
  store(text: string): Promise<string>
  stop(): Promise<void>
}

const WORKER = new URL('../../node/federated/worker.ts', import.meta.url)

/** With the worker threads of another node, or its own. */
export async function startWorkloadNode(
  init: { readonly pool?: Pool<FederatedOperations> } = {},
): Promise<WorkloadNode> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-workload-'))
  const log = createLog({ level: 'silent' })
  const events = createEvents()
  const store = await openStore({ directory })
  const mesh = await createSmallMesh()
  const artifacts = createArtifacts(
    { mesh, store, events, log },
    { directory, maxBytes: 2 ** 30, uploadBytesPerSecond: null, collectEveryMs: 0 },
  )
  const signal = new AbortController().signal
  await artifacts.start(signal)
  const own =
    init.pool === undefined
      ? createPool<FederatedOperations>({ log }, { threads: 1, workerUrl: WORKER })
      : null
  await own?.start(signal)
  const pool = own ?? init.pool!
  const modelsDirectory = path.join(directory, 'models')
  const workDirectory = path.join(directory, 'candidates')
  await mkdir(modelsDirectory)
  await mkdir(workDirectory)
  const models = createModels({ artifacts, pool, store, events, log }, { directory, modelsDirectory })
  return {
    artifacts,
    models,
    pool,
    context: { artifacts, models, pool, modelsDirectory, workDirectory, log },
    store: async (text) =>
      (await artifacts.addStream(Readable.from([Buffer.from(text)]), { name: 'data.jsonl' })).cid,
    async stop() {
      await own?.stop()
      await artifacts.stop()
      await mesh.stop()
      await store.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
