import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { referenceMoments } from '../../../node/compute/kernels/moments.ts'
import { symmetricEigenvalues } from '../../../node/federated/geometry/eigenvalues.ts'
import type { MatrixReader } from '../../../node/federated/geometry/matrix-reader.ts'
import { principalDimensionsOf } from '../../../node/federated/geometry/principal.ts'
import { LARGEST, largestSquares } from '../../../node/federated/geometry/randomised.ts'
import {
  entropyOf,
  principalDimensions,
  spectralMeasures,
} from '../../../node/federated/geometry/spectral-measures.ts'
import { spectrumOf } from '../../../node/federated/geometry/spectrum.ts'
import { largestDifference } from '../../helpers/differences.ts'
import { rejectsCode } from '../../helpers/throws.ts'
import { cloud, draws, normals } from './clouds.ts'

const NO_PAUSE = async () => {}

const reader = (values: Float32Array, rows: number, cols: number): MatrixReader => ({
  rows,
  cols,
  read: (start, count) => values.slice(start * cols, (start + count) * cols),
})

/** Jacobi's rotations, the plain way: the twin of the fast path. */
function jacobi(given: Float64Array, n: number): Float64Array {
  const a = given.slice()
  for (let sweep = 0; sweep < 60; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const off = a[p * n + q]!
        if (off === 0) continue
        const angle = 0.5 * Math.atan2(2 * off, a[q * n + q]! - a[p * n + p]!)
        const [c, s] = [Math.cos(angle), Math.sin(angle)]
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k * n + p]!, a[k * n + q]!]
          a[k * n + p] = c * x - s * y
          a[k * n + q] = s * x + c * y
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p * n + k]!, a[q * n + k]!]
          a[p * n + k] = c * x - s * y
          a[q * n + k] = s * x + c * y
        }
      }
  return Float64Array.from({ length: n }, (_, at) => a[at * n + at]!)
    .sort()
    .reverse()
}

function symmetric(n: number, seed: number): Float64Array {
  const draw = draws(seed)
  const matrix = new Float64Array(n * n)
  for (let row = 0; row < n; row++)
    for (let col = 0; col <= row; col++) matrix[row * n + col] = matrix[col * n + row] = draw.normal()
  return matrix
}

test('eigenvalues are those of Jacobi’s rotations', () => {
  for (const n of [1, 2, 3, 4, 7, 16, 33]) {
    const matrix = symmetric(n, n)
    assert.ok(
      largestDifference(symmetricEigenvalues(matrix.slice(), n), jacobi(matrix, n)) < 1e-12 * n,
      `${n}`,
    )
  }
})

test('eigenvalues of matrices that are hard', () => {
  const diagonal = new Float64Array(25)
  for (let at = 0; at < 5; at++) diagonal[at * 6] = [3, -1, 0, 3, 2][at]!
  assert.equal([...symmetricEigenvalues(diagonal, 5)], [3, 3, 2, 0, -1])
  assert.equal([...symmetricEigenvalues(new Float64Array(16), 4)], [0, 0, 0, 0])
  // All ones: one eigenvalue n, the others zero.
  const ones = symmetricEigenvalues(new Float64Array(900).fill(1), 30)
  assert.ok(Math.abs(ones[0]! - 30) < 1e-12 && Math.abs(ones[1]!) < 1e-12)
  // Sizes 10^±150 neither overflow nor vanish.
  const wide = symmetricEigenvalues(Float64Array.of(1e150, 1e120, 1e120, 1e-150), 2)
  assert.ok(Math.abs(wide[0]! / 1e150 - 1) < 1e-12)
  assert.throws(() => symmetricEigenvalues(Float64Array.of(Number.NaN), 1), /not finite/)
})

