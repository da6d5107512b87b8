/** Which rows of a weight are probed: blocks spread evenly over it, whole groups of rows each. Pure. */
import type { RowRange } from './slices.ts'

/** Of one weight: half a megabyte of float32, some tenths of a second for the slowest codec. */
const SAMPLED_WEIGHTS = 2 ** 17
const BLOCKS = 4
/** A multiple of every codec's group of rows but the odd ones, whose last group is then shorter. */
const ROW_STEP = 24

/** In order, without overlap; the whole weight where it is small. */
export function sampledRows({ rows, cols }: { readonly rows: number; readonly cols: number }): RowRange[] {
  const wanted = Math.ceil(SAMPLED_WEIGHTS / cols / BLOCKS / ROW_STEP) * ROW_STEP
  if (wanted * BLOCKS >= rows) return [{ startRow: 0, rows }]
  return Array.from({ length: BLOCKS }, (_, index) => ({
    startRow: Math.floor((index * (rows - wanted)) / (BLOCKS - 1) / ROW_STEP) * ROW_STEP,
    rows: wanted,
  }))
}
