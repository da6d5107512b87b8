/**
 * Columns that `vptq` keeps as 8-bit integers: those whose errors count many times as much as the others'. The list is
 * a parameter of the slice, as text: base64 of the gaps between its columns, 7 bits a byte, lowest first, the eighth
 * bit set on all but the last byte of a gap.
 */
import { malformed } from './wire.ts'

/** Their text, of at most 4 bytes a gap, then fits the parameters of a slice. */
const MAX_OUTLIERS = 128
/** A column counts this many times the mean before it is one: 8 bits instead of 2 would not pay below. */
const LEAST_WEIGHT = 8

export const mostOutliers = (cols: number, share: number): number =>
  Math.min(MAX_OUTLIERS, Math.floor(cols * share))

/** At most `share` of the columns; `columnWeights` have mean 1. Ascending; the first among equals. */
export function chooseOutliers(columnWeights: Float32Array | undefined, share: number): Uint32Array {
  if (columnWeights === undefined) return new Uint32Array(0)
  const most = mostOutliers(columnWeights.length, share)
  return Uint32Array.from(columnWeights.keys())
    .filter((col) => columnWeights[col]! >= LEAST_WEIGHT)
    .sort((a, b) => columnWeights[b]! - columnWeights[a]! || a - b)
    .slice(0, most)
    .sort()
}

export function outliersToText(columns: Uint32Array): string {
  const bytes: number[] = []
  let before = -1
  for (const column of columns) {
    let gap = column - before - 1
    for (; gap > 127; gap >>>= 7) bytes.push((gap & 127) | 128)
    bytes.push(gap)
    before = column
  }
  return Buffer.from(bytes).toString('base64')
}

/** Throws CODEC_MALFORMED for a text that is not what outliersToText gives for some columns below `cols`. */
export function outliersFromText(text: string, cols: number): Uint32Array {
  const columns: number[] = []
  let column = -1
  let gap = 0
  let factor = 1
  for (const byte of Buffer.from(text, 'base64')) {
    gap += (byte & 127) * factor
    factor *= 128
    if (factor > 2 ** 35) throw malformed('an outlier column is out of range')
    if (byte > 127) continue
    column += gap + 1
    if (column >= cols || columns.length === MAX_OUTLIERS)
      throw malformed('an outlier column is out of range')
    columns.push(column)
    gap = 0
    factor = 1
  }
  const parsed = Uint32Array.from(columns)
  if (parsed.length >= cols || outliersToText(parsed) !== text)
    throw malformed('the outlier columns are not in their one form')
  return parsed
}
