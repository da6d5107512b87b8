/** Cuts a weight into slices of whole row groups that take about the same time. Pure. */

export interface RowRange {
  readonly startRow: number
  readonly rows: number
}

/** A slice takes about this long on an ordinary core, so that a lost one costs little and its journey even less. */
const SLICE_SECONDS = 0.75
/** Of a small job, slices are smaller, so that a few peers can share it evenly. */
const WANTED_SLICES = 48
const MIN_SLICE_SECONDS = 0.05
/** Larger models have larger slices, so that a plan stays a plan. */
const MAX_SLICES = 20_000
/** 16 MiB as float32, whatever the codec's speed: a worker holds several matrices of that size. */
const MAX_WEIGHTS_BY_SLICE = 2 ** 22

/** Seconds of work that each slice of a job should have, by the work of the whole job. */
export function secondsBySlice(totalSeconds: number): number {
  const shared = Math.max(MIN_SLICE_SECONDS, totalSeconds / WANTED_SLICES)
  return Math.max(Math.min(SLICE_SECONDS, shared), totalSeconds / MAX_SLICES)
}

/**
 * The slices of one weight in the order of its rows: each begins at a multiple of `rowGroup` and has about
 * `seconds` of work, at the least one group.
 */
export function sliceRows(init: {
  readonly rows: number
  readonly cols: number
  readonly rowGroup: number
  /** Of the whole weight. */
  readonly weightSeconds: number
  readonly seconds: number
}): RowRange[] {
  const { rows, cols, rowGroup, weightSeconds, seconds } = init
  const groups = Math.ceil(rows / rowGroup)
  const wanted = Math.max(weightSeconds / seconds, (rows * cols) / MAX_WEIGHTS_BY_SLICE)
  const slices = Math.min(groups, Math.max(1, Math.ceil(wanted)))
  return Array.from({ length: slices }, (_, index) => {
    const startRow = Math.floor((groups * index) / slices) * rowGroup
    const endRow = Math.min(rows, Math.floor((groups * (index + 1)) / slices) * rowGroup)
    return { startRow, rows: endRow - startRow }
  })
}
