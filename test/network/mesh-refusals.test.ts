/** Who is not let in, on real connections: each refusal has its code, and a refused node gets no protocol at all. */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { villageHash } from '../../node/mesh/membership/charter.ts'
import { openInvite, writeInvite } from '../../node/mesh/membership/invite.ts'
import { generateSeed, signerFromSeed } from '../../node/mesh/membership/keys.ts'
import { createCapability } from '../../node/mesh/membership/records.ts'
import {
  joinWith,
  type MeshNode,
  startMeshNode,
  startVillage,
  stopMeshNodes,
  until,
} from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'

const within = () => ({ signal: AbortSignal.timeout(20_000) })
const DAY_MS = 86_400_000

async function inviteOf(admin: MeshNode, uses = 1): Promise<string> {
  return (await admin.villages.invite({ role: 'member', expiresInMs: DAY_MS, uses })).invite
}

/** The parts of an invite, to put together a wrong one. */
function parts(text: string) {
  const { charter, addresses, psk, grant } = openInvite(text, Date.now())
  return { charter, addresses, psk, capability: grant?.capability ?? null, seed: grant?.seed ?? null }
}

/** After a refusal: the node is in no village, nobody is connected, and the village does not list it. */
function isOutside(node: MeshNode, admin: MeshNode): void {
  assert.is(node.villages.current(), null)
  assert.equal(node.mesh.peers(), [])
  assert.not(admin.mesh.peers().some(({ peer }) => peer === node.identity.peerId))
  assert.not(admin.villages.members().some(({ peer }) => peer === node.identity.peerId))
}

const Invites = suite('invites')
Invites.after(stopMeshNodes)
let admin: MeshNode
let stranger: MeshNode
Invites.before(async () => {
  admin = (await startVillage(1))[0] as MeshNode
  stranger = await startMeshNode({ name: 'stranger' })
})

Invites(
  'an expired invite: refused by the joiner, and by the village when the joiner does not look',
  async () => {
    const { invite } = await admin.villages.invite({ role: 'member', expiresInMs: 1_000, uses: 1 })
    const late = await startMeshNode({ now: () => Date.now() + 60_000 })
    await rejectsCode(late.villages.join(invite, within()), 'INVITE_EXPIRED')
    // A clock that is slow, within the tolerance, opens the invite; the village's own clock decides.
    const slow = await startMeshNode({ now: () => Date.now() - 60_000 })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await rejectsCode(slow.villages.join(invite, within()), 'INVITE_EXPIRED')
    isOutside(slow, admin)
  },
)

Invites('an invite that has been used', async () => {
  const invite = await inviteOf(admin)
  const first = await startMeshNode()
  await first.villages.join(invite, within())
  await rejectsCode(stranger.villages.join(invite, within()), 'INVITE_USED')
  isOutside(stranger, admin)
})

Invites('the same node may use its invite again after it left', async () => {
  const node = await startMeshNode()
  const invite = await inviteOf(admin)
  await node.villages.join(invite, within())
  await node.villages.leave()
  assert.is(node.villages.current(), null)
  await node.villages.join(invite, within())
  assert.is(node.villages.current()?.role, 'member')
})

Invites('an altered invite: a changed text, and a capability that no admin issued', async () => {
  const invite = await inviteOf(admin)
  const changed = invite.slice(0, 50) + (invite[50] === 'A' ? 'B' : 'A') + invite.slice(51)
  await rejectsCode(stranger.villages.join(changed, within()), 'INVITE_ALTERED')
  await rejectsCode(stranger.villages.join('not an invite', within()), 'INVITE_MALFORMED')
  const { charter, ...rest } = parts(invite)
  const seed = generateSeed()
  const capability = createCapability(signerFromSeed(generateSeed()), {
    village: villageHash(charter.publicKey),
    role: 'admin',
    issuedAtMs: Date.now(),
    expiresAtMs: Date.now() + DAY_MS,
    uses: 5,
    inviteKey: signerFromSeed(seed).publicKey,
  })
  const forged = writeInvite({ ...rest, charter, capability, seed })
  await rejectsCode(stranger.villages.join(forged, within()), 'INVITE_ALTERED')
  isOutside(stranger, admin)
})

Invites('a withdrawn invite', async () => {
  const { invite, id } = await admin.villages.invite({ role: 'member', expiresInMs: DAY_MS, uses: 3 })
  await admin.villages.withdraw(id, 'it leaked')
  await rejectsCode(stranger.villages.join(invite, within()), 'INVITE_REVOKED')
  isOutside(stranger, admin)
})

