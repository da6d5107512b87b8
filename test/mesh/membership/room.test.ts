import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createCharter } from '../../../node/mesh/membership/charter.ts'
import { createJoinRequest, createMembership } from '../../../node/mesh/membership/records.ts'
import { MAX_IDLE_BY_AUTHOR } from '../../../node/mesh/membership/room.ts'
import { startMeshNode, stopMeshNodes } from '../../helpers/mesh.ts'
import { paperVillage, peerNamed, START_MS, signerOf } from '../../helpers/village.ts'

const village = paperVillage('room', true)
const { founder } = village
const NOW = START_MS + 1_000_000
const invite = village.invite({ by: founder, uses: 2_000, key: 'room' })
const member = (name: string, atMs: number, sponsor = founder) =>
  village.member({ ...invite, name, sponsor, atMs })
const carl = member('carl', START_MS + 50)
const revokeCarl = village.revoke({ by: founder, name: 'carl', atMs: START_MS + 900 })

const Room = suite('room in a roster')
Room.after.each(stopMeshNodes)

/** A node that is in the paper village, with a clock of the same time. */
async function inVillage() {
  const node = await startMeshNode({ now: () => NOW })
  const charter = createCharter(founder, { name: 'room', createdAtMs: START_MS, open: true })
  node.membership.enter({ charter, psk: null, join: null, guest: true })
  await node.membership.save()
  await node.membership.apply([carl])
  return { node, roster: node.membership.village()!.roster }
}

Room('a member cannot fill it with revocations that it has no right to', async () => {
  const { node, roster } = await inVillage()
  const forged = Array.from({ length: MAX_IDLE_BY_AUTHOR + 40 }, (_, index) =>
    village.revoke({ by: signerOf('carl'), name: `nobody ${index}`, atMs: START_MS + 100 + index }),
  )
  await node.membership.apply(forged.slice(0, 200))
  await node.membership.apply(forged.slice(200))
  assert.is(roster.size, 1 + MAX_IDLE_BY_AUTHOR)
  await node.membership.apply([member('dora', START_MS + 60), revokeCarl])
  assert.ok(roster.standing().members.has(peerNamed('dora')), 'honest records are still taken')
  assert.ok(roster.standing().revoked.has(peerNamed('carl')))
})

Room(
  'nor with its own membership again and again, while it may let in as many as the invite allows',
  async () => {
    const { node, roster } = await inVillage()
    const again = Array.from({ length: MAX_IDLE_BY_AUTHOR + 40 }, (_, index) =>
      member('carl', START_MS + 100 + index, signerOf('carl')),
    )
    const others = Array.from({ length: MAX_IDLE_BY_AUTHOR + 40 }, (_, index) =>
      member(`guest ${index}`, START_MS + 1_000 + index, signerOf('carl')),
    )
    await node.membership.apply([...again, ...others])
    assert.is(roster.standing().members.size, 1 + others.length)
    assert.is(roster.size, 1 + others.length + MAX_IDLE_BY_AUTHOR)
  },
)

Room('a record from the future does not keep those beside it from the disk and the listeners', async () => {
  const { node, roster } = await inVillage()
  const revoked: string[] = []
  node.membership.onChange((change) => void revoked.push(...change.revoked))
  await node.membership.apply([revokeCarl, member('eve', NOW + 3_600_000)])
  assert.equal(revoked, [peerNamed('carl')])
  const stored: string[] = []
  for await (const [hash] of node.store.json<string>('roster').entries()) stored.push(hash)
  assert.equal(stored.sort(), [...roster.records()].map((record) => record.hash).sort())
  assert.is(stored.length, 2)
})

Room('a member that joins again with a second invite adds one record, not one a connection', async () => {
  const { node, roster } = await inVillage()
  const own = village.invite({ by: founder, role: 'admin', key: 'own' })
  const nodePeer = node.membership.self
  const join = createJoinRequest(own.key, {
    subject: nodePeer.publicKey,
    name: 'own',
    capability: own.capability,
    joinedAtMs: START_MS + 20,
  })
  await node.membership.apply([
    createMembership(founder, { village: village.hash, join, sponsoredAtMs: START_MS + 30 }),
  ])
  const second = village.invite({ by: founder, uses: 5, key: 'second' })
  const before = roster.size
  for (const atMs of [NOW, NOW + 1, NOW + 2])
    await node.membership.admit(peerNamed('carl'), village.join({ ...second, name: 'carl', atMs }))
  assert.is(roster.size, before + 1)
})

Room.run()
