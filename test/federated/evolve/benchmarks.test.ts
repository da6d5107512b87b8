/**
 * Each strategy on the functions that it is known by, within the evaluations that its authors report: CMA-ES on sphere,
 * ellipsoid and Rosenbrock in 10 dimensions (Hansen, 2016, and the BBOB tables: about 1,800, 4,000 and 6,000), Rastrigin with
 * growing restarts (Auger and Hansen, 2005), NSGA-II on ZDT1 (Deb, 2002: hypervolume 0.659 of 0.667 against (1, 1) in
 * 25,000; here the first 15,000 of them).
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { strategyNamed } from '../../../node/federated/evolve/table.ts'
import type { JsonObject } from '../../../node/json.ts'
import {
  ellipsoid,
  hypervolume,
  rastrigin,
  rosenbrock,
  sphere,
  zdt1,
} from '../../helpers/search-benchmarks.ts'
import { genesIn, realSpace, simulateRun } from '../../helpers/simulate-run.ts'

const test = suite('search benchmarks')

interface Case {
  readonly title: string
  readonly strategy: string
  readonly options?: JsonObject
  readonly dimensions: number
  readonly population: number
  readonly target: number
  readonly within: number
  readonly value: (genes: readonly number[]) => number
}

const CASES: readonly Case[] = [
  {
    title: 'sphere',
    strategy: 'cma-es',
    dimensions: 10,
    population: 10,
    target: 1e-10,
    within: 2_000,
    value: sphere,
  },
  {
    title: 'ellipsoid',
    strategy: 'cma-es',
    dimensions: 10,
    population: 10,
    target: 1e-8,
    within: 4_500,
    value: ellipsoid,
  },
  {
    title: 'Rosenbrock',
    strategy: 'cma-es',
    dimensions: 10,
    population: 10,
    target: 1e-8,
    within: 6_500,
    value: rosenbrock,
  },
  {
    title: 'Rastrigin with restarts',
    strategy: 'cma-es',
    options: { step: 0.3, restarts: 7 },
    dimensions: 5,
    population: 10,
    target: 1e-6,
    within: 30_000,
    value: rastrigin,
  },
  {
    title: 'separable sphere',
    strategy: 'cma-es',
    options: { covariance: 'separable' },
    dimensions: 60,
    population: 16,
    target: 1e-8,
    within: 9_000,
    value: sphere,
  },
  {
    title: 'few slots, gathered',
    strategy: 'cma-es',
    options: { gather: 3 },
    dimensions: 6,
    population: 3,
    target: 1e-8,
    within: 1_500,
    value: sphere,
  },
  {
    title: 'sphere',
    strategy: 'tournament',
    dimensions: 10,
    population: 50,
    target: 1e-3,
    within: 2_200,
    value: sphere,
  },
  {
    title: 'Rastrigin',
    strategy: 'tournament',
    dimensions: 10,
    population: 50,
    target: 0.1,
    within: 12_000,
    value: rastrigin,
  },
]

for (const { title, strategy, options = {}, dimensions, population, target, within, value } of CASES)
  test(`${strategy}: ${title} in ${dimensions} dimensions`, () => {
    const run = simulateRun(strategyNamed(strategy), {
      space: realSpace(dimensions),
      population,
      generations: Math.ceil(within / population),
      options,
      evaluate: (genome) => ({ objectives: [value(genesIn(genome))] }),
      isDone: (best) => best.objectives[0]! > -target,
    })
    assert.ok(run.best.objectives[0]! > -target, `${run.best.objectives[0]} after ${run.evaluations}`)
  })

test('screening by a surrogate needs fewer evaluations than none', () => {
  const needed = (screening: string): number => {
    const run = simulateRun(strategyNamed('tournament'), {
      space: realSpace(10),
      population: 12,
      generations: 150,
      options: { screening },
      evaluate: (genome) => ({ objectives: [sphere(genesIn(genome))] }),
      isDone: (best) => best.objectives[0]! > -2e-3,
    })
    assert.ok(run.best.objectives[0]! > -2e-3)
    return run.evaluations
  }
  const none = needed('none')
  assert.ok(needed('gaussian-process') < 0.75 * none)
  assert.ok(needed('neighbours') < 0.9 * none)
})

test('nsga2: most of the front of ZDT1 in 15,000 evaluations', () => {
  const run = simulateRun(strategyNamed('nsga2'), {
    space: realSpace(30, { seeds: [Array.from({ length: 30 }, () => 0.5)] }),
    population: 100,
    generations: 150,
    evaluate: (genome) => ({ objectives: zdt1(genesIn(genome)) }),
  })
  const { members } = run.state as { members: readonly { objectives: readonly number[] }[] }
  assert.is(members.length, 100)
  const area = hypervolume(
    members.map(({ objectives }) => objectives),
    [-1, -1],
  )
  assert.ok(area > 0.645, String(area))
})

for (const variation of ['line', 'operators'])
  test(`map-elites: every cell by ${variation}, each with a good elite`, () => {
    const run = simulateRun(strategyNamed('map-elites'), {
      space: realSpace(10, { describe: (genome) => genesIn(genome).slice(0, 2) }),
      population: 20,
      generations: 300,
      options: { cells: [10], variation },
      evaluate: (genome) => ({ objectives: [sphere(genesIn(genome).slice(2))] }),
    })
    const { elites } = run.state as { elites: readonly { objectives: readonly number[] }[] }
    assert.is(elites.length, 100)
    const mean = elites.reduce((sum, { objectives }) => sum + objectives[0]!, 0) / elites.length
    assert.ok(mean > -0.03, String(mean))
  })

test.run()