Invites('an invite for another village: its own key does not open this one', async () => {
  const other = (await startVillage(1))[0] as MeshNode
  const { addresses } = parts(await inviteOf(admin))
  const mixed = writeInvite({ ...parts(await inviteOf(other)), addresses })
  await rejectsCode(stranger.villages.join(mixed, within()), 'VILLAGE_KEY_MISMATCH')
  // Even one who knows the pre-shared key of this village is told that the invite is for another.
  const psk = parts(await inviteOf(admin)).psk
  const keyed = writeInvite({ ...parts(await inviteOf(other)), addresses, psk })
  await rejectsCode(stranger.villages.join(keyed, within()), 'INVITE_OTHER_VILLAGE')
  isOutside(stranger, admin)
})

Invites('a wrong pre-shared key', async () => {
  const wrong = writeInvite({ ...parts(await inviteOf(admin)), psk: generateSeed() })
  await rejectsCode(stranger.villages.join(wrong, within()), 'VILLAGE_KEY_MISMATCH')
  isOutside(stranger, admin)
})

Invites('an address where nobody is', async () => {
  const { addresses, ...rest } = parts(await inviteOf(admin))
  const nowhere = addresses.map((address) => address.replace(/\/tcp\/\d+/, '/tcp/1'))
  await rejectsCode(
    stranger.villages.join(writeInvite({ ...rest, addresses: nowhere }), within()),
    'PEER_UNREACHABLE',
  )
  await rejectsCode(
    stranger.villages.join(writeInvite({ ...rest, addresses: [] }), within()),
    'PEER_UNREACHABLE',
  )
})

Invites('a clock that is an hour off', async () => {
  const skewed = await startMeshNode({ now: () => Date.now() + 3_600_000 })
  await rejectsCode(skewed.villages.join(await inviteOf(admin), within()), 'CLOCK_SKEWED')
  isOutside(skewed, admin)
})

Invites('a second village, a member who invites, a node without a village', async () => {
  const member = await startMeshNode()
  await joinWith(admin, member)
  await rejectsCode(member.villages.join(await inviteOf(admin), within()), 'VILLAGE_ALREADY_JOINED')
  await rejectsCode(member.villages.create({ name: 'x', open: false }), 'VILLAGE_ALREADY_JOINED')
  await rejectsCode(
    member.villages.invite({ role: 'member', expiresInMs: DAY_MS, uses: 1 }),
    'MEMBER_NOT_ADMIN',
  )
  await rejectsCode(member.villages.revoke(admin.identity.peerId, 'no'), 'MEMBER_NOT_ADMIN')
  await rejectsCode(stranger.villages.revoke(admin.identity.peerId, 'no'), 'VILLAGE_NONE')
  await rejectsCode(stranger.mesh.open(admin.identity.peerId, { ...SPEC_NONE }, within()), 'VILLAGE_NONE')
  await rejectsCode(admin.villages.revoke(admin.identity.peerId, 'no'), 'INVALID_ARGUMENT')
  await rejectsCode(
    admin.villages.invite({ role: 'guest', expiresInMs: DAY_MS, uses: 1 }),
    'INVALID_ARGUMENT',
  )
})
const SPEC_NONE = {
  id: '/village/none/1.0.0',
  access: 'member' as const,
  maxFrameBytes: 1,
  frameTimeoutMs: 1,
  maxStreamsByPeer: 1,
  streamsByMinute: 1,
}
Invites.run()

const Strangers = suite('strangers')
Strangers.after(stopMeshNodes)

/** An independent libp2p node with the usual protocols, which knows nothing of villages. */
async function plainNode() {
  return await createLibp2p({
    privateKey: await generateKeyPair('Ed25519'),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify(), ping: ping() },
  })
}

for (const open of [false, true])
  Strangers(`a plain libp2p node gets nothing from ${open ? 'an open' : 'a private'} village`, async () => {
    const founder = await startMeshNode()
    await founder.villages.create({ name: 'v', open })
    const plain = await plainNode()
    const target = multiaddr(founder.mesh.addresses()[0] as string)
    let refused = false
    try {
      await plain.services.ping.ping(target, within())
    } catch {
      refused = true
    }
    assert.ok(refused)
    assert.equal(plain.getConnections(), [])
    assert.equal(founder.mesh.peers(), [])
    await plain.stop()
  })

