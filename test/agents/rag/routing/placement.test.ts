/** Who keeps replicas: shares follow weights, a change of the members moves only what it must, everybody finds the same. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  createDraws,
  drawOf,
  placeReplicas,
  rankMembers,
  type StorageMember,
} from '../../../../node/agents/rag/routing/placement.ts'

const test = suite('placement')

const segmentIds = (count: number) => Array.from({ length: count }, (_, at) => `segment-${at}`)

const communities = fc
  .array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 12 })
  .map((weights) => weights.map((weight, at): StorageMember => ({ peer: `peer-${at}`, weight })))

test('replicas lie with different members that have weight, whatever the order in which members are listed', () => {
  fc.assert(
    fc.property(communities, fc.integer({ min: 1, max: 5 }), fc.string(), (members, replicas, segment) => {
      const placed = placeReplicas(segment, members, replicas)
      const able = members.filter(({ weight }) => weight > 0).map(({ peer }) => peer)
      assert.is(placed.length, Math.min(replicas, able.length))
      assert.is(new Set(placed).size, placed.length)
      assert.ok(placed.every((peer) => able.includes(peer)))
      assert.equal(placeReplicas(segment, members.toReversed(), replicas), placed)
    }),
  )
})

test('a member that leaves moves only what it held, and one that comes takes only what it holds', () => {
  fc.assert(
    fc.property(communities, fc.integer({ min: 1, max: 3 }), fc.nat(), (members, replicas, pick) => {
      const leaver = members[pick % members.length]!.peer
      const left = members.filter(({ peer }) => peer !== leaver)
      for (const segment of segmentIds(40)) {
        const before = placeReplicas(segment, members, replicas)
        const after = placeReplicas(segment, left, replicas)
        if (!before.includes(leaver)) assert.equal(after, before)
        else
          assert.equal(
            after.slice(0, before.length - 1),
            before.filter((peer) => peer !== leaver),
          )
      }
    }),
    { numRuns: 60 },
  )
})

test('more weight for one member takes from the others, and moves nothing between them', () => {
  const members = [1, 2, 3, 4].map((weight): StorageMember => ({ peer: `peer-${weight}`, weight }))
  const grown = members.map((member) => (member.peer === 'peer-2' ? { ...member, weight: 6 } : member))
  for (const segment of segmentIds(500)) {
    const [before] = placeReplicas(segment, members, 1)
    const [after] = placeReplicas(segment, grown, 1)
    assert.ok(after === before || after === 'peer-2')
  }
})

test('the share of a member is its share of the weight', () => {
  const members = [1, 2, 3, 4, 10].map((weight): StorageMember => ({ peer: `peer-${weight}`, weight }))
  const count = 20_000
  const firsts = new Map<string, number>()
  for (const segment of segmentIds(count)) {
    const [first] = placeReplicas(segment, members, 1)
    firsts.set(first!, (firsts.get(first!) ?? 0) + 1)
  }
  for (const { peer, weight } of members) {
    const expected = (count * weight) / 20
    // Five standard deviations of a binomial: wrong weights are far outside.
    const slack = 5 * Math.sqrt(expected * (1 - weight / 20))
    assert.ok(Math.abs(firsts.get(peer)! - expected) < slack, `${peer}: ${firsts.get(peer)} of ${expected}`)
  }
})

test('a full member passes its turn to the next', () => {
  const members = segmentIds(6).map((peer): StorageMember => ({ peer, weight: 1 }))
  const ranked = rankMembers('s', members)
  assert.equal(
    placeReplicas('s', members, 2, (peer) => peer !== ranked[0]),
    [ranked[1], ranked[2]],
  )
})

test('the few best are the first of the ranking', () => {
  fc.assert(
    fc.property(communities, fc.integer({ min: 0, max: 14 }), fc.string(), (members, replicas, segment) => {
      const ranked = rankMembers(segment, members)
      assert.equal(placeReplicas(segment, members, replicas), ranked.slice(0, replicas))
    }),
  )
})

test('draws that are remembered are those that were made, however few there is room for', () => {
  const pairs = segmentIds(6).flatMap((segment) => segmentIds(9).map((peer) => [segment, peer] as const))
  for (const maxDraws of [0, 1, 20, 1_000]) {
    const draws = createDraws({ maxDraws })
    for (let round = 0; round < 12; round++)
      for (const [segment, peer] of pairs) assert.is(draws(segment, peer), drawOf(segment, peer))
  }
})

test('the ranking is that of the specification', () => {
  const members = ['ada', 'bo', 'cy', 'dee'].map((peer, at): StorageMember => ({ peer, weight: 1 + at }))
  assert.equal(rankMembers('one', members), ['dee', 'bo', 'cy', 'ada'])
  assert.equal(rankMembers('three', members), ['dee', 'ada', 'bo', 'cy'])
})

test.run()
