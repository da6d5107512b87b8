/** A village at work: rosters that converge, restarts, roles, guests, streams and limits, on real connections. */

import { globSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { VillageError } from '../../node/errors.ts'
import type { StreamContext } from '../../node/mesh/mesh.ts'
import { bytes, message } from '../../node/mesh/protocols/message.ts'
import type { ProtocolSpec } from '../../node/mesh/protocols/spec.ts'
import {
  joinWith,
  type MeshNode,
  nextEvent,
  startMeshNode,
  startVillage,
  stopMeshNodes,
  until,
} from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'

const within = () => ({ signal: AbortSignal.timeout(20_000) })
const Echo = message('Echo', { data: [1, bytes(1_000)] })
const ECHO: ProtocolSpec = {
  id: '/village/echo/1.0.0',
  access: 'member',
  maxFrameBytes: 1_024,
  frameTimeoutMs: 5_000,
  maxStreamsByPeer: 2,
  streamsByMinute: 6,
}
const OPEN_ECHO: ProtocolSpec = {
  ...ECHO,
  id: '/village/open-echo/1.0.0',
  access: 'guest',
  streamsByMinute: 100,
}

const contexts: StreamContext[] = []
function withEcho(): Parameters<typeof startMeshNode>[0] & object {
  return {
    prepare(mesh) {
      for (const spec of [ECHO, OPEN_ECHO])
        mesh.handle(spec, async (stream, context) => {
          contexts.push(context)
          for (let frame = await stream.receive(Echo); frame !== null; frame = await stream.receive(Echo))
            await stream.send(Echo, frame)
        })
    },
  }
}

async function echo(from: MeshNode, to: MeshNode, spec = ECHO): Promise<string> {
  const stream = await from.mesh.open(to.identity.peerId, spec, within())
  await stream.send(Echo, { data: Buffer.from('hello') })
  const answer = await stream.expect(Echo)
  await stream.close()
  return Buffer.from(answer.data).toString()
}

const Rosters = suite('rosters')
Rosters.after(stopMeshNodes)

Rosters('of nodes that were apart become equal when they meet, revocations included', async () => {
  const [founder, left, right] = (await startVillage(3, (index) => ({ name: `n${index}` }))) as [
    MeshNode,
    MeshNode,
    MeshNode,
  ]
  const { invite } = await founder.villages.invite({ role: 'member', expiresInMs: 600_000, uses: 9 })
  await until('all connected', () => [founder, left, right].every(({ mesh }) => mesh.peers().length === 2))
  const { directory } = left
  await left.stop()
  const late = await startMeshNode({ name: 'late' })
  await late.villages.join(invite, within())
  await founder.villages.revoke(right.identity.peerId, 'gone')
  const back = await startMeshNode({ directory })
  await until('the one that was away caught up', () => {
    const members = back.villages.members()
    return (
      members.some(({ peer }) => peer === late.identity.peerId) &&
      members.some(({ peer, revoked }) => peer === right.identity.peerId && revoked !== null)
    )
  })
  await until('all digests are equal', () => {
    const digests = [founder, back, late].map(({ membership }) =>
      Buffer.from(membership.village()?.roster.digest() ?? []).toString('hex'),
    )
    return new Set(digests).size === 1
  })
})

Rosters('any member can let in the holder of an invite while the admin is away', async () => {
  const [founder, member] = (await startVillage(2)) as [MeshNode, MeshNode]
  await until(
    'the founder knows where the member listens',
    () => founder.mesh.peers()[0]?.addresses.length === 1,
  )
  const { invite } = await founder.villages.invite({ role: 'edge', expiresInMs: 600_000, uses: 1 })
  await founder.stop()
  const newcomer = await startMeshNode({ name: 'newcomer' })
  const info = await newcomer.villages.join(invite, within())
  assert.is(info.role, 'edge')
  const record = newcomer.villages.members().find(({ self }) => self)
  assert.is(record?.sponsor, member.identity.peerId)
  assert.is(member.villages.members().find(({ peer }) => peer === newcomer.identity.peerId)?.name, 'newcomer')
})

Rosters('a village survives a restart of all: same roster, same port, connected again', async () => {
  const nodes = await startVillage(2)
  const before = nodes.map(({ mesh, identity }) => ({ port: mesh.addresses()[0], peer: identity.peerId }))
  await until('connected', () => nodes.every(({ mesh }) => mesh.peers().length === 1))
  for (const node of nodes) await node.stop()
  const again: MeshNode[] = []
  for (const { directory } of nodes) again.push(await startMeshNode({ directory }))
  assert.equal(
    again.map(({ mesh, identity }) => ({ port: mesh.addresses()[0], peer: identity.peerId })),
    before,
  )
  assert.is(again[0]?.villages.current()?.role, 'admin')
  await until('connected again', () => again.every(({ mesh }) => mesh.peers().length === 1))
})
Rosters.run()

const Secrets = suite('secrets')
Secrets.after(stopMeshNodes)

Secrets('keys are files of mode 0600, and go with the village, but for the founding key', async () => {
  const [founder, member] = (await startVillage(2)) as [MeshNode, MeshNode]
  const files = (node: MeshNode) => globSync('keys/village-*.key', { cwd: node.directory }).sort()
  assert.is(files(founder).length, 2)
  assert.is(files(member).length, 1)
  for (const node of [founder, member])
    for (const file of files(node))
      assert.is((await stat(path.join(node.directory, file))).mode & 0o777, 0o600)
  const psk = await readFile(path.join(member.directory, files(member)[0] as string))
  const stored = globSync('state/*', { cwd: member.directory })
  assert.ok(stored.length > 0)
  for (const file of stored)
    assert.not((await readFile(path.join(member.directory, file))).includes(psk), `${file} holds the key`)
  await member.villages.leave()
  assert.equal(files(member), [])
  await founder.villages.leave({ force: true })
  assert.is(files(founder).length, 1)
  assert.match(files(founder)[0] as string, /founding/)
})
Secrets.run()

const Streams = suite('streams')
Streams.after(stopMeshNodes)
let server: MeshNode
let client: MeshNode
Streams.before(async () => {
  ;[server, client] = (await startVillage(2, withEcho)) as [MeshNode, MeshNode]
})

Streams('reach the handler with the role of the peer', async () => {
  assert.is(await echo(client, server, OPEN_ECHO), 'hello')
  assert.is(contexts.at(-1)?.peer, client.identity.peerId)
  assert.is(contexts.at(-1)?.role, 'member')
  assert.is(await echo(server, client, OPEN_ECHO), 'hello')
  assert.is(contexts.at(-1)?.role, 'admin')
})

Streams('of one peer are limited at once and in a minute', async () => {
  const open = () => client.mesh.open(server.identity.peerId, ECHO, within())
  const kept = [await open(), await open()]
  for (const stream of kept) {
    await stream.send(Echo, { data: Buffer.from('x') })
    await stream.expect(Echo)
  }
  const third = await open()
  await rejectsCode(
    third.send(Echo, { data: Buffer.from('x') }).then(() => third.expect(Echo)),
    'PEER_DISCONNECTED',
  )
  for (const stream of kept) await stream.close()
  const outcomes = []
  for (let attempt = 0; attempt < 8; attempt++)
    outcomes.push(await echo(client, server).catch((error: unknown) => (error as VillageError).code))
  assert.ok(outcomes.includes('hello'))
  assert.is(outcomes.at(-1), 'PEER_DISCONNECTED', 'six streams a minute are allowed')
  assert.is(await echo(client, server, OPEN_ECHO), 'hello', 'other protocols have limits of their own')
})

Streams('to a peer that is no member, or of a protocol that nobody handles, are refused here', async () => {
  const { peerId } = await startMeshNode().then(({ identity }) => identity)
  await rejectsCode(client.mesh.open(peerId, ECHO, within()), 'MEMBER_UNKNOWN')
  const unknown = { ...ECHO, id: '/village/unknown/1.0.0' }
  await rejectsCode(client.mesh.open(server.identity.peerId, unknown, within()), 'PROTOCOL_UNSUPPORTED')
  const aborted = AbortSignal.abort(new VillageError('SHUTTING_DOWN'))
  await rejectsCode(client.mesh.open(server.identity.peerId, ECHO, { signal: aborted }), 'SHUTTING_DOWN')
})

Streams('end when the peer is revoked', async () => {
  const victim = await startMeshNode(withEcho())
  await joinWith(server, victim)
  const stream = await victim.mesh.open(server.identity.peerId, OPEN_ECHO, within())
  await stream.send(Echo, { data: Buffer.from('x') })
  await stream.expect(Echo)
  const { signal } = contexts.at(-1) as StreamContext
  await server.villages.revoke(victim.identity.peerId, 'test')
  assert.ok(signal.aborted)
  await rejectsCode(stream.receive(Echo), 'PEER_DISCONNECTED')
})

Streams('handlers and topics cannot be added once the mesh runs', () => {
  assert.throws(() => server.mesh.handle({ ...ECHO, id: '/village/late/1.0.0' }, async () => {}))
  assert.throws(() => server.mesh.subscribe('late', { maxBytes: 1, validate: () => 'accept', handle() {} }))
})
Streams.run()

const Guests = suite('open village')
Guests.after(stopMeshNodes)

Guests('a guest gets what is for guests, and no more; a member of it is a member', async () => {
  const founder = await startMeshNode({ name: 'founder', ...withEcho() })
  await founder.villages.create({ name: 'square', open: true })
  const guest = await startMeshNode({ name: 'guest', ...withEcho() })
  const { invite } = await founder.villages.invite({ role: 'guest', expiresInMs: 60_000, uses: 1 })
  assert.is((await guest.villages.join(invite, within())).role, 'guest')
  assert.is(await echo(guest, founder, OPEN_ECHO), 'hello')
  assert.is(contexts.at(-1)?.role, 'guest')
  await rejectsCode(echo(guest, founder) as Promise<unknown>, 'PEER_DISCONNECTED')
  assert.is(founder.villages.current()?.members, 1, 'guests are on no roster')
  assert.is(founder.villages.members().find(({ peer }) => peer === guest.identity.peerId)?.role, 'guest')
  const member = await startMeshNode({ name: 'member', ...withEcho() })
  await joinWith(founder, member)
  assert.is(await echo(member, founder), 'hello')
  await founder.villages.revoke(guest.identity.peerId, 'spam')
  await until('the guest knows that it is out', () => guest.villages.current()?.revoked?.reason === 'spam')
})
Guests.run()

const Host = suite('host')
Host.after(stopMeshNodes)
const LAN = ['dht', 'identify', 'identifyPush', 'ping', 'pubsub']

Host('the lan profile has no service that looks beyond the local network; wan adds each', async () => {
  const lan = (await startVillage(1))[0] as MeshNode
  assert.equal(lan.mesh.services().sort(), LAN)
  const wan = (
    await startVillage(1, () => ({ config: { 'mesh.profile': 'wan', 'mesh.upnp': true } }))
  )[0] as MeshNode
  assert.equal(wan.mesh.services().sort(), [...LAN, 'autonat', 'dcutr', 'relay', 'upnp'].sort())
  const bare = (
    await startVillage(1, () => ({
      config: { 'mesh.profile': 'wan', 'mesh.upnp': false, 'mesh.relayServer': false },
    }))
  )[0] as MeshNode
  assert.equal(bare.mesh.services().sort(), [...LAN, 'autonat', 'dcutr'].sort())
  assert.equal((await startMeshNode()).mesh.services(), [])
})

Host('a busy port of the configuration is an error; a busy port of the last run is not', async () => {
  const busy = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => busy.once('listening', resolve))
  const { port } = busy.address() as { port: number }
  const node = await startMeshNode({ config: { 'mesh.listen': [`/ip4/127.0.0.1/tcp/${port}`] } })
  await rejectsCode(node.villages.create({ name: 'x', open: false }), 'PORT_BUSY')
  assert.is(node.villages.current(), null, 'nothing is half created')
  const kept = (await startVillage(1))[0] as MeshNode
  const address = kept.mesh.addresses()[0] as string
  await kept.stop()
  const thief = createServer().listen(Number(/\/tcp\/(\d+)/.exec(address)?.[1]), '127.0.0.1')
  await new Promise((resolve) => thief.once('listening', resolve))
  const again = await startMeshNode({ directory: kept.directory })
  assert.not(again.mesh.addresses().includes(address))
  assert.is(again.mesh.addresses().length, 1)
  busy.close()
  thief.close()
})

