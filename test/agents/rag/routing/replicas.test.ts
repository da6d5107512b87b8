/** Repair with patience: a short absence moves nothing, a long one is made up for, and copies too many go when all is well again. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { capWeights } from '../../../../node/agents/rag/routing/member-weights.ts'
import { observePresence, type Presence } from '../../../../node/agents/rag/routing/presence.ts'
import { planReplicas, type ReplicaMember } from '../../../../node/agents/rag/routing/replica-plan.ts'

const test = suite('replicas')

const LIMITS = { awayMs: 1_000, settleMs: 300 }
const STEP_MS = 100
const SEGMENTS = Array.from({ length: 12 }, (_, at) => `segment-${at}`)
const SIZE_BYTES = 10

/** A village in one place: everybody sees the same, and what is to be fetched is there at the next look. */
function createVillage(init: { weights: readonly number[]; replicas: number; capacityBytes?: number }) {
  const peers = init.weights.map((weight, at) => ({ peer: `peer-${at}`, weight }))
  const holders = new Map(SEGMENTS.map((segment) => [segment, new Set<string>()]))
  let presence: ReadonlyMap<string, Presence> = new Map()
  let nowMs = 0
  const counts = { fetched: 0, dropped: 0 }

  function usedBytes(peer: string): number {
    return SIZE_BYTES * [...holders.values()].filter((some) => some.has(peer)).length
  }

  function look(away: ReadonlySet<string>): void {
    nowMs += STEP_MS
    presence = observePresence(
      presence,
      new Set(peers.map(({ peer }) => peer).filter((peer) => !away.has(peer))),
      nowMs,
      LIMITS,
    )
    for (const segment of SEGMENTS) {
      const held = holders.get(segment)!
      const plan = planOf(segment)
      for (const peer of plan.drop) {
        if (away.has(peer)) continue
        held.delete(peer)
        counts.dropped++
      }
      const live = [...held].filter((peer) => !away.has(peer)).length
      if (plan.drop.length > 0) assert.ok(live >= init.replicas, 'a copy was dropped that was needed')
      for (const peer of plan.fetch) {
        assert.not.ok(away.has(peer), 'a member that is not there cannot fetch')
        held.add(peer)
        counts.fetched++
      }
    }
  }

  function planOf(segment: string) {
    const members = peers.flatMap(({ peer, weight }): ReplicaMember[] => {
      const state = presence.get(peer)
      const freeBytes = (init.capacityBytes ?? 1_000_000) - usedBytes(peer)
      return state === undefined ? [] : [{ peer, weight, presence: state, freeBytes }]
    })
    const held = holders.get(segment)!
    return planReplicas(
      { segment, sizeBytes: SIZE_BYTES, replicas: init.replicas, owner: null, holders: held },
      members,
    )
  }

  return {
    holders,
    counts,
    usedBytes,
    planOf,
    look,
    /** Looks for this long with these members away. */
    pass(durationMs: number, ...away: string[]) {
      for (let left = durationMs; left > 0; left -= STEP_MS) look(new Set(away))
    },
    live: (segment: string, ...away: string[]) =>
      [...holders.get(segment)!].filter((peer) => !away.includes(peer)).length,
  }
}

test('a member is away, gone, returning and present again, each after its time', () => {
  const steps: [isSeen: boolean, nowMs: number, state: string][] = [
    [true, 0, 'present'],
    [false, 100, 'away'],
    [true, 1_000, 'present'],
    [false, 1_100, 'away'],
    [false, 2_000, 'away'],
    [false, 2_100, 'gone'],
    [true, 2_200, 'returning'],
    [false, 2_300, 'gone'],
    [true, 2_400, 'returning'],
    [true, 2_600, 'returning'],
    [true, 2_700, 'present'],
  ]
  let presence: ReadonlyMap<string, Presence> = new Map()
  for (const [isSeen, nowMs, state] of steps) {
    presence = observePresence(presence, new Set(isSeen ? ['p'] : []), nowMs, LIMITS)
    assert.is(presence.get('p')!.state, state, `at ${nowMs} ms`)
  }
})

test('a short absence moves nothing', () => {
  const village = createVillage({ weights: [1, 1, 1, 1, 1], replicas: 2 })
  village.pass(500)
  assert.is(village.counts.fetched, SEGMENTS.length * 2)
  village.pass(800, 'peer-1')
  village.pass(500)
  assert.equal(village.counts, { fetched: SEGMENTS.length * 2, dropped: 0 })
})

test('a long one is made up for by as many copies as were lost, and these go after the return', () => {
  const village = createVillage({ weights: [1, 1, 1, 1, 1], replicas: 2 })
  village.pass(500)
  const lost = village.usedBytes('peer-1') / SIZE_BYTES
  assert.ok(lost > 0)
  village.pass(2_000, 'peer-1')
  assert.is(village.counts.fetched, SEGMENTS.length * 2 + lost)
  for (const segment of SEGMENTS) assert.is(village.live(segment, 'peer-1'), 2)
  village.pass(200)
  assert.is(village.counts.dropped, 0)
  village.pass(1_000)
  assert.equal(village.counts, { fetched: SEGMENTS.length * 2 + lost, dropped: lost })
})

