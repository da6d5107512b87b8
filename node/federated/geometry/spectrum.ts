/** Singular values of a matrix that is read in stretches of rows. */
import type { MomentsKernels } from '../../compute/kernels/moments.ts'
import { symmetricEigenvalues } from './eigenvalues.ts'
import { type MatrixReader, notFinite } from './matrix-reader.ts'
import { largestSquares } from './randomised.ts'

export interface Spectrum {
  /** σ², the largest first: all min(rows, cols), or the largest few of a matrix that is too large. */
  readonly squares: Float64Array
  /** ‖A‖_F², the sum of all of them. */
  readonly frobeniusSquare: number
  readonly isComplete: boolean
}

/** Up to this smaller side all values are computed. */
export const MAX_SIDE = 1024
const BLOCK_ELEMENTS = 2 ** 18

/**
 * By the eigenvalues of AᵀA or AAᵀ, whichever is smaller, summed in float64 by the kernel of calibration: σ of σ₁·10⁻⁷ and
 * below are rounding; no measure here weighs them. A matrix with fewer rows than columns is read whole. Above MAX_SIDE by random
 * projection (randomised.ts). Throws GEOMETRY_MODEL_UNSUITABLE for numbers that are not finite.
 */
export async function spectrumOf(
  matrix: MatrixReader,
  kernels: Pick<MomentsKernels, 'addMoments'>,
  pause: () => Promise<void>,
): Promise<Spectrum> {
  const side = Math.min(matrix.rows, matrix.cols)
  if (side > MAX_SIDE) {
    const { squares, frobeniusSquare } = await largestSquares(matrix, pause)
    return { squares, frobeniusSquare, isComplete: false }
  }
  const gram = new Float64Array(side * side)
  const { rows, cols } = matrix
  const width = Math.max(4, Math.floor(BLOCK_ELEMENTS / side))
  const whole = cols <= rows ? null : matrix.read(0, rows)
  for (let start = 0; start < Math.max(rows, cols); start += width) {
    await pause()
    const count = Math.min(width, Math.max(rows, cols) - start)
    const block = whole === null ? matrix.read(start, count) : columns(whole, matrix, start, count)
    kernels.addMoments(block, count, side, gram)
  }
  for (let row = 0; row < side; row++)
    for (let col = 0; col < row; col++) gram[row * side + col] = gram[col * side + row]!
  let frobeniusSquare = 0
  for (let at = 0; at < side; at++) frobeniusSquare += gram[at * side + at]!
  if (!Number.isFinite(frobeniusSquare)) throw notFinite()
  const squares = symmetricEigenvalues(gram, side).map((value) => Math.max(0, value))
  return { squares, frobeniusSquare, isComplete: true }
}

/** Columns of a matrix as rows: [count, rows]. */
function columns(
  whole: Float32Array,
  { rows, cols }: MatrixReader,
  start: number,
  count: number,
): Float32Array {
  const block = new Float32Array(count * rows)
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < count; col++) block[col * rows + row] = whole[row * cols + start + col]!
  return block
}
