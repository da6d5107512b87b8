import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bucketOf } from '../../../node/mesh/digest-buckets.ts'
import { checkAdmission } from '../../../node/mesh/membership/admission.ts'
import { hashOf, parseJoinRequest } from '../../../node/mesh/membership/records.ts'
import { createRoster, type Roster } from '../../../node/mesh/membership/roster.ts'
import { CLOCK_SKEW_MS } from '../../../node/mesh/protocols/records.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { type PaperVillage, paperVillage, peerNamed, START_MS, signerOf } from '../../helpers/village.ts'

const NOW = START_MS + 1_000_000
const village = paperVillage('roster')
const founder = village.founder

function rosterOf(records: readonly Uint8Array[], of: PaperVillage = village): Roster {
  const roster = createRoster({ founder: of.founderPeer, village: of.hash })
  for (const record of records) roster.add(record, NOW)
  return roster
}
const names = (roster: Roster, candidates: readonly string[]) =>
  candidates.filter((name) => roster.standing().members.has(peerNamed(name)))

/** anna is admin by the founder; bob is admin by anna; carl and dora are members by anna and bob. */
const annaInvite = village.invite({ by: founder, role: 'admin', key: 'ka' })
const anna = village.member({ ...annaInvite, name: 'anna', sponsor: founder, atMs: START_MS + 50 })
const bobInvite = village.invite({ by: signerOf('anna'), role: 'admin', atMs: START_MS + 100, key: 'kb' })
const bob = village.member({ ...bobInvite, name: 'bob', sponsor: signerOf('anna'), atMs: START_MS + 150 })
const carlInvite = village.invite({ by: signerOf('anna'), atMs: START_MS + 160, key: 'kc' })
const carl = village.member({ ...carlInvite, name: 'carl', sponsor: signerOf('bob'), atMs: START_MS + 170 })
const doraInvite = village.invite({ by: signerOf('bob'), atMs: START_MS + 180, key: 'kd' })
const dora = village.member({ ...doraInvite, name: 'dora', sponsor: signerOf('carl'), atMs: START_MS + 190 })
const ALL = ['anna', 'bob', 'carl', 'dora', 'eve', 'fred']

const Standing = suite('standing')

Standing('members are those whose chain ends at the founding key', () => {
  const roster = rosterOf([anna, bob, carl, dora])
  assert.equal(names(roster, ALL), ['anna', 'bob', 'carl', 'dora'])
  assert.is(roster.standing().levelOf(peerNamed('anna')), 1)
  assert.is(roster.standing().levelOf(peerNamed('bob')), 2)
  assert.is(roster.standing().levelOf(peerNamed('carl')), undefined)
  assert.equal(names(rosterOf([bob, carl, dora]), ALL), [], 'without anna nobody has a chain')
})

Standing('a member cannot invite, a stranger cannot sponsor', () => {
  const byMember = village.invite({ by: signerOf('carl'), atMs: START_MS + 200, key: 'kx' })
  const eve = village.member({ ...byMember, name: 'eve', sponsor: signerOf('anna'), atMs: START_MS + 210 })
  const stranger = village.invite({ by: signerOf('anna'), atMs: START_MS + 200, key: 'ky' })
  const fred = village.member({
    ...stranger,
    name: 'fred',
    sponsor: signerOf('nobody'),
    atMs: START_MS + 210,
  })
  assert.equal(names(rosterOf([anna, bob, carl, eve, fred]), ALL), ['anna', 'bob', 'carl'])
})

Standing('an invite that expired before it was used admits nobody', () => {
  const late = village.invite({ by: founder, expiresAtMs: START_MS + 300, key: 'kl' })
  const eve = village.member({ ...late, name: 'eve', sponsor: founder, atMs: START_MS + 301 })
  assert.equal(names(rosterOf([eve]), ALL), [])
})

Standing('of more uses than allowed the earliest count', () => {
  const twice = village.invite({ by: founder, uses: 2, key: 'k2' })
  const records = ['eve', 'fred', 'carl'].map((name, index) =>
    village.member({ ...twice, name, sponsor: founder, atMs: START_MS + 300 - index }),
  )
  assert.equal(names(rosterOf(records), ALL), ['carl', 'fred'])
  const again = village.member({ ...twice, name: 'carl', sponsor: founder, atMs: START_MS + 400 })
  assert.equal(names(rosterOf([...records, again]), ALL), ['carl', 'fred'], 'the same subject uses it once')
})

Standing('a revoked member is out, and who it had let in stays when the revocation keeps it', () => {
  const keeps = [hashOf(dora)]
  const revokeCarl = village.revoke({ by: signerOf('anna'), name: 'carl', atMs: START_MS + 500, keeps })
  const roster = rosterOf([anna, bob, carl, dora, revokeCarl])
  assert.equal(names(roster, ALL), ['anna', 'bob', 'dora'])
  assert.is(roster.standing().former.get(peerNamed('carl'))?.name, 'carl')
})

