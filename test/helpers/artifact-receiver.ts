/**
 * A process of its own that fetches an artifact, for tests that kill it: a mesh node with an artifact service on the data directory
 * given, which joins by invite or finds its village again, and says over IPC what happens.
 */
import { type Artifacts, createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { patientSignal } from '../runner/deadline.ts'
import { startMeshNode, TEST_LOG, until } from './mesh.ts'

export interface ReceiverTask {
  directory: string
  cid: string
  invite: string | null
  /** Of a peer to dial. */
  address: string
}
export type ReceiverMessage =
  | { type: 'started'; sizeBytes: number }
  | { type: 'progress'; doneBytes: number; totalBytes: number }
  | { type: 'done'; receivedBytes: number; sizeBytes: number }

const tell = (message: ReceiverMessage) => process.send?.(message)

process.once('message', async (message) => {
  const task = message as ReceiverTask
  let artifacts: Artifacts | undefined
  const node = await startMeshNode({
    directory: task.directory,
    prepare(mesh, parts) {
      artifacts = createArtifacts(
        { ...parts, mesh, log: TEST_LOG },
        { directory: parts.directory, maxBytes: 2 ** 30, uploadBytesPerSecond: null, collectEveryMs: 0 },
      )
    },
  })
  const signal = patientSignal(60_000)
  await artifacts!.start(signal)
  if (task.invite !== null) await node.villages.join(task.invite, { signal })
  else await node.mesh.dial(task.address, { signal })
  await until('a neighbour', () => node.mesh.peers().length > 0)
  tell({ type: 'started', sizeBytes: artifacts!.usage().sizeBytes })
  await artifacts!.fetch(task.cid, {
    signal,
    onProgress: (doneBytes, totalBytes) => tell({ type: 'progress', doneBytes, totalBytes }),
  })
  const { receivedBytes, sizeBytes } = artifacts!.usage()
  tell({ type: 'done', receivedBytes, sizeBytes })
  await artifacts!.stop()
  await node.stop()
  process.disconnect()
})
