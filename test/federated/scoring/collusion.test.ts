/** Ten scorers of which three lie together, in all ways that came to mind: the choice is the one without them, and they are named. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { differences } from '../../../node/federated/scoring/judge.ts'
import { recordOf } from '../../../node/federated/scoring/reputation.ts'
import { type Lie, type LyingContext, simulateScoring } from '../../helpers/simulate-scoring.ts'

const test = suite('scoring with liars')

/** The first items that are not `value` become it, so many: liars who do the same agree with one another. */
function push(truth: Uint8Array, value: number, count: number): Uint8Array {
  const values = truth.slice()
  let left = count
  for (let item = 0; item < values.length && left > 0; item++) {
    if (values[item] === value) continue
    values[item] = value
    left -= 1
  }
  return values
}

const tilt = ({ truth, isOwn }: LyingContext, items: number) => push(truth, isOwn ? 1 : 0, items)

const LIES: Readonly<Record<string, Lie>> = {
  'inflate their own and sink others': (context) => tilt(context, 24),
  'sink everything': ({ truth }) => push(truth, 0, 64),
  'praise everything': ({ truth }) => push(truth, 1, 64),
  'lie in turn': (context) => {
    const turn = Math.floor(context.shared * context.liars.length)
    return context.liars[turn] === context.scorer ? tilt(context, 24) : context.truth
  },
  'lie about a few items only': (context) => tilt(context, 4),
  'lie now and then': (context) => (context.shared < 0.2 ? tilt(context, 16) : context.truth),
  'earn trust first': (context) =>
    recordOf(context.reputation, context.scorer).total >= 10 ? tilt(context, 24) : context.truth,
  'tell vectors of another length': ({ truth }) => new Uint8Array(truth.length + 1),
  'contradict one another': (context) => {
    const own = context.liars.indexOf(context.scorer)
    return context.truth.map((value, item) => (item % 3 === own ? 1 - value : value))
  },
}

const SEEDS = 40
const MEMBERS = 10
const LIARS = 3

for (const [name, lie] of Object.entries(LIES))
  test(`liars who ${name} change no choice and are named`, () => {
    let named = 0
    let lied = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const run = simulateScoring({ seed, members: MEMBERS, liars: LIARS, lie, generations: 4 })
      for (const { selected, best, accepted, truths } of run.generations) {
        assert.is(selected, best, `seed ${seed}`)
        for (const [slot, values] of accepted)
          assert.ok(differences(values!, truths[slot]!) <= 1, `seed ${seed} slot ${slot}`)
      }
      for (const peer of run.named) assert.ok(run.liars.includes(peer), `seed ${seed}: ${peer} is honest`)
      for (const peer of run.lied) assert.ok(run.named.has(peer), `seed ${seed}: ${peer} got away`)
      named += run.named.size
      lied += run.lied.size
    }
    // They did lie: the test is about something.
    assert.ok(lied > SEEDS, `${lied} liars lied`)
    assert.is(named, lied)
  })

test('liars who stay silent hold nothing up and are no liars', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = simulateScoring({ seed, members: MEMBERS, liars: LIARS, lie: () => null, generations: 3 })
    assert.is(run.named.size, 0)
    for (const { selected, best } of run.generations) assert.is(selected, best)
  }
})

test('honest scorers with near ties are never named, and one stage is enough', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = simulateScoring({ seed, members: MEMBERS, liars: 0, lie: () => null, generations: 3 })
    assert.is(run.named.size, 0)
    for (const { selected, best, stages, scorings } of run.generations) {
      assert.is(selected, best)
      assert.is(stages, 1)
      // More than can lie: four of ten.
      assert.is(scorings, 12 * 4)
    }
  }
})

test('the smallest villages: one member, two, three', () => {
  for (const members of [1, 2, 3])
    for (let seed = 1; seed <= 20; seed++) {
      const run = simulateScoring({ seed, members, liars: 0, lie: () => null, generations: 2, scorers: 1 })
      for (const { selected, best, scorings } of run.generations) {
        assert.is(selected, best)
        assert.is(scorings, 12)
      }
    }
})

test('in a village of forty candidates cost little, no lie is ever chosen, and no honest scorer named', () => {
  let scorings = 0
  let generations = 0
  let named = 0
  for (let seed = 1; seed <= 12; seed++) {
    // Praise of their own candidates is what would be chosen.
    const lie: Lie = ({ truth, isOwn }) => (isOwn ? push(truth, 1, 40) : truth)
    const run = simulateScoring({ seed, members: 40, liars: 13, lie, generations: 6, candidates: 24 })
    for (const one of run.generations) {
      assert.is(one.selected, one.best, `seed ${seed}`)
      scorings += one.scorings / 24
      generations += 1
    }
    for (const peer of run.named) assert.ok(run.liars.includes(peer))
    named += run.named.size
  }
  assert.ok(named > 0)
  // Fourteen each would be needed to prove every one.
  assert.ok(scorings / generations < 9, `${scorings / generations} scorers a candidate`)
})

test.run()
