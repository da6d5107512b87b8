/** Nodes with mesh, artifacts and runs of evolution on loopback. Their workload is a toy (toy-workload.ts); everything else is real. */
import path from 'node:path'
import { createModels } from '../../node/compute/models/registry.ts'
import { createPool } from '../../node/compute/pool.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { STRATEGIES } from '../../node/federated/evolve/table.ts'
import type { FederatedOperations } from '../../node/federated/operations.ts'
import type { ConsensusTiming } from '../../node/federated/rounds/consensus/effects.ts'
import { createRounds, type Rounds } from '../../node/federated/rounds/rounds.ts'
import type { Workload } from '../../node/federated/workloads/workload.ts'
import { type Artifacts, createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import { patientSignal } from '../runner/deadline.ts'
import { type TestResources, testResources } from './job-nodes.ts'
import { type MeshNode, type MeshNodeInit, startMeshNode, TEST_LOG, villageOf } from './mesh.ts'
import { type CuttableMesh, cuttableMesh } from './partition.ts'
import { toyWorkload } from './toy-workload.ts'

export interface RoundNode {
  readonly mesh: MeshNode
  readonly peer: string
  readonly artifacts: Artifacts
  readonly rounds: Rounds
  readonly resources: TestResources
  /** Runs do not reach these members, nor are reached by them. */
  cut(peers: readonly string[]): void
  /** Stops all services and closes the store; the directory stays. */
  stop(): Promise<void>
}

export interface RoundNodeInit extends MeshNodeInit {
  workloads?: Readonly<Record<string, Workload>>
  candidatesAtOnce?: number
}

/** Fast enough for a test, slow enough for a busy machine. */
export const TEST_TIMING: ConsensusTiming = {
  proposeMs: 600,
  prevoteMs: 300,
  precommitMs: 300,
  growthMs: 300,
  maxMs: 3_000,
  resendMs: 400,
}
export const TEST_PATIENCE = { batchMs: 40, patienceMs: 500 }

const running = new Set<RoundNode>()

export async function startRoundNode(init: RoundNodeInit = {}): Promise<RoundNode> {
  const resources = testResources({ cores: init.candidatesAtOnce ?? 2, accepts: { others: true, own: true } })
  const config: Config = { ...DEFAULT_CONFIG, ...init.config }
  const parts: { artifacts?: Artifacts; rounds?: Rounds; cuttable?: CuttableMesh } = {}
  const mesh = await startMeshNode({
    ...init,
    prepare(mesh, { store, events, directory, identity }) {
      const log = TEST_LOG
      const artifacts = createArtifacts(
        { mesh, store, events, log },
        {
          directory,
          maxBytes: 2 ** 30,
          uploadBytesPerSecond: null,
          collectEveryMs: 0,
          lent: (cid) => rounds.lends(cid),
        },
      )
      // Toys run on this thread: the pool is never started.
      const pool = createPool<FederatedOperations>({ log }, { threads: 1, niceness: 0 })
      const modelsDirectory = path.join(directory, 'models')
      const models = createModels({ artifacts, pool, store, events, log }, { directory, modelsDirectory })
      const cuttable = cuttableMesh(mesh)
      const rounds: Rounds = createRounds(
        {
          mesh: cuttable.mesh,
          artifacts,
          models,
          pool,
          resources,
          store,
          events,
          signer: signerFromIdentity(identity.privateKey),
          log,
        },
        {
          directory,
          modelsDirectory,
          version: '0.0.0',
          config,
          tables: { workloads: init.workloads ?? { toy: toyWorkload() }, strategies: STRATEGIES },
          timing: TEST_TIMING,
          patience: TEST_PATIENCE,
        },
      )
      Object.assign(parts, { artifacts, rounds, cuttable })
    },
  })
  const { artifacts, rounds, cuttable } = parts as Required<typeof parts>
  const signal = patientSignal(60_000)
  await artifacts.start(signal)
  await rounds.start(signal)
  const node: RoundNode = {
    mesh,
    peer: mesh.mesh.peerId,
    artifacts,
    rounds,
    resources,
    cut: cuttable.cut,
    async stop() {
      if (!running.delete(node)) return
      await rounds.stop()
      await artifacts.stop()
      await mesh.stop()
    },
  }
  running.add(node)
  return node
}

export async function stopRoundNodes(): Promise<void> {
  await Promise.all([...running].map((node) => node.stop()))
}

/** The first founds a village, the others join. */
export const startRoundVillage = (inits: readonly RoundNodeInit[]): Promise<RoundNode[]> =>
  villageOf(inits, startRoundNode)
