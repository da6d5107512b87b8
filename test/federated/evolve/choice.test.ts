/** Choices that look at items, ranking by several objectives, budgets: small cases with known answers. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { generationsWithoutGain, limitReached } from '../../../node/federated/evolve/budget.ts'
import { cholesky, solveLower, solveUpper, timesLower } from '../../../node/federated/evolve/cholesky.ts'
import { cmaParameters } from '../../../node/federated/evolve/cma-parameters.ts'
import { createDraws, shuffled } from '../../../node/federated/evolve/draws.ts'
import { packItems, unpackItems } from '../../../node/federated/evolve/member.ts'
import { attractions, lexicase, sharedValues } from '../../../node/federated/evolve/parent-choice.ts'
import { crowding, dominates, fronts, paretoOrder } from '../../../node/federated/evolve/pareto.ts'
import { strategyNamed } from '../../../node/federated/evolve/table.ts'
import { genesIn, realSpace, simulateRun } from '../../helpers/simulate-run.ts'

const test = suite('choice of parents and survivors')
const bytes = (...values: number[]) => Uint8Array.from(values)

test('the other parent is strong where the first is weak, most where nobody else is', () => {
  const items = [bytes(255, 255, 0, 0), bytes(255, 240, 0, 0), bytes(0, 0, 255, 0), bytes(0, 0, 255, 255)]
  const attraction = attractions(items, 0)
  assert.is(attraction[0], 0)
  assert.is(attraction[1], 0)
  assert.ok(attraction[3]! > attraction[2]! && attraction[2]! > 0)
  // Item 2 is shared by two, item 3 is held by one alone.
  assert.ok(Math.abs(attraction[3]! - attraction[2]! - 1 / (1 + 1 / 255)) < 1e-12)
})

test('shared values prefer the one who alone has an item', () => {
  const shared = sharedValues([bytes(255, 0), bytes(255, 0), bytes(0, 255)])
  assert.ok(shared[2]! > 1.9 * shared[0]!)
  assert.is(shared[0], shared[1])
})

test('lexicase finds specialists that a mean would miss', () => {
  const items = [
    bytes(160, 160, 160, 160),
    bytes(255, 0, 0, 0),
    bytes(0, 255, 0, 0),
    bytes(160, 160, 160, 150),
  ]
  const chosen = new Set<number>()
  for (let seed = 0; seed < 60; seed++) chosen.add(lexicase(items, createDraws(seed, 'l')))
  assert.ok(chosen.has(1) && chosen.has(2), [...chosen].join())
})

test('lexicase takes the one that is best everywhere', () => {
  const items = [bytes(10, 20, 30), bytes(200, 210, 220), bytes(20, 10, 40), bytes(15, 15, 35)]
  for (let seed = 0; seed < 20; seed++) assert.is(lexicase(items, createDraws(seed, 'l')), 1)
})

test('specialists together: complementary parents reach what each lacks', () => {
  // Ten items, each asks for one gene; the seeds hold half of them each.
  const half = (from: number) => Array.from({ length: 10 }, (_, gene) => (gene < 5 === (from === 0) ? 1 : 0))
  const run = simulateRun(strategyNamed('tournament'), {
    space: realSpace(10, { seeds: [half(0), half(1)], groups: [0, 5] }),
    population: 6,
    generations: 6,
    options: { parents: 'complementary', survival: 'sharing', crossover: 'groups' },
    evaluate: (genome) => {
      const itemScores = genesIn(genome)
      return { itemScores, objectives: [itemScores.reduce((sum, score) => sum + score, 0) / 10] }
    },
  })
  assert.ok(run.best.objectives[0]! > 0.9, String(run.best.objectives[0]))
})

test('item scores survive packing to a byte', () => {
  const scores = Array.from({ length: 300 }, (_, index) => index / 299)
  const back = unpackItems(packItems(scores))
  for (const [index, score] of scores.entries()) assert.ok(Math.abs(back[index]! / 255 - score) <= 0.5 / 255)
})

test('fronts are those of the definition', () => {
  const row = fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5))
  fc.assert(
    fc.property(fc.array(row, { maxLength: 24 }), (rows) => {
      const found = fronts(rows)
      assert.equal(
        found.flat().sort((a, b) => a - b),
        rows.map((_, index) => index),
      )
      for (const [level, front] of found.entries())
        for (const index of front) {
          const dominators = found
            .slice(0, level)
            .flat()
            .filter((other) => dominates(rows[other]!, rows[index]!))
          assert.is(dominators.length > 0, level > 0)
          assert.not.ok(front.some((other) => dominates(rows[other]!, rows[index]!)))
        }
    }),
    { numRuns: 200, seed: 5 },
  )
})

test('crowding keeps the ends and what stands alone', () => {
  const rows = [
    [0, 4],
    [1, 3],
    [1.1, 2.9],
    [4, 0],
  ]
  const [first, near, other, last] = crowding(rows)
  assert.is(first, Number.POSITIVE_INFINITY)
  assert.is(last, Number.POSITIVE_INFINITY)
  assert.ok(other! > near!)
  assert.equal(
    paretoOrder([[0, 0], ...rows]).map(({ index }) => index),
    [1, 4, 3, 2, 0],
  )
})

test('a Cholesky factor solves', () => {
  const matrix = [[4], [2, 5], [-1, 0.5, 3]]
  const factor = cholesky(matrix)!
  const x = [0.5, -2, 3]
  const full = [
    [4, 2, -1],
    [2, 5, 0.5],
    [-1, 0.5, 3],
  ]
  const b = full.map((row) => row.reduce((sum, value, index) => sum + value * x[index]!, 0))
  for (const [index, value] of solveUpper(factor, solveLower(factor, b)).entries())
    assert.ok(Math.abs(value - x[index]!) < 1e-12)
  assert.equal(timesLower(factor, [0, 0, 0]), [0, 0, 0])
  assert.is(cholesky([[1], [2, 1]]), null)
})

test('constants of CMA-ES are those of the tutorial', () => {
  // Ten dimensions, ten candidates: figures of table 1 worked out by hand.
  const { weights, muEffective, rankOne, stepDecay, pathDecay, expectedNorm } = cmaParameters(10, 10, false)
  assert.ok(Math.abs(weights.slice(0, 5).reduce((sum, weight) => sum + weight, 0) - 1) < 1e-12)
  assert.ok(weights.slice(5).every((weight) => weight < 0))
  assert.ok(Math.abs(muEffective - 3.1672992) < 1e-6, String(muEffective))
  assert.ok(Math.abs(rankOne - 2 / (11.3 ** 2 + muEffective)) < 1e-15)
  assert.ok(Math.abs(stepDecay - (muEffective + 2) / (15 + muEffective)) < 1e-15)
  assert.ok(Math.abs(pathDecay - (4 + muEffective / 10) / (14 + muEffective / 5)) < 1e-15)
  assert.ok(Math.abs(expectedNorm - 3.0847265) < 1e-4)
})

test('draws: the same by purpose, others by another, an order of all', () => {
  const numbers = (purpose: string) => {
    const draws = createDraws(7, purpose)
    return [draws.uniform(), draws.normal(), draws.below(10)]
  }
  assert.equal(numbers('a'), numbers('a'))
  assert.not.equal(numbers('a'), numbers('b'))
  assert.equal(
    shuffled(createDraws(1, 's'), 20).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, index) => index),
  )
  const counts = [0, 0, 0]
  const draws = createDraws(1, 'w')
  for (let round = 0; round < 3_000; round++) counts[draws.weighted([1, 0, 2])]! += 1
  assert.is(counts[1], 0)
  assert.ok(Math.abs(counts[0]! - 1_000) < 100, counts.join())
  assert.ok([0, 1].includes(draws.weighted([0, 0])))
})

test('a plateau is counted from the last gain that counts, and creeping gains add up', () => {
  assert.is(generationsWithoutGain([], 0), 0)
  assert.is(generationsWithoutGain([0.5, 0.6, 0.6, 0.59], 0), 2)
  assert.is(generationsWithoutGain([0.5, 0.505, 0.509, 0.512], 0.01), 0)
  assert.is(generationsWithoutGain([0.5, 0.505, 0.508], 0.01), 2)
  assert.is(generationsWithoutGain([null, null], 0), 2)
})

test('the first limit that is reached is named', () => {
  const limits = { generations: 10, evaluations: 100, durationMs: 1_000, joules: 50, plateau: 3, minGain: 0 }
  const progress = { generations: 4, evaluations: 40, elapsedMs: 400, joules: 5, best: [0.1, 0.2, 0.3, 0.4] }
  assert.is(limitReached(limits, progress), null)
  assert.equal(limitReached(limits, { ...progress, generations: 10 })?.limit, 'generations')
  assert.equal(limitReached(limits, { ...progress, evaluations: 101 }), {
    limit: 'evaluations',
    allowed: 100,
    reached: 101,
  })
  assert.is(limitReached(limits, { ...progress, elapsedMs: 1_000 })?.limit, 'duration')
  assert.is(limitReached(limits, { ...progress, joules: 50.5 })?.limit, 'energy')
  assert.is(limitReached(limits, { ...progress, best: [0.5, 0.4, 0.4, 0.5] })?.limit, 'plateau')
  const none = { ...limits, evaluations: null, durationMs: null, joules: null, plateau: null }
  assert.is(limitReached(none, { ...progress, best: [1, 1, 1, 1, 1, 1] }), null)
})

test.run()
