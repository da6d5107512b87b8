/** Second moments and their factorisation: the oracle against plain algebra, and every SIMD level against the oracle. */
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKernels, nativeLevels } from '../../node/compute/kernels.ts'
import { addMoments, factorMoments, outputEnergies } from '../../node/compute/reference/moments.ts'
import { gaussianMatrix } from '../helpers/weights.ts'

const test = suite('moments')
const gaussian = (length: number, seed: number): Float32Array =>
  length === 0 ? new Float32Array(0) : gaussianMatrix(1, length, seed, 1).data

const bytesOf = (array: ArrayBufferView): Buffer =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength)

/** Positive definite second moments of `cols` columns that depend on each other. */
function momentsOf(cols: number, seed: number): Float64Array {
  const samples = cols + 9
  const rows = gaussian(samples * cols, seed)
  for (let i = 1; i < rows.length; i++) rows[i]! += 0.7 * rows[i - 1]!
  const sums = new Float64Array(cols * cols)
  addMoments(rows, samples, cols, sums)
  for (let col = 0; col < cols; col++) sums[col * cols + col]! += 0.5
  return sums
}

const entry = (upper: Float64Array, cols: number, i: number, j: number): number =>
  i <= j ? upper[i * cols + j]! : upper[j * cols + i]!

test('the upper triangle is the sum of outer products, whatever the batches', () => {
  const cols = 5
  const rows = gaussian(7 * cols, 3)
  const sums = new Float64Array(cols * cols)
  addMoments(rows.subarray(0, 2 * cols), 2, cols, sums)
  addMoments(rows.subarray(2 * cols), 5, cols, sums)
  for (let i = 0; i < cols; i++)
    for (let j = 0; j < cols; j++) {
      let expected = 0
      if (j >= i) for (let s = 0; s < 7; s++) expected += rows[s * cols + i]! * rows[s * cols + j]!
      assert.is(sums[i * cols + j], expected)
    }
})

test('feedback and conditional weights are those of the Cholesky factor of the inverse', () => {
  // With U = D (I + F): (I + F)ᵀ D² (I + F) times H is the identity, D² the inverse conditional weights.
  for (const cols of [1, 2, 3, 17]) {
    const moments = momentsOf(cols, cols)
    const { feedback, conditional } = factorMoments(moments.slice(), cols)!
    const unit = (j: number, k: number): number => (j === k ? 1 : feedback[j * cols + k]!)
    for (let row = 0; row < cols; row++)
      for (let col = 0; col < cols; col++) {
        if (row >= col) assert.is(feedback[row * cols + col], 0, 'strictly upper triangular')
        let product = 0
        for (let inner = 0; inner < cols; inner++) {
          let inverse = 0
          for (let j = 0; j < cols; j++) inverse += (unit(j, row) * unit(j, inner)) / conditional[j]!
          product += inverse * entry(moments, cols, inner, col)
        }
        assert.ok(Math.abs(product - (row === col ? 1 : 0)) < 1e-4, `${cols}: ${row},${col} is ${product}`)
      }
  }
})

test('the energy of a row is e H eᵀ', () => {
  const cols = 19
  const moments = momentsOf(cols, 5)
  const { feedback, conditional } = factorMoments(moments.slice(), cols)!
  const rows = gaussian(4 * cols, 6)
  const energies = outputEnergies(rows, cols, feedback, Float32Array.from(conditional))
  for (const [row, energy] of energies.entries()) {
    let expected = 0
    for (let i = 0; i < cols; i++)
      for (let j = 0; j < cols; j++)
        expected += rows[row * cols + i]! * rows[row * cols + j]! * entry(moments, cols, i, j)
    assert.ok(Math.abs(energy / expected - 1) < 1e-5)
  }
})

test('moments that are not positive definite are refused', () => {
  for (const moments of [[0], [-1], [NaN], [Infinity], [1, 2, 0, 1], [1, NaN, 0, 1]]) {
    const cols = Math.sqrt(moments.length)
    for (const kernels of [loadKernels({ native: 'off' }), loadKernels()])
      assert.is(kernels.factorMoments(Float64Array.from(moments), cols), null)
  }
})

for (const simd of nativeLevels()) {
  const kernels = loadKernels({ simd })
  test(`${simd} gives the bytes of the oracle`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 0, max: 300 }), (cols, count) => {
        const rows = gaussian(count * cols, cols + count)
        const expected = momentsOf(cols, cols)
        const sums = expected.slice()
        addMoments(rows, count, cols, expected)
        kernels.addMoments(rows, count, cols, sums)
        assert.ok(bytesOf(sums).equals(bytesOf(expected)), 'moments')
        const oracle = factorMoments(expected, cols)!
        const factors = kernels.factorMoments(sums, cols)!
        assert.ok(bytesOf(factors.feedback).equals(bytesOf(oracle.feedback)), 'feedback')
        assert.ok(bytesOf(factors.conditional).equals(bytesOf(oracle.conditional)), 'conditional')
        const conditional = Float32Array.from(oracle.conditional)
        const errors = gaussian(67 * cols, cols)
        assert.ok(
          bytesOf(kernels.outputEnergies(errors, cols, oracle.feedback, conditional)).equals(
            bytesOf(outputEnergies(errors, cols, oracle.feedback, conditional)),
          ),
          'energies',
        )
      }),
      {
        numRuns: 12,
        seed: 1,
        examples: [
          [1, 0],
          [64, 128],
          [65, 129],
          [128, 1],
        ],
      },
    )
  })

  test(`${simd} refuses arrays of other sizes`, () => {
    const small = new Float64Array(8)
    assert.throws(() => kernels.addMoments(new Float32Array(9), 3, 3, small), TypeError)
    assert.throws(() => kernels.factorMoments(small, 3), TypeError)
    assert.throws(
      () => kernels.outputEnergies(new Float32Array(9), 3, new Float32Array(8), new Float32Array(3)),
      TypeError,
    )
  })
}

test.run()
