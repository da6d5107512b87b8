/** Mutation and crossover, row by row: inside the bounds, made of the parents, with the spread that the papers state. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createDraws } from '../../../node/federated/evolve/draws.ts'
import {
  CROSSOVERS,
  type CrossoverName,
  MUTATIONS,
  type MutationName,
  mutate,
  reflect,
} from '../../../node/federated/evolve/operators.ts'

const test = suite('variation operators')
const genes = (length: number) =>
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: length, maxLength: length })
const isInside = (values: readonly number[]) => values.every((value) => value >= 0 && value <= 1)
const GROUPS = [0, 3, 4]

for (const name of Object.keys(CROSSOVERS) as CrossoverName[])
  test(`${name} stays inside and needs nothing but its draws`, () => {
    fc.assert(
      fc.property(genes(6), genes(6), fc.nat(), (a, b, seed) => {
        const cross = () => CROSSOVERS[name](a, b, { groups: GROUPS, eta: 15 }, createDraws(seed, 'x'))
        const child = cross()
        assert.is(child.length, 6)
        assert.ok(isInside(child), child.join())
        assert.equal(child, cross())
        const own = CROSSOVERS[name](a, a, { groups: GROUPS, eta: 15 }, createDraws(seed, 'x'))
        assert.ok(own.every((value, gene) => Math.abs(value - a[gene]!) < 1e-12))
      }),
      { numRuns: 300, seed: 3 },
    )
  })

for (const name of Object.keys(MUTATIONS) as MutationName[])
  test(`${name} stays inside and changes a gene at least`, () => {
    fc.assert(
      fc.property(genes(5), fc.nat(), (given, seed) => {
        // At a bound the polynomial mutation has nowhere to go one way.
        const a = given.map((value) => 0.01 + 0.98 * value)
        const init = { rate: 0.2, eta: 20, deviation: 0.1 }
        const child = mutate(name, a, init, createDraws(seed, 'm'))
        assert.ok(isInside(child), child.join())
        assert.ok(child.some((value, gene) => value !== a[gene]))
      }),
      { numRuns: 300, seed: 4 },
    )
  })

test('groups are taken whole, one at least from each parent', () => {
  for (let seed = 0; seed < 100; seed++) {
    const child = CROSSOVERS.groups(
      [0, 0, 0, 0, 0],
      [1, 1, 1, 1, 1],
      { groups: [0, 2, 3], eta: 15 },
      createDraws(seed, 'g'),
    )
    assert.is(child[0], child[1])
    assert.is(child[3], child[4])
    assert.ok(child.includes(0) && child.includes(1), child.join())
  }
})

test('sbx keeps the mean of the parents, and a larger index spreads less', () => {
  const spread = (eta: number) => {
    let [sum, deviation] = [0, 0]
    const rounds = 4_000
    for (let seed = 0; seed < rounds; seed++) {
      const [value = 0] = CROSSOVERS.sbx([0.4], [0.6], { groups: [0], eta }, createDraws(seed, 's'))
      sum += value
      deviation += Math.min(Math.abs(value - 0.4), Math.abs(value - 0.6))
    }
    return { mean: sum / rounds, deviation: deviation / rounds }
  }
  const [wide, narrow] = [spread(2), spread(30)]
  assert.ok(Math.abs(wide.mean - 0.5) < 0.01, String(wide.mean))
  assert.ok(narrow.deviation < wide.deviation / 3)
})

test('the gaussian mutation has its deviation', () => {
  let squares = 0
  for (let seed = 0; seed < 4_000; seed++) {
    const [value = 0] = mutate(
      'gaussian',
      [0.5],
      { rate: 1, eta: 0, deviation: 0.05 },
      createDraws(seed, 'd'),
    )
    squares += (value - 0.5) ** 2
  }
  assert.ok(Math.abs(Math.sqrt(squares / 4_000) - 0.05) < 0.002)
})

test('what is beyond a bound is mirrored', () => {
  assert.is(reflect(0.25), 0.25)
  assert.is(reflect(-0.25), 0.25)
  assert.is(reflect(1.25), 0.75)
  assert.is(reflect(2.25), 0.25)
  assert.is(reflect(Number.NaN), 0.5)
})

test.run()