Standing('acts that a revocation does not keep are void, whatever their date says', () => {
  const keeps = [hashOf(carl), hashOf(doraInvite.capability)]
  const revokeBob = village.revoke({ by: signerOf('anna'), name: 'bob', atMs: START_MS + 500, keeps })
  const backdated = village.invite({ by: signerOf('bob'), atMs: START_MS + 160, key: 'kz' })
  const eve = village.member({ ...backdated, name: 'eve', sponsor: signerOf('bob'), atMs: START_MS + 161 })
  const fred = village.member({ ...backdated, name: 'fred', sponsor: signerOf('carl'), atMs: START_MS + 200 })
  const revenge = village.revoke({ by: signerOf('bob'), name: 'carl', atMs: START_MS + 162 })
  const roster = rosterOf([anna, bob, carl, dora, revokeBob, eve, fred, revenge])
  assert.equal(names(roster, ALL), ['anna', 'carl', 'dora'])
})

Standing('nobody revokes above: not a member, not an admin its own inviter, nobody the founding key', () => {
  const byMember = village.revoke({ by: signerOf('carl'), name: 'dora', atMs: START_MS + 500 })
  const upwards = village.revoke({ by: signerOf('bob'), name: 'anna', atMs: START_MS + 500 })
  const founderOut = village.revoke({ by: signerOf('anna'), name: 'roster founder', atMs: START_MS + 500 })
  const roster = rosterOf([anna, bob, carl, dora, byMember, upwards, founderOut])
  assert.equal(names(roster, ALL), ['anna', 'bob', 'carl', 'dora'])
})

Standing(
  'of two admins of one level that revoke each other the earlier stands; the founding key settles it',
  () => {
    const second = village.invite({ by: founder, role: 'admin', key: 'kp' })
    const peer = village.member({ ...second, name: 'eve', sponsor: founder, atMs: START_MS + 60 })
    const first = village.revoke({ by: signerOf('eve'), name: 'anna', atMs: START_MS + 500 })
    const later = village.revoke({ by: signerOf('anna'), name: 'eve', atMs: START_MS + 501 })
    assert.equal(names(rosterOf([anna, peer, first, later]), ALL), ['eve'])
    const settled = village.revoke({ by: founder, name: 'eve', atMs: START_MS + 900 })
    assert.equal(names(rosterOf([anna, peer, first, later, settled]), ALL), ['anna'])
  },
)

Standing('a withdrawn invite admits nobody more', () => {
  const many = village.invite({ by: founder, uses: 9, key: 'k9' })
  const eve = village.member({ ...many, name: 'eve', sponsor: founder, atMs: START_MS + 60 })
  const keeps = [hashOf(eve)]
  const withdrawn = village.revoke({ by: founder, invite: many.id, atMs: START_MS + 70, keeps })
  const fred = village.member({ ...many, name: 'fred', sponsor: founder, atMs: START_MS + 65 })
  assert.equal(names(rosterOf([eve, fred, withdrawn]), ALL), ['eve'])
})

Standing.run()

const Convergence = suite('convergence')
const revokeBob = village.revoke({
  by: signerOf('anna'),
  name: 'bob',
  atMs: START_MS + 600,
  keeps: [hashOf(carl)],
})
const revokeCarl = village.revoke({ by: founder, name: 'carl', atMs: START_MS + 610 })
const counter = village.revoke({ by: signerOf('bob'), name: 'anna', atMs: START_MS + 590 })
const twice = village.invite({ by: founder, uses: 2, key: 'k2' })
const rivals = ['eve', 'fred', 'gina'].map((name, index) =>
  village.member({ ...twice, name, sponsor: founder, atMs: START_MS + 700 + index }),
)
const everything = [anna, bob, carl, dora, revokeBob, revokeCarl, counter, ...rivals]

Convergence('the same records in any order, with repeats, give the same digest and the same members', () => {
  const expected = rosterOf(everything)
  fc.assert(
    fc.property(
      fc.shuffledSubarray(everything, { minLength: everything.length }),
      fc.array(fc.constantFrom(...everything)),
      (order, repeats) => {
        const roster = rosterOf([...repeats, ...order])
        assert.equal(Buffer.from(roster.digest()), Buffer.from(expected.digest()))
        assert.equal(names(roster, [...ALL, 'gina']), names(expected, [...ALL, 'gina']))
        assert.equal(
          [...roster.standing().revoked.keys()].sort(),
          [...expected.standing().revoked.keys()].sort(),
        )
      },
    ),
    { numRuns: 60 },
  )
})

