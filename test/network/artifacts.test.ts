/** Artifacts over the real mesh: a private village, the DHT, revocation, and a receiver that is killed. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Artifacts, createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { bulkBytes, codeOf, within } from '../helpers/artifact-nodes.ts'
import type { ReceiverMessage, ReceiverTask } from '../helpers/artifact-receiver.ts'
import {
  joinWith,
  type MeshNode,
  startMeshNode,
  startVillage,
  stopMeshNodes,
  TEST_LOG,
  temporaryDirectory,
  until,
} from '../helpers/mesh.ts'

const services = new Set<Artifacts>()

/** Options of a mesh node that has an artifact service; the services come out in the order of the nodes. */
function withArtifacts(list: Artifacts[], uploadBytesPerSecond: number | null = null) {
  return () => ({
    prepare(mesh: MeshNode['mesh'], parts: Pick<MeshNode, 'store' | 'events' | 'directory'>) {
      const service = createArtifacts(
        { ...parts, mesh, log: TEST_LOG },
        { directory: parts.directory, maxBytes: 2 ** 30, uploadBytesPerSecond, collectEveryMs: 0 },
      )
      services.add(service)
      list.push(service)
    },
  })
}
const startAll = (list: Artifacts[]) => Promise.all(list.map((service) => service.start(within())))

const network = suite('artifacts over the mesh')
network.after.each(async () => {
  await Promise.all([...services].map((service) => service.stop()))
  services.clear()
  await stopMeshNodes()
})

network('a member fetches from members, also from one that the DHT alone names', async () => {
  const list: Artifacts[] = []
  const [a, b, c] = await startVillage(3, withArtifacts(list))
  await startAll(list)
  await until('everyone connected', () => [a, b, c].every((node) => node!.mesh.peers().length === 2))
  const bytes = bulkBytes(5 * 2 ** 20 + 3)
  const { cid } = await list[2]!.addBytes(bytes, { pin: 'x' })
  await list[0]!.fetch(cid, { signal: within() })
  assert.ok(Buffer.from(await list[0]!.read(cid)).equals(bytes))
  const found: string[] = []
  for await (const peer of b!.mesh.findProviders((await import('multiformats/cid')).CID.parse(cid), {
    signal: within(),
  }))
    found.push(peer)
  assert.ok(found.includes(c!.mesh.peerId))
})

network('no artifact leaves the village: a revoked member and a stranger get nothing', async () => {
  const list: Artifacts[] = []
  const [a, b] = await startVillage(2, withArtifacts(list))
  await startAll(list)
  await until('connected', () => a!.mesh.peers().length === 1)
  const { cid } = await list[0]!.addBytes(bulkBytes(100_000), { pin: 'x' })
  await a!.villages.revoke(b!.mesh.peerId, 'test')
  await until('revoked', () => a!.mesh.peers().length === 0)
  const options = { signal: within(), providers: [a!.mesh.peerId] }
  assert.is(await codeOf(list[1]!.fetch(cid, options)), 'ARTIFACT_UNAVAILABLE')

  const lone: Artifacts[] = []
  await startMeshNode(withArtifacts(lone)())
  await startAll(lone)
  assert.is(await codeOf(lone[0]!.fetch(cid, options)), 'ARTIFACT_UNAVAILABLE')
})

const RECEIVER = fileURLToPath(new URL('../helpers/artifact-receiver.ts', import.meta.url))

function startReceiver(task: ReceiverTask): {
  child: ChildProcess
  messages: AsyncIterable<ReceiverMessage>
} {
  const child = fork(RECEIVER, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const queue: ReceiverMessage[] = []
  let wake = Promise.withResolvers<void>()
  child.on('message', (message) => {
    queue.push(message as ReceiverMessage)
    wake.resolve()
  })
  let ended = false
  child.on('exit', () => {
    ended = true
    wake.resolve()
  })
  child.send(task)
  async function* messages(): AsyncGenerator<ReceiverMessage> {
    while (!ended || queue.length > 0) {
      yield* queue.splice(0)
      await wake.promise
      wake = Promise.withResolvers<void>()
    }
  }
  return { child, messages: messages() }
}

network('a receiver killed half-way resumes and fetches only what is missing', async () => {
  const list: Artifacts[] = []
  const owner = await startMeshNode(withArtifacts(list, 20 * 2 ** 20)())
  await owner.villages.create({ name: 'test village', open: false })
  await startAll(list)
  const bytes = bulkBytes(24 * 2 ** 20)
  const { cid } = await list[0]!.addBytes(bytes, { pin: 'x' })
  const { invite } = await owner.villages.invite({ role: 'member', expiresInMs: 60_000, uses: 1 })
  const task = { directory: await temporaryDirectory(), cid, address: owner.mesh.addresses()[0]! }

  const first = startReceiver({ ...task, invite })
  const exited = once(first.child, 'exit')
  for await (const message of first.messages)
    if (message.type === 'progress' && message.doneBytes > message.totalBytes / 2) first.child.kill('SIGKILL')
  const [code, killedBy] = await exited
  assert.is(killedBy, 'SIGKILL', `the receiver ended by itself with exit code ${code}`)

  const second = startReceiver({ ...task, invite: null })
  let keptBytes = -1
  let done: ReceiverMessage | null = null
  for await (const message of second.messages) {
    if (message.type === 'started') keptBytes = message.sizeBytes
    if (message.type === 'done') done = message
  }
  assert.ok(keptBytes > bytes.byteLength / 2, `${keptBytes} bytes were kept`)
  assert.ok(done?.type === 'done')
  assert.is(done.receivedBytes, done.sizeBytes - keptBytes)
  assert.is(done.sizeBytes, list[0]!.usage().sizeBytes)
})

network('a village that grows: the newcomer is served by those who fetched before', async () => {
  const list: Artifacts[] = []
  const [founder, second] = await startVillage(2, withArtifacts(list))
  await startAll(list)
  await until('connected', () => second!.mesh.peers().length === 1)
  const bytes = bulkBytes(2 ** 20 + 5)
  const { cid } = await list[0]!.addBytes(bytes)
  await list[1]!.fetch(cid, { signal: within(), pin: 'x' })
  await list[0]!.remove(cid)
  assert.is(list[0]!.usage().blocks, 0)
  const late: Artifacts[] = []
  const newcomer = await startMeshNode(withArtifacts(late)())
  await startAll(late)
  await joinWith(founder!, newcomer)
  await until('connected', () => newcomer.mesh.peers().length === 2)
  await late[0]!.fetch(cid, { signal: within() })
  assert.ok(Buffer.from(await late[0]!.read(cid)).equals(bytes))
  assert.is(list[0]!.usage().sentBytes, list[1]!.usage().receivedBytes)
})

network.run()
