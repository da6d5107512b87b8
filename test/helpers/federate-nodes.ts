/** Nodes with mesh, artifacts, models and federated learning on loopback. */
import path from 'node:path'
import { createModels, type Models } from '../../node/compute/models/registry.ts'
import { createPool, type Pool } from '../../node/compute/pool.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createFederateClient, type FederateClient } from '../../node/federated/learn/client.ts'
import { dataByName } from '../../node/federated/learn/consent.ts'
import { createFederations, type Federations } from '../../node/federated/learn/federations.ts'
import type { FederatedOperations } from '../../node/federated/operations.ts'
import { type Artifacts, createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import { patientSignal } from '../runner/deadline.ts'
import { testResources } from './job-nodes.ts'
import { type MeshNode, type MeshNodeInit, startMeshNode, TEST_LOG, villageOf } from './mesh.ts'

export interface FederateNode {
  readonly mesh: MeshNode
  readonly peer: string
  readonly artifacts: Artifacts
  readonly models: Models
  readonly pool: Pool<FederatedOperations>
  readonly client: FederateClient
  readonly federations: Federations
  stop(): Promise<void>
}

export interface FederateNodeInit extends MeshNodeInit {
  /** As the key federate.data. */
  data?: readonly string[]
  roundsByDay?: number
  /** That of another node: a worker takes a second to load all that it needs. */
  pool?: Pool<FederatedOperations>
}

const WORKER = new URL('../../node/federated/worker.ts', import.meta.url)
const running = new Set<FederateNode>()

export async function startFederateNode(init: FederateNodeInit = {}): Promise<FederateNode> {
  const parts: Partial<Pick<FederateNode, 'artifacts' | 'models' | 'pool' | 'client' | 'federations'>> = {}
  const resources = testResources({ cores: 1, accepts: { others: true, own: true } })
  const mesh = await startMeshNode({
    ...init,
    prepare(mesh, { store, events, directory, identity }) {
      const log = TEST_LOG
      const pool =
        init.pool ?? createPool<FederatedOperations>({ log }, { threads: 1, niceness: 0, workerUrl: WORKER })
      const artifacts = createArtifacts(
        { mesh, store, events, log },
        {
          directory,
          maxBytes: 2 ** 30,
          uploadBytesPerSecond: null,
          collectEveryMs: 0,
          lent: (cid) => federations.lends(cid),
        },
      )
      const modelsDirectory = path.join(directory, 'models')
      const models = createModels({ artifacts, pool, store, events, log }, { directory, modelsDirectory })
      const shared = { mesh, artifacts, models, pool, longPool: pool, resources, store, events, log }
      const { peerId } = identity
      const signer = signerFromIdentity(identity.privateKey)
      const client = createFederateClient(shared, {
        peerId,
        signer,
        directory: path.join(directory, 'federate-client'),
        modelsDirectory,
        consent: {
          data: dataByName(init.data ?? DEFAULT_CONFIG['federate.data']),
          servers: [],
          roundsByDay: init.roundsByDay ?? 1_000,
          minutesByDay: 1_440,
          wattHoursByDay: null,
        },
      })
      const federations: Federations = createFederations(
        { ...shared, signer },
        { peerId, directory: path.join(directory, 'federations'), modelsDirectory },
      )
      Object.assign(parts, { artifacts, models, pool, client, federations })
    },
  })
  const { artifacts, models, pool, client, federations } = parts as Required<typeof parts>
  const services = [...(init.pool === undefined ? [pool] : []), artifacts, client, federations]
  for (const service of services) await service.start(patientSignal(60_000))
  const node: FederateNode = {
    mesh,
    peer: mesh.mesh.peerId,
    artifacts,
    models,
    pool,
    client,
    federations,
    async stop() {
      if (!running.delete(node)) return
      await federations.stop()
      await client.stop()
      await mesh.mesh.stop()
      await artifacts.stop()
      if (init.pool === undefined) await pool.stop()
      await mesh.stop()
    },
  }
  running.add(node)
  return node
}

export async function stopFederateNodes(): Promise<void> {
  await Promise.all([...running].map((node) => node.stop()))
}

/** The first founds a village, the others join. */
export const startFederateVillage = (inits: readonly FederateNodeInit[]): Promise<FederateNode[]> =>
  villageOf(inits, startFederateNode)

/** Resolves when a federation has ended. */
export async function ended(node: FederateNode, id: string) {
  const isOver = async () => (await node.federations.get(id)).state !== 'running'
  if (!(await isOver()))
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the federation does not end')), 60_000)
      const end = node.mesh.events.subscribe((event) => {
        if (event.type !== 'federation:changed' || event.data.federation !== id) return
        if (event.data.state === 'running') return
        clearTimeout(timer)
        end()
        resolve()
      })
    })
  return node.federations.get(id)
}
