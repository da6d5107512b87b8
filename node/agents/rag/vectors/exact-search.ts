/** Cosines of rows with a query, by the kernel that gives the same bits on every machine (native/half_dot.h). */
import { type Kernels, loadKernels } from '../../../compute/kernels.ts'
import type { Nearest } from './nearest.ts'
import type { VectorFile } from './vector-file.ts'

/** Read and scored at once: it stays in the second-level cache. */
const BLOCK_BYTES = 256 * 1024
/** Rounding to halves moves a length by less than a thousandth; what is beyond is no vector of length 1, but damage or malice. */
const MAX_COSINE = 1.01

let kernels: Pick<Kernels, 'halfDots'> | undefined
let block = new Uint16Array(0)
let dots = new Float64Array(0)

function blockOf(rows: number, dims: number): void {
  if (block.length < rows * dims) block = new Uint16Array(rows * dims)
  if (dots.length < rows) dots = new Float64Array(rows)
}

/** The cosine of row `row` of the block; null for a row of zeros, which is no vector, and for one that no encoder wrote. */
function cosineOf(row: number, dims: number): number | null {
  const dot = dots[row]!
  if (!(Math.abs(dot) <= MAX_COSINE)) return null
  // The sign of a half does not make it more than zero.
  if (dot === 0 && block.subarray(row * dims, (row + 1) * dims).every((half) => (half & 0x7fff) === 0))
    return null
  return dot
}

/** Offers every row that `accept` lets through (null: all) as one of segment `segment`. */
export function exactNearest(
  vectors: VectorFile,
  query: Float32Array,
  accept: ((chunk: number) => boolean) | null,
  segment: number,
  nearest: Nearest,
): void {
  kernels ??= loadKernels()
  const { chunks, dims } = vectors
  const rows = Math.max(1, Math.floor(BLOCK_BYTES / (dims * 2)))
  blockOf(rows, dims)
  for (let first = 0; first < chunks; first += rows) {
    const count = Math.min(rows, chunks - first)
    vectors.read(first, count, block)
    kernels.halfDots(block, query, count, dots)
    for (let row = 0; row < count; row++) {
      const cosine = dots[row]!
      // Not `<`: rows of equal cosine are ordered by their documents.
      if (!(cosine >= nearest.threshold) || cosineOf(row, dims) === null) continue
      const chunk = first + row
      if (accept === null || accept(chunk)) nearest.offer({ segment, chunk, cosine })
    }
  }
}

/** Of these rows alone, in their order; null where a chunk has no vector. */
export function cosinesOf(
  vectors: VectorFile,
  query: Float32Array,
  chunks: readonly number[],
): (number | null)[] {
  kernels ??= loadKernels()
  const { dims } = vectors
  blockOf(1, dims)
  return chunks.map((chunk) => {
    vectors.read(chunk, 1, block)
    kernels!.halfDots(block, query, 1, dots)
    return cosineOf(0, dims)
  })
}