Convergence('two rosters differ in digest exactly where they differ in records', () => {
  fc.assert(
    fc.property(fc.subarray(everything), fc.subarray(everything), (left, right) => {
      const [a, b] = [rosterOf(left), rosterOf(right)]
      const same = left.length === right.length && left.every((record) => right.includes(record))
      assert.is(Buffer.compare(a.digest(), b.digest()) === 0, same)
      const differing = a
        .bucketDigests()
        .flatMap((digest, bucket) =>
          Buffer.compare(digest, b.bucketDigests()[bucket] ?? new Uint8Array(0)) === 0 ? [] : [bucket],
        )
      for (const record of everything) {
        const [inA, inB] = [left.includes(record), right.includes(record)]
        if (inA !== inB) assert.ok(differing.includes(bucketOf(hashOf(record))))
      }
    }),
    { numRuns: 60 },
  )
})

Convergence('a proof is enough for one who knows only the founding key', () => {
  const roster = rosterOf([anna, bob, carl, dora])
  const proof = roster.proofOf(peerNamed('dora')).map((record) => record.bytes)
  assert.equal(names(rosterOf(proof), ['dora']), ['dora'])
  assert.equal(roster.proofOf(peerNamed('stranger')), [])
})

Convergence('a record from the future is refused for now', () => {
  const future = village.member({ ...twice, name: 'eve', sponsor: founder, atMs: NOW + CLOCK_SKEW_MS + 1 })
  throwsCode(() => rosterOf([future]), 'CLOCK_SKEWED')
})

Convergence('a long chain of sponsors is decided without trouble', () => {
  const many = village.invite({ by: founder, uses: 300, key: 'many' })
  const records = Array.from({ length: 200 }, (_, index) =>
    village.member({
      ...many,
      name: `m${index}`,
      sponsor: index === 0 ? founder : signerOf(`m${index - 1}`),
      atMs: START_MS + 100 + index,
    }),
  )
  assert.is(rosterOf(records).standing().members.size, 200)
  assert.ok(rosterOf(records).proofOf(peerNamed('m199')).length <= 64, 'a proof has a bound')
})

Convergence.run()

const Admission = suite('admission')
const admit = (roster: Roster, join: Uint8Array, nowMs = NOW) =>
  checkAdmission(roster, parseJoinRequest(join, village.hash), { founder: village.founderPeer, nowMs })
const joinAt = (invite: { capability: Uint8Array; key: ReturnType<typeof signerOf> }, atMs = NOW) =>
  village.join({ ...invite, name: 'eve', atMs })

Admission('a valid invite lets in', () => {
  admit(rosterOf([anna]), joinAt(village.invite({ by: signerOf('anna'), atMs: START_MS + 60, key: 'q' })))
})
Admission('each reason to refuse has its code', () => {
  const roster = rosterOf([anna, bob, carl])
  const good = village.invite({ by: founder, key: 'q' })
  const late = village.invite({ by: founder, expiresAtMs: NOW - 1, key: 'q' })
  throwsCode(() => admit(roster, joinAt(late)), 'INVITE_EXPIRED')
  throwsCode(() => admit(roster, joinAt(good, NOW - CLOCK_SKEW_MS - 1)), 'CLOCK_SKEWED')
  throwsCode(() => admit(roster, joinAt(carlInvite)), 'INVITE_USED')
  throwsCode(
    () => admit(roster, joinAt(village.invite({ by: signerOf('carl'), key: 'q' }))),
    'INVITE_ALTERED',
  )
  const withdrawn = village.revoke({ by: founder, invite: good.id, atMs: NOW })
  throwsCode(() => admit(rosterOf([anna, withdrawn]), joinAt(good)), 'INVITE_REVOKED')
  const out = village.revoke({ by: founder, name: 'eve', atMs: NOW })
  throwsCode(() => admit(rosterOf([anna, out]), joinAt(good)), 'MEMBER_REVOKED')
  const noAnna = village.revoke({ by: founder, name: 'anna', atMs: NOW })
  const byAnna = village.invite({ by: signerOf('anna'), atMs: START_MS + 60, key: 'q' })
  throwsCode(() => admit(rosterOf([anna, noAnna]), joinAt(byAnna)), 'INVITE_REVOKED')
  // Whatever date the invite bears: who left can write any.
  const left = village.leave({ name: 'anna', atMs: START_MS + 500 })
  throwsCode(() => admit(rosterOf([anna, left]), joinAt(byAnna)), 'INVITE_REVOKED')
  const back = village.member({
    ...village.invite({ by: founder, atMs: START_MS + 600, key: 'again' }),
    name: 'anna',
    sponsor: founder,
    atMs: START_MS + 700,
  })
  throwsCode(() => admit(rosterOf([anna, left, back]), joinAt(byAnna)), 'INVITE_REVOKED')
})
Admission.run()
