/** Which rows of a weight are probed: blocks spread evenly over it, whole groups of rows each. Pure. */
import type { RowRange } from './slices.ts'

/** Of one weight: errors of so many agree within a hundredth from sample to sample, and the slowest codec takes a tenth of a second. */
const SAMPLED_WEIGHTS = 2 ** 16
const MIN_BLOCKS = 2
const MAX_BLOCKS = 4
/** A multiple of every codec's group of rows but the odd ones, whose last group is then shorter. */
const ROW_STEP = 24

/** In order, without overlap; the whole weight where it is small. */
export function sampledRows({ rows, cols }: { readonly rows: number; readonly cols: number }): RowRange[] {
  const steps = SAMPLED_WEIGHTS / cols / ROW_STEP
  const blocks = Math.max(MIN_BLOCKS, Math.min(MAX_BLOCKS, Math.floor(steps)))
  const blockRows = Math.ceil(steps / blocks) * ROW_STEP
  if (blockRows * blocks >= rows) return [{ startRow: 0, rows }]
  return Array.from({ length: blocks }, (_, index) => ({
    startRow: Math.floor((index * (rows - blockRows)) / (blocks - 1) / ROW_STEP) * ROW_STEP,
    rows: blockRows,
  }))
}
