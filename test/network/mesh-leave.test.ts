/** Leaving a village is told to its members at once; open invites are listed where they were made. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
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

const test = suite('leaving')
test.after.each(stopMeshNodes)

const entryOf = (node: MeshNode, of: MeshNode) =>
  node.villages.members().find(({ peer }) => peer === of.identity.peerId)!

test('rosters show a departure, every connection ends, and a new invite lets the node in again', async () => {
  const [founder, leaver, other] = (await startVillage(3)) as [MeshNode, MeshNode, MeshNode]
  await until('all know each other', () => other.villages.members().length === 3)
  const told = nextEvent(other.events, 'member:left')
  await leaver.villages.leave()
  assert.is(leaver.villages.current(), null)
  await told
  for (const node of [founder, other]) {
    await until('the roster shows it', () => entryOf(node, leaver).leftAtMs !== null)
    assert.is(entryOf(node, leaver).revoked, null)
    assert.is(node.villages.current()!.members, 2)
    assert.is(node.mesh.roleOf(leaver.identity.peerId), null)
    await until('its connections end', () =>
      node.mesh.peers().every(({ peer }) => peer !== leaver.identity.peerId),
    )
  }

  await joinWith(founder, leaver, { role: 'edge' })
  assert.is(leaver.villages.current()!.role, 'edge')
  await until('all know that it is back', () =>
    [founder, other].every((node) => entryOf(node, leaver).leftAtMs === null),
  )
  assert.is(entryOf(other, leaver).role, 'edge')
})

test('one whom nobody hears leaves all the same', async () => {
  const [founder, leaver] = (await startVillage(2)) as [MeshNode, MeshNode]
  await founder.stop()
  await until('nobody is connected', () => leaver.mesh.peers().length === 0)
  await leaver.villages.leave()
  assert.is(leaver.villages.current(), null)
})

test('a departure outlives the restart of who heard it', async () => {
  const [founder, leaver] = (await startVillage(2)) as [MeshNode, MeshNode]
  await leaver.villages.leave()
  await until('the roster shows it', () => entryOf(founder, leaver).leftAtMs !== null)
  const { leftAtMs } = entryOf(founder, leaver)
  await founder.stop()
  const again = await startMeshNode({ directory: founder.directory })
  assert.is(entryOf(again, leaver).leftAtMs, leftAtMs)
})

test('open invites are listed without their secrets, until they are used up, withdrawn or left behind', async () => {
  const founder = await startMeshNode({ name: 'founder' })
  await rejectsCode(founder.villages.invites(), 'VILLAGE_NONE')
  await founder.villages.create({ name: 'invites', open: false })
  assert.equal(await founder.villages.invites(), [])
  const invite = (uses: number) => founder.villages.invite({ role: 'member', expiresInMs: 60_000, uses })
  const once = await invite(1)
  const twice = await invite(2)
  const withdrawn = await invite(3)
  const listed = await founder.villages.invites()
  assert.equal(
    listed.map(({ id, used, uses }) => [id, used, uses]),
    [
      [once.id, 0, 1],
      [twice.id, 0, 2],
      [withdrawn.id, 0, 3],
    ],
  )
  assert.equal(Object.keys(listed[0]!).sort(), ['expiresAtMs', 'id', 'issuedAtMs', 'role', 'used', 'uses'])
  await founder.villages.withdraw(withdrawn.id, '')
  for (const { invite: text } of [once, twice]) {
    const node = await startMeshNode()
    await node.villages.join(text, { signal: AbortSignal.timeout(30_000) })
    assert.equal(await node.villages.invites(), [], 'another node knows only what is on the roster')
  }
  const left = await founder.villages.invites()
  assert.equal(
    left.map(({ id, used }) => [id, used]),
    [[twice.id, 1]],
  )
  await founder.stop()
  const again = await startMeshNode({ directory: founder.directory })
  assert.equal(await again.villages.invites(), left)
  await again.villages.leave({ force: true })
  await again.villages.create({ name: 'another', open: false })
  assert.equal(await again.villages.invites(), [])
})

test.run()