Host('WebSocket addresses work as well', async () => {
  const config = { 'mesh.listen': ['/ip4/127.0.0.1/tcp/0/ws'] }
  const [first] = (await startVillage(2, (index) => ({ config, ...withEcho(), name: `ws-${index}` }))) as [
    MeshNode,
  ]
  assert.match(first.mesh.addresses()[0] as string, /\/ws\/p2p\//)
})

Host('members hear what the others lend, at once and when it changes', async () => {
  const [founder, member] = (await startVillage(2)) as [MeshNode, MeshNode]
  const lent = {
    version: '1.2.3',
    cores: 4,
    memoryBytes: 2 ** 33,
    power: 'mains' as const,
    profile: 'server',
    native: true,
    accepting: true,
    load: 0.25,
    taskKinds: ['compress'],
    models: ['bafyone'],
  }
  await until(
    'defaults are known',
    () => founder.mesh.peers()[0]?.capabilities?.profile === DEFAULT_CONFIG.profile,
  )
  member.mesh.advertise(() => lent)
  await until('the change is known', () => founder.mesh.peers()[0]?.capabilities?.cores === 4)
  assert.equal(founder.mesh.peers()[0]?.capabilities, lent)
})

Host('providers are found through the DHT', async () => {
  const [founder, member] = (await startVillage(2)) as [MeshNode, MeshNode]
  const cid = CID.createV1(0x55, await sha256.digest(Buffer.from('artifact')))
  await until('connected', () => founder.mesh.peers().length === 1)
  // A peer that has just connected comes into the DHT's table a moment later: what is said before reaches nobody.
  const found = new Set<string>()
  for (const limit = within(); found.size === 0; limit.signal.throwIfAborted()) {
    await member.mesh.provide(cid, limit)
    for await (const peer of founder.mesh.findProviders(cid, limit)) found.add(peer)
  }
  assert.equal([...found], [member.identity.peerId])
})

Host('events tell programs what happens', async () => {
  const founder = await startMeshNode()
  const changed = nextEvent(founder.events, 'village:changed')
  await founder.villages.create({ name: 'x', open: false })
  assert.is((await changed).type, 'village:changed')
  const joined = nextEvent(founder.events, 'member:joined')
  const connected = nextEvent(founder.events, 'peer:connected')
  const node = await startMeshNode({ name: 'second' })
  await joinWith(founder, node)
  assert.equal((await joined).data, { peer: node.identity.peerId, role: 'member', name: 'second' })
  assert.equal((await connected).data, { peer: node.identity.peerId })
  const gone = nextEvent(founder.events, 'peer:disconnected')
  await node.stop()
  assert.equal((await gone).data, { peer: node.identity.peerId })
})
Host.run()
