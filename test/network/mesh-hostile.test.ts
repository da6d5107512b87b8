/** What a peer may throw at a node: none of it brings the node down, reaches a handler, or stays in memory. */

// own process: it counts what goes uncaught
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PSK_SALT_BYTES } from '../../node/mesh/membership/pre-shared-key.ts'
import { bytes, message } from '../../node/mesh/protocols/message.ts'
import {
  ROSTER_PROTOCOL,
  RosterAnnouncement,
  RosterOffer,
  RosterRecords,
  RosterWant,
} from '../../node/mesh/protocols/roster.ts'
import { type MeshNode, startMeshNode, startVillage, stopMeshNodes, until } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { paperVillage, START_MS } from '../helpers/village.ts'

const within = () => ({ signal: AbortSignal.timeout(20_000) })
const Any = message('Any', { data: [1, bytes(600_000)] })
const LISTEN = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws']
let victim: MeshNode
let member: MeshNode
let uncaught = 0
const count = () => {
  uncaught += 1
}

test.before(async () => {
  process.on('uncaughtException', count)
  process.on('unhandledRejection', count)
  ;[victim, member] = (await startVillage(2, (index) =>
    index === 0 ? { config: { 'mesh.listen': LISTEN } } : {},
  )) as [MeshNode, MeshNode]
})
test.after(async () => {
  await stopMeshNodes()
  process.off('uncaughtException', count)
  process.off('unhandledRejection', count)
})

const portsOf = (node: MeshNode) =>
  node.mesh.addresses().map((address) => Number(/\/tcp\/(\d+)/.exec(address)?.[1]))
const portOf = (node: MeshNode) => portsOf(node)[0] as number
const digestOf = (node: MeshNode) =>
  Buffer.from(node.membership.village()?.roster.digest() ?? []).toString('hex')

/** Opens a raw connection, sends what is given, and resolves with what came back when the node closes it. */
function raw(port: number, sent: readonly Uint8Array[], reset = false): Promise<Buffer> {
  return new Promise((resolve) => {
    const received: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => {
      for (const part of sent) socket.write(part)
      if (reset) socket.resetAndDestroy()
    })
    socket.on('data', (chunk) => received.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(received)))
  })
}

test('a stranger without the key gets a salt and a proof, and no word more', async () => {
  const answers = await Promise.all([
    raw(portOf(victim), [randomBytes(PSK_SALT_BYTES + 16)]),
    raw(portOf(victim), [randomBytes(5_000)]),
    raw(portOf(victim), [Buffer.from(`${'GET / HTTP/1.1\r\nHost: x\r\n'.repeat(10)}\r\n`)]),
  ])
  for (const answer of answers)
    assert.ok(answer.byteLength <= PSK_SALT_BYTES + 16, `${answer.byteLength} bytes`)
  assert.is(victim.mesh.peers().length, 1)
})

test('connections that are reset at once, by the hundred, raise nothing', async () => {
  const [tcp, webSocket] = portsOf(victim) as [number, number]
  const upgrade = Buffer.from(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  for (let round = 0; round < 4; round++)
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => [
        raw(tcp, [randomBytes(index)], true),
        raw(webSocket, [index % 2 === 0 ? upgrade : randomBytes(index)], true),
      ]).flat(),
    )
  await until('members still connect', () => victim.mesh.peers().length === 1)
  assert.is(uncaught, 0)
})

test('a frame over its limit, or one that is no protobuf, ends the stream and changes nothing', async () => {
  const before = digestOf(victim)
  const tooLong = { ...ROSTER_PROTOCOL, maxFrameBytes: 2 ** 20 }
  for (const size of [ROSTER_PROTOCOL.maxFrameBytes, 64]) {
    const stream = await member.mesh.open(victim.identity.peerId, tooLong, within())
    await stream.send(Any, { data: randomBytes(size) })
    await rejectsCode(stream.expect(Any), 'PEER_DISCONNECTED')
  }
  assert.is(digestOf(victim), before)
})

test('records of another village, or by unknown authors, are not taken in', async () => {
  const before = digestOf(victim)
  const other = paperVillage('other')
  const invite = other.invite({ by: other.founder })
  const foreign = other.member({ ...invite, name: 'eve', sponsor: other.founder, atMs: START_MS + 50 })
  const stream = await member.mesh.open(victim.identity.peerId, ROSTER_PROTOCOL, within())
  await stream.send(RosterOffer, { digest: randomBytes(32), buckets: [] })
  await stream.expect(Any)
  await stream.send(RosterWant, { hashes: [randomBytes(32)] })
  await stream.send(RosterRecords, { records: [foreign], more: false })
  await stream.receive(Any).catch(() => null)
  assert.is(digestOf(victim), before)
  await member.mesh.publish(
    'roster',
    RosterAnnouncement.encode({ records: [foreign], digest: randomBytes(32) }),
  )
  await member.mesh.publish('roster', randomBytes(100))
  await member.mesh.publish('capabilities', randomBytes(100))
  assert.is(digestOf(victim), before)
})

test('records without end are cut off', async () => {
  const stream = await member.mesh.open(victim.identity.peerId, ROSTER_PROTOCOL, within())
  await stream.send(RosterOffer, { digest: randomBytes(32), buckets: [] })
  await stream.expect(Any)
  await stream.send(RosterWant, { hashes: [] })
  await stream.send(RosterRecords, { records: [], more: true })
  await rejectsCode(stream.expect(Any), 'PEER_DISCONNECTED')
})

test('a flood of streams is held to its rate, and the next minute is a new one', async () => {
  let refused = 0
  for (let attempt = 0; attempt < ROSTER_PROTOCOL.streamsByMinute + 20; attempt++) {
    const stream = await member.mesh.open(victim.identity.peerId, ROSTER_PROTOCOL, within())
    const roster = member.membership.village()?.roster
    try {
      await stream.send(RosterOffer, { digest: roster?.digest() ?? randomBytes(32), buckets: [] })
      await stream.expect(Any)
      await stream.close()
    } catch {
      refused += 1
    }
  }
  assert.ok(refused >= 15, `${refused} were refused`)
  assert.is(victim.mesh.peers().length, 1, 'a flood costs streams, not the connection')
})

test('after all this the village works, and nothing was thrown past its handler', async () => {
  const { invite } = await victim.villages.invite({ role: 'member', expiresInMs: 60_000, uses: 1 })
  const late = await startMeshNode({ name: 'late' })
  assert.is((await late.villages.join(invite, within())).members, 3)
  assert.is(uncaught, 0)
})

test.run()
