/**
 * Two rings of samples: every 10 s for an hour, every 2 min for a day. Their size is fixed (about 150 kB for 16 columns), so
 * that a node that runs for a year holds what one holds that ran for a day. Time is an argument.
 */
import { COLUMNS, type ColumnName, type ColumnRow, type Sample } from './columns.ts'

export const SAMPLE_SECONDS = 10
const SAMPLES_BY_POINT = 12
/** Samples farther apart than this many intervals: the machine slept, and a row without values stands between them. */
const GAP_INTERVALS = 3
export const FINE_SECONDS = 3_600
export const LONGEST_SECONDS = 86_400

export type HistoryView = {
  readonly intervalSeconds: number
  /** Unix seconds, ascending. */
  readonly at: readonly number[]
} & Readonly<Record<ColumnName, readonly (number | null)[]>>

export interface History {
  push(atSeconds: number, sample: Sample): void
  /**
   * The last `seconds` before `nowSeconds`: samples up to an hour, beyond it points of two minutes. Times ascend whatever was done to
   * the clock, and a row of nulls stands where nothing was measured for long.
   */
  read(seconds: number, nowSeconds: number): HistoryView
  latest(): Sample | null
}

/** What is not known is NaN in a typed array. */
const toNumber = (value: number | null): number => value ?? Number.NaN
const fromNumber = (value: number): number | null => (Number.isNaN(value) ? null : value)

function createRing(length: number) {
  const at = new Float64Array(length)
  const columns = COLUMNS.map(() => new Float64Array(length))
  let count = 0
  return {
    push(atSeconds: number, values: readonly number[]): void {
      const place = count++ % length
      at[place] = atSeconds
      for (const [index, column] of columns.entries()) column[place] = values[index]!
    },
    between(fromSeconds: number, toSeconds: number, intervalSeconds: number): HistoryView {
      /** Null: a time that nothing is known of. */
      const rows: { at: number; place: number | null }[] = []
      let next = toSeconds
      // From the newest: where the clock was set back, the time after that counts, so that times ascend.
      for (let index = count - 1; index >= Math.max(0, count - length); index--) {
        const place = index % length
        const time = at[place]!
        if (time > next || (rows.length > 0 && time === next)) continue
        if (time <= fromSeconds) break
        if (rows.length > 0 && next - time > GAP_INTERVALS * intervalSeconds)
          rows.push({ at: time + intervalSeconds, place: null })
        rows.push({ at: time, place })
        next = time
      }
      rows.reverse()
      const values = COLUMNS.map(({ name }, index) => [
        name,
        rows.map(({ place }) => (place === null ? null : fromNumber(columns[index]![place]!))),
      ])
      return {
        intervalSeconds,
        at: rows.map((row) => row.at),
        // The keys are exactly those of the table.
        ...(Object.fromEntries(values) as Record<ColumnName, (number | null)[]>),
      }
    },
  }
}

/** Of the known values; NaN if none is known. */
export function mergeValues(merge: ColumnRow['merge'], values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value))
  if (known.length === 0) return Number.NaN
  if (merge === 'last') return known.at(-1)!
  if (merge === 'max') return Math.max(...known)
  return known.reduce((sum, value) => sum + value, 0) / known.length
}

export function createHistory(): History {
  const fine = createRing(FINE_SECONDS / SAMPLE_SECONDS)
  const coarse = createRing(LONGEST_SECONDS / (SAMPLE_SECONDS * SAMPLES_BY_POINT))
  let waiting: number[][] = []
  let latest: Sample | null = null
  return {
    push(atSeconds, sample) {
      const values = COLUMNS.map(({ name }) => toNumber(sample[name]))
      latest = sample
      fine.push(atSeconds, values)
      waiting.push(values)
      if (waiting.length < SAMPLES_BY_POINT) return
      coarse.push(
        atSeconds,
        COLUMNS.map(({ merge }, index) =>
          mergeValues(
            merge,
            waiting.map((row) => row[index]!),
          ),
        ),
      )
      waiting = []
    },
    read(seconds, nowSeconds) {
      const isFine = seconds <= FINE_SECONDS
      const intervalSeconds = isFine ? SAMPLE_SECONDS : SAMPLE_SECONDS * SAMPLES_BY_POINT
      return (isFine ? fine : coarse).between(nowSeconds - seconds, nowSeconds, intervalSeconds)
    },
    latest: () => latest,
  }
}
