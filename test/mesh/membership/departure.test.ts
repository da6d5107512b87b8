/** Who left by itself: what the records say, in whatever order they came. */
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createDeparture, parseRecord } from '../../../node/mesh/membership/records.ts'
import { MAX_IDLE_BY_AUTHOR, withinRoom } from '../../../node/mesh/membership/room.ts'
import { createRoster, type Roster } from '../../../node/mesh/membership/roster.ts'
import { RecordEnvelope } from '../../../node/mesh/protocols/records.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { paperVillage, peerNamed, START_MS, signerOf } from '../../helpers/village.ts'

const test = suite('departure')
const NOW = START_MS + 1_000_000
const village = paperVillage('departures')
const { founder } = village
const at = (offsetMs: number) => START_MS + offsetMs

/** anna is admin by the founder and let in carl, who sponsored dora by an invite of anna's. */
const annaInvite = village.invite({ by: founder, role: 'admin', uses: 5, key: 'ka' })
const anna = village.member({ ...annaInvite, name: 'anna', sponsor: founder, atMs: at(50) })
const carlInvite = village.invite({ by: signerOf('anna'), atMs: at(60), uses: 5, key: 'kc' })
const carl = village.member({ ...carlInvite, name: 'carl', sponsor: signerOf('anna'), atMs: at(70) })
const dora = village.member({ ...carlInvite, name: 'dora', sponsor: signerOf('carl'), atMs: at(80) })

function rosterOf(records: readonly Uint8Array[]): Roster {
  const roster = createRoster({ founder: village.founderPeer, village: village.hash })
  for (const record of records) roster.add(record, NOW)
  return roster
}
const names = (roster: Roster) =>
  ['anna', 'carl', 'dora'].filter((name) => roster.standing().members.has(peerNamed(name)))

test('who leaves is out and told apart from the revoked; who it let in stays', () => {
  const { members, departed, former, revoked } = rosterOf([
    anna,
    carl,
    dora,
    village.leave({ name: 'carl', atMs: at(100) }),
  ]).standing()
  assert.not.ok(members.has(peerNamed('carl')))
  assert.ok(members.has(peerNamed('dora')))
  assert.is(departed.get(peerNamed('carl'))?.leftAtMs, at(100))
  assert.is(former.get(peerNamed('carl'))?.name, 'carl')
  assert.is(revoked.size, 0)
})

test('a departure dated back puts nobody else out', () => {
  for (const atMs of [at(1), at(70), at(75)]) {
    const roster = rosterOf([anna, carl, dora, village.leave({ name: 'anna', atMs: atMs + 50 })])
    assert.equal(names(roster), ['carl', 'dora'])
  }
})

test('a departure from before the membership says nothing of it', () => {
  const early = village.leave({ name: 'carl', atMs: at(69) })
  assert.equal(names(rosterOf([anna, carl, dora, early])), ['anna', 'carl', 'dora'])
})

test('who joins again is in, with the role of the new membership', () => {
  const left = village.leave({ name: 'anna', atMs: at(100) })
  const again = village.member({
    ...village.invite({ by: founder, atMs: at(110), key: 'k2' }),
    name: 'anna',
    sponsor: signerOf('carl'),
    atMs: at(120),
  })
  const roster = rosterOf([anna, carl, dora, left, again])
  assert.is(roster.standing().members.get(peerNamed('anna'))?.role, 'member')
  assert.is(roster.standing().departed.size, 0)
  const leftAgain = village.leave({ name: 'anna', atMs: at(130) })
  assert.equal(names(rosterOf([anna, carl, dora, left, again, leftAgain])), ['carl', 'dora'])
})

test('a revocation counts more than a departure', () => {
  const left = village.leave({ name: 'carl', atMs: at(100) })
  const out = village.revoke({ by: founder, name: 'carl', atMs: at(110) })
  const { departed, revoked, former } = rosterOf([anna, carl, left, out]).standing()
  assert.is(departed.size, 0)
  assert.ok(revoked.has(peerNamed('carl')))
  assert.is(former.get(peerNamed('carl'))?.name, 'carl')
})

test('only the subject itself can say that it leaves', () => {
  const forged = createDeparture(
    { ...signerOf('dora'), publicKey: signerOf('carl').publicKey },
    { village: village.hash, leftAtMs: at(100) },
  )
  throwsCode(() => parseRecord(forged, village.hash), 'INVITE_ALTERED')
  const other = paperVillage('another')
  const elsewhere = createDeparture(signerOf('carl'), { village: other.hash, leftAtMs: at(100) })
  throwsCode(() => parseRecord(elsewhere, village.hash), 'INVITE_OTHER_VILLAGE')
  const left = RecordEnvelope.decode(village.leave({ name: 'carl', atMs: at(100) }))
  const both = RecordEnvelope.encode({ ...RecordEnvelope.decode(carl), departure: left.departure })
  throwsCode(() => parseRecord(both, village.hash), 'INVITE_ALTERED')
  const none = RecordEnvelope.encode({ membership: undefined, revocation: undefined, departure: undefined })
  throwsCode(() => parseRecord(none, village.hash), 'INVITE_ALTERED')
  throwsCode(() => rosterOf([anna, village.leave({ name: 'anna', atMs: NOW + 3_600_000 })]), 'CLOCK_SKEWED')
})

test('property: nodes with the same records agree, whatever the order', () => {
  const records = [
    anna,
    carl,
    dora,
    village.leave({ name: 'carl', atMs: at(100) }),
    village.leave({ name: 'carl', atMs: at(140) }),
    village.leave({ name: 'anna', atMs: at(105) }),
    village.member({ ...carlInvite, name: 'carl', sponsor: signerOf('dora'), atMs: at(120) }),
    village.revoke({ by: founder, name: 'dora', atMs: at(150) }),
  ]
  const expected = rosterOf(records)
  const summary = (roster: Roster) => {
    const { members, departed, revoked } = roster.standing()
    return [[...members.keys()].sort(), [...departed].sort().map(([, { hash }]) => hash), [...revoked.keys()]]
  }
  fc.assert(
    fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (shuffled) => {
      assert.equal(summary(rosterOf(shuffled)), summary(expected))
    }),
    { numRuns: 40 },
  )
})

test('nobody fills a roster with departures', () => {
  const parse = (bytes: Uint8Array) => parseRecord(bytes, village.hash)
  const held = [anna, carl].map(parse)
  const flood = Array.from({ length: MAX_IDLE_BY_AUTHOR + 50 }, (_, index) =>
    parse(village.leave({ name: 'carl', atMs: at(200 + index) })),
  )
  const after = createRoster({ founder: village.founderPeer, village: village.hash })
  after.addParsed([...held, ...flood])
  assert.is(withinRoom(held, flood, after.standing()).length, MAX_IDLE_BY_AUTHOR + 1)
})

test.run()
