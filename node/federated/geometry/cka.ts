/**
 * Centred kernel alignment of two sets of activations on the same texts, with linear kernels: how alike two layers see them,
 * whatever rotation and scale each has (Kornblith et al., arXiv 1905.00414, equation 5). The plain estimate is too high when
 * there are more columns than texts; the debiased one uses the unbiased HSIC (Song et al., JMLR 13, 2012, equation 5; Nguyen,
 * Raghu and Kornblith, arXiv 2010.15327, equation 3), and may then fall a little outside of 0 to 1.
 */
import type { MomentsKernels } from '../../compute/kernels/moments.ts'
import type { Points } from './nearest-neighbours.ts'

export interface Alignment {
  readonly linear: number
  readonly debiased: number
}

/** What a set contributes, once for all its pairs: its kernel matrix K = X Xᵀ of the centred columns. */
export interface AlignedSet {
  readonly count: number
  readonly diagonal: Float64Array
  /** Above the diagonal, row by row. */
  readonly upper: Float64Array
  readonly plain: number
  readonly unbiased: number
}

/** Dimensions that go to the kernel at once. */
const BLOCK = 256

/** Memory is 4·count² bytes; the work dims·count²/2, done by the kernel of calibration. */
export function alignedSet(
  { values, count, dims }: Points,
  kernels: Pick<MomentsKernels, 'addMoments'>,
): AlignedSet {
  const gram = new Float64Array(count * count)
  for (let start = 0; start < dims; start += BLOCK) {
    const height = Math.min(BLOCK, dims - start)
    kernels.addMoments(centredColumns(values, { count, dims, start, height }), height, count, gram)
  }
  const diagonal = new Float64Array(count)
  const upper = new Float64Array((count * (count - 1)) / 2)
  for (let row = 0, at = 0; row < count; row++) {
    diagonal[row] = gram[row * count + row]!
    upper.set(gram.subarray(row * count + row + 1, (row + 1) * count), at)
    at += count - row - 1
  }
  const set = { count, diagonal, upper, plain: 0, unbiased: 0 }
  return { ...set, ...products(set, set) }
}

/** Columns of the points as rows with mean zero: [height, count]. */
function centredColumns(
  values: Points['values'],
  { count, dims, start, height }: { count: number; dims: number; start: number; height: number },
): Float32Array {
  const columns = new Float32Array(height * count)
  for (let col = 0; col < height; col++) {
    let sum = 0
    for (let row = 0; row < count; row++) sum += values[row * dims + start + col]!
    const mean = sum / count
    for (let row = 0; row < count; row++)
      columns[col * count + row] = values[row * dims + start + col]! - mean
  }
  return columns
}

/** Both need the same texts in the same order, at least four. NaN where a set does not vary. */
export function alignment(a: AlignedSet, b: AlignedSet): Alignment {
  if (a.count !== b.count) throw new RangeError('Only activations of the same texts are compared')
  const both = products(a, b)
  return {
    linear: both.plain / Math.sqrt(a.plain * b.plain),
    debiased: both.unbiased / Math.sqrt(a.unbiased * b.unbiased),
  }
}

type Kernel = Pick<AlignedSet, 'count' | 'diagonal' | 'upper'>

/**
 * tr(KL), and n(n − 3) times the unbiased HSIC: with K̃ = K without its diagonal,
 *   tr(K̃L̃) + 1ᵀK̃1·1ᵀL̃1/((n − 1)(n − 2)) − 2/(n − 2)·1ᵀK̃L̃1.
 * The rows of a centred K add up to zero, so that K̃1 is −diag K. HSIC does not change when K and L are centred first.
 */
function products(a: Kernel, b: Kernel): { plain: number; unbiased: number } {
  const n = a.count
  let above = 0
  for (let at = 0; at < a.upper.length; at++) above += a.upper[at]! * b.upper[at]!
  let diagonal = 0
  let sumA = 0
  let sumB = 0
  for (let row = 0; row < n; row++) {
    diagonal += a.diagonal[row]! * b.diagonal[row]!
    sumA += a.diagonal[row]!
    sumB += b.diagonal[row]!
  }
  const unbiased = 2 * above + (sumA * sumB) / ((n - 1) * (n - 2)) - (2 * diagonal) / (n - 2)
  return { plain: 2 * above + diagonal, unbiased }
}
