import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nearestPairs } from '../../../node/federated/geometry/nearest-neighbours.ts'
import { intrinsicDimension, maximumLikelihood, pareto } from '../../../node/federated/geometry/two-nn.ts'
import { shareFound, trueDimension } from '../../../node/federated/geometry/two-nn-bias.ts'
import { cloud, draws } from './clouds.ts'

const POINTS = 2_000

for (const dims of [1, 2, 5, 10, 20])
  test(`the dimension of cubes, normal clouds and spheres of ${dims} dimensions`, () => {
    const bar = dims <= 5 ? 0.1 : dims === 20 ? 0.15 : 0.2
    for (const shape of ['cube', 'normal', 'sphere']) {
      const found = intrinsicDimension(cloud(shape, dims, POINTS, dims), 1)!
      const off = Math.abs(found.dimension! / dims - 1)
      assert.ok(off < bar, `${shape}: ${found.dimension} (${found.maximumLikelihood}, ${found.fit})`)
      // The bar of the issue holds for the plain estimate too, up to ten dimensions.
      if (dims <= 10) assert.ok(Math.abs(found.maximumLikelihood / dims - 1) < bar, `${shape}, plain`)
      if (dims <= 10) assert.ok(Math.abs(found.fit / dims - 1) < bar, `${shape}, fit`)
      assert.is(found.points, POINTS)
      assert.equal(
        found.scales.map(({ points }) => points),
        [1_000, 500, 250],
      )
    }
  })

test('what lies in many dimensions has those that it needs', () => {
  const found = intrinsicDimension(cloud('normal', 3, 1_000, 4, 40), 1)!
  assert.ok(Math.abs(found.dimension! - 3) < 0.3, String(found.dimension))
})

test('noise on a line: the dimension is high near by and low from afar', () => {
  const { values, count, dims } = cloud('cube', 1, 1_000, 5, 8)
  const draw = draws(6)
  const noisy = values.map((value) => value + 0.002 * draw.normal())
  const { scales, maximumLikelihood: fine } = intrinsicDimension({ values: noisy, count, dims }, 1)!
  assert.ok(fine > 1.4, String(fine))
  assert.ok(scales.at(-1)!.maximumLikelihood < 0.8 * fine, JSON.stringify(scales))
})

test('the Pareto law itself is estimated without a bias', () => {
  const draw = draws(9)
  const ratios = Float64Array.from({ length: 20_000 }, () => draw.uniform() ** (-1 / 7))
  assert.ok(Math.abs(maximumLikelihood(ratios) - 7) < 0.15)
  assert.ok(Math.abs(pareto(ratios) - 7) < 0.15)
})

test('points that were seen before do not count', () => {
  const { values, count, dims } = cloud('cube', 2, 500, 3)
  const twice = new Float32Array(values.length * 2)
  twice.set(values)
  twice.set(values, values.length)
  const once = intrinsicDimension({ values, count, dims }, 1)!
  assert.equal(intrinsicDimension({ values: twice, count: 2 * count, dims }, 1), { ...once, duplicates: 500 })
})

test('too few points say nothing', () => {
  assert.is(intrinsicDimension(cloud('cube', 2, 24, 3), 1), null)
  assert.is(intrinsicDimension({ values: new Float32Array(300), count: 100, dims: 3 }, 1), null)
})

test('the correction undoes what it knows, and admits what it does not', () => {
  for (const points of [250, 700, 4_000])
    for (const dims of [1, 4, 17, 60])
      assert.ok(Math.abs(trueDimension(dims * shareFound(dims, points), points)! - dims) < 1e-6)
  assert.is(trueDimension(80, 1_000), null)
  // The table is that of a simulation: one cell of it, made anew (the mean of ten sets of each kind, as the table has).
  const rows = Array.from({ length: 10 }, (_, seed) => cloud('sphere', 12, 250, 100 + seed))
  const mean = rows.reduce((sum, points) => sum + intrinsicDimension(points, 1)!.maximumLikelihood / 10, 0)
  // Spheres have no border: they stand a little above the mean of the two kinds.
  assert.ok(mean / 12 > 0.85 && mean / 12 < 0.93, String(mean / 12))
})

test('nearest pairs are those of all distances', () => {
  const coordinate = fc.integer({ min: -20, max: 20 })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 70 }),
      fc.array(coordinate, { minLength: 210, maxLength: 400 }),
      (dims, given) => {
        const count = Math.floor(given.length / dims)
        const values = Float32Array.from(given.slice(0, count * dims))
        const { first, second } = nearestPairs({ values, count, dims })
        for (let a = 0; a < count; a++) {
          const all: number[] = []
          for (let b = 0; b < count; b++) {
            let square = 0
            for (let k = 0; k < dims; k++) square += (values[a * dims + k]! - values[b * dims + k]!) ** 2
            if (a !== b) all.push(Math.sqrt(square))
          }
          all.sort((x, y) => x - y)
          assert.is(first[a], all[0] ?? Number.POSITIVE_INFINITY)
          assert.is(second[a], all[1] ?? Number.POSITIVE_INFINITY)
        }
      },
    ),
    { numRuns: 50 },
  )
})

test.run()
