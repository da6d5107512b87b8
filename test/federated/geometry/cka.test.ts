import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { referenceMoments } from '../../../node/compute/kernels/moments.ts'
import { alignedSet, alignment } from '../../../node/federated/geometry/cka.ts'
import type { Points } from '../../../node/federated/geometry/nearest-neighbours.ts'
import { cloud, normals } from './clouds.ts'

const points = (values: Float32Array, dims: number): Points => ({ values, dims, count: values.length / dims })
const cka = (a: Points, b: Points) =>
  alignment(alignedSet(a, referenceMoments), alignedSet(b, referenceMoments))

type Matrix = number[][]

/** By the definitions, with the kernel matrices written down: the twin of the fast path. */
function byKernels(a: Points, b: Points): { linear: number; debiased: number } {
  const n = a.count
  const kernel = ({ values, dims }: Points): Matrix =>
    Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => {
        let sum = 0
        for (let k = 0; k < dims; k++) sum += values[i * dims + k]! * values[j * dims + k]!
        return sum
      }),
    )
  const mean = (numbers: number[]) => numbers.reduce((sum, value) => sum + value, 0) / n
  const centre = (matrix: Matrix): Matrix => {
    const means = matrix.map(mean)
    return matrix.map((row, i) => row.map((value, j) => value - means[i]! - means[j]! + mean(means)))
  }
  const trace = (x: Matrix, y: Matrix) =>
    x.reduce((sum, row, i) => sum + row.reduce((inner, value, j) => inner + value * y[i]![j]!, 0), 0)
  const hsic = (x: Matrix, y: Matrix) => trace(centre(x), centre(y))
  const hollow = (matrix: Matrix) => matrix.map((row, i) => row.map((value, j) => (i === j ? 0 : value)))
  const unbiased = (x: Matrix, y: Matrix) => {
    const [k, l] = [hollow(x), hollow(y)]
    const rowsK = k.map((row) => n * mean(row))
    const rowsL = l.map((row) => n * mean(row))
    const both = rowsK.reduce((sum, value, i) => sum + value * rowsL[i]!, 0)
    return trace(k, l) + (n * mean(rowsK) * n * mean(rowsL)) / ((n - 1) * (n - 2)) - (2 / (n - 2)) * both
  }
  const [x, y] = [kernel(a), kernel(b)]
  return {
    linear: hsic(x, y) / Math.sqrt(hsic(x, x) * hsic(y, y)),
    debiased: unbiased(x, y) / Math.sqrt(unbiased(x, x) * unbiased(y, y)),
  }
}

test('alignment is that of the kernel matrices', () => {
  const a = points(
    normals(40 * 5, 1).map((value) => value + 2),
    5,
  )
  const b = points(
    Float32Array.from(normals(40 * 9, 2), (value, at) => value + a.values[Math.floor(at / 9) * 5]!),
    9,
  )
  const [fast, plain] = [cka(a, b), byKernels(a, b)]
  for (const key of ['linear', 'debiased'] as const)
    assert.ok(Math.abs(fast[key] - plain[key]) < 1e-6, `${key}`)
  assert.ok(plain.linear > 0.1 && plain.linear < 0.9)
})

test('a set is alike itself, turned, scaled and moved', () => {
  const a = cloud('normal', 2, 50, 3)
  const [c, s] = [Math.cos(1), Math.sin(1)]
  const turned = Float32Array.from(a.values, (_, at) => {
    const [x, y] = [a.values[at - (at % 2)]!, a.values[at - (at % 2) + 1]!]
    return 3 * (at % 2 === 0 ? c * x - s * y : s * x + c * y) + 7
  })
  const { linear, debiased } = cka(a, points(turned, 2))
  assert.ok(Math.abs(linear - 1) < 1e-6 && Math.abs(debiased - 1) < 1e-6)
})

test('independent sets with many columns: only the debiased alignment sees that', () => {
  const { linear, debiased } = cka(points(normals(60 * 200, 4), 200), points(normals(60 * 200, 5), 200))
  assert.ok(linear > 0.6, String(linear))
  assert.ok(Math.abs(debiased) < 0.1, String(debiased))
})

test('a set that does not vary is alike nothing; other texts are refused', () => {
  assert.ok(Number.isNaN(cka(points(new Float32Array(20), 2), cloud('cube', 2, 10, 1)).linear))
  assert.throws(() => cka(cloud('cube', 2, 10, 1), cloud('cube', 2, 11, 1)), /same texts/)
})

test.run()