test('members that are full are passed over, and nothing is lost when all are', () => {
  const village = createVillage({ weights: [1, 1, 1, 1], replicas: 2, capacityBytes: 70 })
  village.pass(1_000)
  for (const segment of SEGMENTS) assert.is(village.live(segment), 2)
  for (let at = 0; at < 4; at++) assert.ok(village.usedBytes(`peer-${at}`) <= 70)
  village.pass(3_000, 'peer-0')
  const copies = SEGMENTS.reduce((sum, segment) => sum + village.live(segment, 'peer-0'), 0)
  assert.is(copies, 21)
  for (const segment of SEGMENTS) assert.ok(village.live(segment, 'peer-0') >= 1)
})

test('an owner keeps no replica of what is its own', () => {
  const presence: Presence = { state: 'present', sinceMs: 0 }
  const members = ['a', 'b'].map((peer): ReplicaMember => ({ peer, weight: 1, presence, freeBytes: 99 }))
  const segment = { segment: 's', sizeBytes: 1, replicas: 2, owner: 'a', holders: new Set(['a']) }
  assert.equal(planReplicas(segment, members), { wanted: ['b'], next: null, fetch: ['b'], drop: [], live: 1 })
})

const PRESENT: Presence = { state: 'present', sinceMs: 0 }
const memberOf = (weight: number, at: number): ReplicaMember => ({
  ...{ peer: `peer-${at}`, weight, presence: PRESENT, freeBytes: 99 },
})

test('who is doubted is no copy and gets no turn: the others make as many copies as without it', () => {
  const cases = fc.record({
    weights: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }),
    replicas: fc.integer({ min: 1, max: 4 }),
    doubted: fc.uniqueArray(fc.nat(7)),
    holding: fc.uniqueArray(fc.nat(7)),
    segment: fc.string(),
  })
  fc.assert(
    fc.property(cases, ({ weights, replicas, doubted, holding, segment }) => {
      const members = weights.map(memberOf)
      const named = (list: readonly number[]) => new Set(list.map((at) => `peer-${at}`))
      const planned = { segment, sizeBytes: 1, replicas, owner: null, holders: named(holding) }
      const plan = planReplicas({ ...planned, doubted: named(doubted) }, members)
      const honest = members.filter(({ peer }) => !named(doubted).has(peer))
      const holders = new Set([...planned.holders].filter((peer) => !named(doubted).has(peer)))
      assert.equal(plan, planReplicas({ ...planned, holders }, honest))
      assert.is(plan.wanted.length, Math.min(replicas, honest.length))
    }),
  )
})

test('who would be next is wanted when one that is wanted is doubted', () => {
  const members = [1, 1, 1, 1].map(memberOf)
  const planned = { segment: 's', sizeBytes: 1, replicas: 2, owner: null, holders: new Set<string>() }
  const { wanted, next } = planReplicas(planned, members)
  const after = planReplicas({ ...planned, doubted: new Set([wanted[0]!]) }, members)
  assert.equal(after.wanted, [wanted[1], next])
})

test('whatever one member says that it lends, it gets at most four shares, and the others keep their own', () => {
  const honest = fc.array(fc.integer({ min: 1, max: 2 ** 40 }), { minLength: 2, maxLength: 20 })
  fc.assert(
    fc.property(honest, fc.maxSafeInteger(), (weights, claimed) => {
      const said = [...weights, Math.abs(claimed)].map(memberOf)
      const capped = capWeights(said)
      const lent = said.map(({ weight }) => weight).filter((weight) => weight > 0)
      const median = lent.sort((a, b) => a - b)[Math.floor((lent.length - 1) / 2)]!
      for (const [at, { weight, peer }] of capped.entries()) {
        assert.is(peer, said[at]!.peer)
        assert.ok(weight <= 4 * median && weight <= said[at]!.weight)
        if (said[at]!.weight <= 2 * median) assert.is(weight, said[at]!.weight)
      }
    }),
  )
})

test('a liar with all the room in the world does not win every segment', () => {
  const members = capWeights([2 ** 28, 2 ** 28, 2 ** 28, Number.MAX_SAFE_INTEGER].map(memberOf))
  const wins = new Map<string, number>()
  for (let at = 0; at < 2_000; at++) {
    const segment = { segment: `s${at}`, sizeBytes: 1, replicas: 1, owner: null, holders: new Set<string>() }
    const [winner] = planReplicas(segment, members).wanted
    wins.set(winner!, (wins.get(winner!) ?? 0) + 1)
  }
  // Four shares of seven, give or take five standard deviations.
  assert.ok(Math.abs(wins.get('peer-3')! - (2_000 * 4) / 7) < 111)
})

test('whoever comes and goes, in the end every segment has its copies with those that are wanted, and no other', () => {
  const absences = fc.array(
    fc.record({
      away: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 5 }),
      durationMs: fc.integer({ min: 100, max: 2_500 }),
    }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(absences, fc.integer({ min: 1, max: 3 }), (history, replicas) => {
      const village = createVillage({ weights: [1, 2, 1, 3, 1, 2], replicas })
      for (const { away, durationMs } of history) village.pass(durationMs, ...away.map((at) => `peer-${at}`))
      village.pass(LIMITS.settleMs + LIMITS.awayMs + 3 * STEP_MS)
      for (const segment of SEGMENTS) {
        const plan = village.planOf(segment)
        assert.equal([...village.holders.get(segment)!].sort(), plan.wanted.toSorted())
        assert.is(plan.wanted.length, replicas)
      }
    }),
    { numRuns: 60 },
  )
})

test.run()