test('squares of singular values: tall, wide, and of rank one', async () => {
  const values = normals(60 * 17, 2)
  const tall = await spectrumOf(reader(values, 60, 17), referenceMoments, NO_PAUSE)
  const turned = Float32Array.from(values, (_, at) => values[(at % 60) * 17 + Math.floor(at / 60)]!)
  const wide = await spectrumOf(reader(turned, 17, 60), referenceMoments, NO_PAUSE)
  const gram = new Float64Array(17 * 17)
  for (let row = 0; row < 60; row++)
    for (let a = 0; a < 17; a++)
      for (let b = 0; b < 17; b++) gram[a * 17 + b]! += values[row * 17 + a]! * values[row * 17 + b]!
  assert.ok(largestDifference(tall.squares, jacobi(gram, 17)) < 1e-10)
  assert.ok(largestDifference(wide.squares, tall.squares) < 1e-10)
  assert.ok(Math.abs(tall.squares.reduce((a, b) => a + b) - tall.frobeniusSquare) < 1e-9)

  const one = await spectrumOf(reader(Float32Array.of(3, 4, 6, 8), 2, 2), referenceMoments, NO_PAUSE)
  const { spectralNorm, stableRank, effectiveRank, entropy } = spectralMeasures(one)
  assert.ok(Math.abs(spectralNorm - Math.sqrt(125)) < 1e-12)
  assert.ok(Math.abs(stableRank - 1) < 1e-12 && effectiveRank! < 1 + 1e-6 && entropy! < 1e-6)
})

test('equal directions have full rank, effective rank and entropy', async () => {
  const identity = Float32Array.from({ length: 64 }, (_, at) => (at % 9 === 0 ? 2 : 0))
  const measures = spectralMeasures(await spectrumOf(reader(identity, 8, 8), referenceMoments, NO_PAUSE))
  for (const [name, wanted] of Object.entries({
    spectralNorm: 2,
    stableRank: 8,
    effectiveRank: 8,
    entropy: 1,
  }))
    assert.ok(Math.abs(measures[name as keyof typeof measures]! - wanted) < 1e-12, name)
  assert.is(entropyOf([0, 0]), 0)
  const none = spectralMeasures(
    await spectrumOf(reader(new Float32Array(64), 8, 8), referenceMoments, NO_PAUSE),
  )
  assert.equal(none, { spectralNorm: 0, stableRank: 0, effectiveRank: 1, entropy: 0 })
})

test('numbers that are not finite are refused by name', async () => {
  for (const [rows, cols] of [
    [4, 3],
    [3, 4],
    [1100, 1030],
  ] as const) {
    const values = new Float32Array(rows * cols).fill(1)
    values[5] = Number.NaN
    await rejectsCode(
      spectrumOf(reader(values, rows, cols), referenceMoments, NO_PAUSE),
      'GEOMETRY_MODEL_UNSUITABLE',
    )
  }
})

test('principal directions: counts by share of the variance', async () => {
  assert.equal(principalDimensions([8, 1, 0.9, 0.1, 0]), {
    participationRatio: 100 / (64 + 1 + 0.81 + 0.01),
    directions90: 2,
    directions99: 3,
  })
  const flat = await principalDimensionsOf(cloud('cube', 3, 400, 1, 30), referenceMoments, NO_PAUSE)
  assert.ok(flat!.directions99 <= 3 && flat!.participationRatio <= 3.001)
  const constant = { values: new Float32Array(60).fill(4), count: 20, dims: 3 }
  assert.equal(await principalDimensionsOf(constant, referenceMoments, NO_PAUSE), {
    participationRatio: 0,
    directions90: 0,
    directions99: 0,
  })
})

test('the largest squares of a large matrix by random projection', async () => {
  // Columns of falling length, as trained weights have them.
  const [rows, cols] = [300, 260]
  const values = normals(rows * cols, 8).map((value, at) => value / (1 + (at % cols)) ** 0.5)
  const exact = await spectrumOf(reader(values, rows, cols), referenceMoments, NO_PAUSE)
  const { squares, frobeniusSquare } = await largestSquares(reader(values, rows, cols), NO_PAUSE)
  assert.is(squares.length, LARGEST)
  assert.ok(Math.abs(frobeniusSquare / exact.frobeniusSquare - 1) < 1e-6)
  for (const [at, square] of squares.entries()) {
    const share = Math.sqrt(square / exact.squares[at]!)
    assert.ok(share > (at < LARGEST / 2 ? 0.99 : 0.95) && share < 1 + 1e-9, `${at}: ${share}`)
  }
})

test.run()