Strangers('one who knows key and charter but is no member gets one frame with a code', async () => {
  const founder = (await startVillage(1))[0] as MeshNode
  const outsider = await startMeshNode()
  const { charter, psk } = parts(await inviteOf(founder))
  outsider.membership.enter({ charter, psk, join: null, guest: true })
  await outsider.mesh.reload()
  await rejectsCode(outsider.mesh.dial(founder.mesh.addresses()[0] as string, within()), 'MEMBER_UNKNOWN')
  assert.equal(founder.mesh.peers(), [])
  assert.equal(outsider.mesh.peers(), [])
})

Strangers('a member does not talk to a listener that is none', async () => {
  const [founder, member] = (await startVillage(2)) as [MeshNode, MeshNode]
  const impostor = await startMeshNode()
  const { charter, psk } = parts(await inviteOf(founder))
  impostor.membership.enter({ charter, psk, join: null, guest: true })
  await impostor.mesh.reload()
  await rejectsCode(member.mesh.dial(impostor.mesh.addresses()[0] as string, within()), 'MEMBER_UNKNOWN')
  assert.equal(impostor.mesh.peers(), [])
})

Strangers('two villages on one machine never connect, with multicast DNS on', async () => {
  const config = { 'mesh.mdns': true }
  const first = await startVillage(2, () => ({ config }))
  const second = await startVillage(2, () => ({ config }))
  const of = (nodes: MeshNode[]) => nodes.map(({ identity }) => identity.peerId)
  for (const [own, theirs] of [
    [first, second],
    [second, first],
  ] as const)
    for (const node of own) {
      for (const other of theirs)
        await rejectsCode(
          node.mesh.dial(other.mesh.addresses()[0] as string, within()),
          'VILLAGE_KEY_MISMATCH',
        )
      assert.equal(
        node.mesh.peers().filter(({ peer }) => !of(own).includes(peer)),
        [],
      )
    }
})
Strangers.run()

const Revoked = suite('revoked')
Revoked.after(stopMeshNodes)

Revoked('a revoked member is cut off everywhere, learns why, and is refused for good', async () => {
  const [founder, member, victim] = (await startVillage(3)) as [MeshNode, MeshNode, MeshNode]
  const gone = victim.identity.peerId
  await until('all are connected', () =>
    [founder, member, victim].every(({ mesh }) => mesh.peers().length === 2),
  )
  const addresses = founder.mesh.addresses()
  await founder.villages.revoke(gone, 'left the co-operative')
  await until('nobody is connected to the revoked', () =>
    [founder, member].every(({ mesh }) => mesh.peers().every(({ peer }) => peer !== gone)),
  )
  await until('it knows', () => victim.villages.current()?.revoked?.reason === 'left the co-operative')
  await until('its mesh is down', () => victim.mesh.addresses().length === 0)
  await rejectsCode(victim.mesh.dial(addresses[0] as string, within()), 'MEMBER_REVOKED')
  await rejectsCode(
    victim.villages.invite({ role: 'member', expiresInMs: DAY_MS, uses: 1 }),
    'MEMBER_REVOKED',
  )
  const listed = member.villages.members().find(({ peer }) => peer === gone)
  assert.is(listed?.revoked?.reason, 'left the co-operative')
  await victim.villages.leave()
  await rejectsCode(victim.villages.join(await inviteOf(founder), within()), 'MEMBER_REVOKED')
})

Revoked('one that was away is told in the hello, with the evidence', async () => {
  const [founder, victim] = (await startVillage(2)) as [MeshNode, MeshNode]
  const { directory } = victim
  await victim.stop()
  await founder.villages.revoke(victim.identity.peerId, 'away')
  const back = await startMeshNode({ directory, config: { 'mesh.bootstrap': founder.mesh.addresses() } })
  await until('it learned of its revocation', () => back.villages.current()?.revoked?.reason === 'away')
  assert.equal(founder.mesh.peers(), [])
})

Revoked('the last admin leaves others only by force', async () => {
  const [founder, member] = (await startVillage(2)) as [MeshNode, MeshNode]
  await rejectsCode(founder.villages.leave(), 'VILLAGE_LAST_ADMIN')
  assert.ok(founder.villages.current() !== null)
  await member.villages.leave()
  await founder.villages.leave({ force: true })
  assert.is(founder.villages.current(), null)
  await rejectsCode(founder.villages.leave(), 'VILLAGE_NONE')
})

Revoked.run()
