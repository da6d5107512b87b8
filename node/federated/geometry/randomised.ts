/**
 * The largest singular values of a large matrix by random projection: Halko, Martinsson and Tropp, "Finding structure with
 * randomness", SIAM Review 53, 2011, algorithms 4.4 and 5.1 with the projection on the right side. Values come out at most a
 * little too small; two power iterations bring those of trained weights within 1% for the first half of what is returned
 * (test/federated/geometry/spectrum.test.ts), and only that half is returned.
 */
import { normalOfWord } from '../../compute/training/normal.ts'
import { counterRandom } from '../../compute/training/philox.ts'
import { symmetricEigenvalues } from './eigenvalues.ts'
import { type MatrixReader, notFinite } from './matrix-reader.ts'

/** Values that are returned, and directions that are followed to have them. */
export const LARGEST = 64
const DIRECTIONS = 2 * LARGEST
const POWER_ITERATIONS = 2
const BLOCK_ELEMENTS = 2 ** 18
const SEED = 1

/** The matrix must have more rows and columns than DIRECTIONS. It is read four times. */
export async function largestSquares(
  matrix: MatrixReader,
  pause: () => Promise<void>,
): Promise<{ squares: Float64Array; frobeniusSquare: number }> {
  const { rows, cols } = matrix
  const random = counterRandom(SEED, 0)
  let basis: Float64Array = Float64Array.from({ length: cols * DIRECTIONS }, (_, at) =>
    normalOfWord(random.word(at)),
  )
  let frobeniusSquare = 0
  const step = Math.max(1, Math.floor(BLOCK_ELEMENTS / cols))
  for (let iteration = 0; iteration <= POWER_ITERATIONS; iteration++) {
    orthonormalise(basis, cols)
    const next = new Float64Array(cols * DIRECTIONS)
    const inner = new Float64Array(DIRECTIONS * DIRECTIONS)
    frobeniusSquare = 0
    for (let start = 0; start < rows; start += step) {
      await pause()
      const count = Math.min(step, rows - start)
      const block = matrix.read(start, count)
      for (let at = 0; at < block.length; at++) frobeniusSquare += block[at]! ** 2
      const projected = times(block, count, cols, basis)
      addGram(inner, projected, count)
      addTransposed(next, block, count, cols, projected)
    }
    if (!Number.isFinite(frobeniusSquare)) throw notFinite()
    // The squares of A on the span of the basis: the best values that this span gives.
    if (iteration === POWER_ITERATIONS)
      return {
        squares: symmetricEigenvalues(inner, DIRECTIONS)
          .slice(0, LARGEST)
          .map((value) => Math.max(0, value)),
        frobeniusSquare,
      }
    basis = next
  }
  throw new RangeError('There is always a last iteration')
}

/** block · basis: [count, DIRECTIONS]. */
function times(block: Float32Array, count: number, cols: number, basis: Float64Array): Float64Array {
  const product = new Float64Array(count * DIRECTIONS)
  for (let row = 0; row < count; row++)
    for (let col = 0; col < cols; col++) {
      const value = block[row * cols + col]!
      for (let k = 0; k < DIRECTIONS; k++)
        product[row * DIRECTIONS + k]! += value * basis[col * DIRECTIONS + k]!
    }
  return product
}

/** target += blockᵀ · projected: [cols, DIRECTIONS]. */
function addTransposed(
  target: Float64Array,
  block: Float32Array,
  count: number,
  cols: number,
  projected: Float64Array,
): void {
  for (let row = 0; row < count; row++)
    for (let col = 0; col < cols; col++) {
      const value = block[row * cols + col]!
      for (let k = 0; k < DIRECTIONS; k++)
        target[col * DIRECTIONS + k]! += value * projected[row * DIRECTIONS + k]!
    }
}

function addGram(target: Float64Array, projected: Float64Array, count: number): void {
  for (let row = 0; row < count; row++)
    for (let a = 0; a < DIRECTIONS; a++) {
      const value = projected[row * DIRECTIONS + a]!
      for (let b = 0; b <= a; b++) target[a * DIRECTIONS + b]! += value * projected[row * DIRECTIONS + b]!
    }
}

/** Columns of [rows, DIRECTIONS] to unit length and right angles, twice over (Gram and Schmidt, modified). */
function orthonormalise(basis: Float64Array, rows: number): void {
  for (let pass = 0; pass < 2; pass++)
    for (let a = 0; a < DIRECTIONS; a++) {
      for (let b = 0; b < a; b++) {
        let product = 0
        for (let row = 0; row < rows; row++)
          product += basis[row * DIRECTIONS + a]! * basis[row * DIRECTIONS + b]!
        for (let row = 0; row < rows; row++)
          basis[row * DIRECTIONS + a]! -= product * basis[row * DIRECTIONS + b]!
      }
      let square = 0
      for (let row = 0; row < rows; row++) square += basis[row * DIRECTIONS + a]! ** 2
      const scale = square > 0 ? 1 / Math.sqrt(square) : 0
      for (let row = 0; row < rows; row++) basis[row * DIRECTIONS + a]! *= scale
    }
}
