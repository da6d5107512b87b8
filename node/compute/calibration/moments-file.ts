/**
 * Sums of second moments as they travel from worker to owner: "VMOM" · version u32 = 1 · number of activations u32, and
 * for each its columns u32 · full u32 (0: the diagonal, 1: the upper triangle) · samples f64 · the sums as float32, row
 * after row. Little-endian.
 */
import { VillageError } from '../../errors.ts'

/** Sums over samples of x xᵀ (not divided by their number). */
export interface Moments {
  readonly cols: number
  readonly full: boolean
  readonly samples: number
  /** Full: cols × cols with the upper triangle filled; else the diagonal. */
  readonly sums: Float64Array
}

const MAGIC = 0x4d4f4d56 // "VMOM"
const VERSION = 1
const HEADER_BYTES = 12
const ENTRY_BYTES = 16
const MAX_ENTRIES = 100_000
const MAX_COLS = 2 ** 24
const MAX_SAMPLES = 2 ** 48

function malformed(what: string): VillageError {
  return new VillageError('CALIBRATION_MALFORMED', `The second moments are not valid: ${what}.`)
}

const numbersOf = (cols: number, full: boolean): number => (full ? (cols * (cols + 1)) / 2 : cols)

export function momentsBytes(activations: readonly { cols: number; full: boolean }[]): number {
  return activations.reduce(
    (sum, { cols, full }) => sum + ENTRY_BYTES + 4 * numbersOf(cols, full),
    HEADER_BYTES,
  )
}

export function encodeMoments(moments: readonly Moments[]): Uint8Array {
  const bytes = new Uint8Array(momentsBytes(moments))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, VERSION, true)
  view.setUint32(8, moments.length, true)
  let at = HEADER_BYTES
  for (const { cols, full, samples, sums } of moments) {
    view.setUint32(at, cols, true)
    view.setUint32(at + 4, full ? 1 : 0, true)
    view.setFloat64(at + 8, samples, true)
    at += ENTRY_BYTES
    const put = (value: number): void => {
      view.setFloat32(at, value, true)
      at += 4
    }
    if (full)
      for (let row = 0; row < cols; row++) for (let col = row; col < cols; col++) put(sums[row * cols + col]!)
    else for (let col = 0; col < cols; col++) put(sums[col]!)
  }
  return bytes
}

/**
 * Adds one part's sums to `totals` (which must be of the same activations), or begins with it: a part may come from
 * anybody. Adding in the order of the items gives the same totals anywhere. Throws CALIBRATION_MALFORMED.
 */
export function addEncodedMoments(totals: Moments[] | null, bytes: Uint8Array): Moments[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== VERSION)
    throw malformed('they do not begin as they should')
  const entries = view.getUint32(8, true)
  if (entries === 0 || entries > MAX_ENTRIES || (totals !== null && totals.length !== entries))
    throw malformed('they are of another number of activations')
  const result: Moments[] = []
  let at = HEADER_BYTES
  for (let index = 0; index < entries; index++) {
    if (at + ENTRY_BYTES > bytes.length) throw malformed('they are cut off')
    const cols = view.getUint32(at, true)
    const flag = view.getUint32(at + 4, true)
    const samples = view.getFloat64(at + 8, true)
    const total = totals?.[index]
    const full = flag === 1
    if (cols === 0 || cols > MAX_COLS || flag > 1) throw malformed('an activation has no valid shape')
    if (total !== undefined && (total.cols !== cols || total.full !== full))
      throw malformed('they are of other activations')
    if (!Number.isSafeInteger(samples) || samples < 1 || samples > MAX_SAMPLES)
      throw malformed('a number of samples is none')
    at += ENTRY_BYTES
    if (at + 4 * numbersOf(cols, full) > bytes.length) throw malformed('they are cut off')
    const sums = total?.sums ?? new Float64Array(full ? cols * cols : cols)
    addSums(view, at, sums, cols, full)
    at += 4 * numbersOf(cols, full)
    result.push({ cols, full, samples: samples + (total?.samples ?? 0), sums })
  }
  if (at !== bytes.length) throw malformed('something follows them')
  return result
}

export function decodeMoments(bytes: Uint8Array): Moments[] {
  return addEncodedMoments(null, bytes)
}

function addSums(view: DataView, from: number, sums: Float64Array, cols: number, full: boolean): void {
  let at = from
  const next = (square: boolean): number => {
    const value = view.getFloat32(at, true)
    at += 4
    if (!Number.isFinite(value) || (square && value < 0)) throw malformed('a sum is none of squares')
    return value
  }
  if (!full) {
    for (let col = 0; col < cols; col++) sums[col]! += next(true)
    return
  }
  for (let row = 0; row < cols; row++)
    for (let col = row; col < cols; col++) sums[row * cols + col]! += next(col === row)
}

/** Columns that hardly ever see anything may differ by as much of the mean square: rounding decides what they see. */
const QUIET_SHARE = 1e-6
/** A square may differ by so many times what the matrix as a whole may. */
const SQUARE_SLACK = 4

/**
 * How far two encoded sums of the same activations lie apart, over activations the largest of: the Frobenius distance
 * relative to the first's norm, and a quarter of the largest relative difference of a square. Columns are first brought to
 * one size by the first's squares, so that a lie about a small column counts like one about a large column. Infinity where
 * samples, shapes or lengths differ. Touches each number twice and keeps a row, so that it is quick enough for the event
 * loop.
 */
export function momentsDistance(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length || a.length < HEADER_BYTES || a.length % 4 !== 0) return Infinity
  const [one, other] = [floatsOf(a), floatsOf(b)]
  const words = new Uint32Array(one.buffer, one.byteOffset, one.length)
  const otherWords = new Uint32Array(other.buffer, other.byteOffset, other.length)
  const same = (from: number, to: number): boolean => {
    for (let i = from; i < to; i++) if (words[i] !== otherWords[i]) return false
    return true
  }
  if (!same(0, HEADER_BYTES / 4)) return Infinity
  let largest = 0
  let at = HEADER_BYTES / 4
  for (let entry = words[2]!; entry > 0; entry--) {
    const start = at + ENTRY_BYTES / 4
    if (start > one.length || !same(at, start)) return Infinity
    const cols = words[at]!
    const full = words[at + 1] === 1
    at = start + numbersOf(cols, full)
    if (at > one.length) return Infinity
    largest = Math.max(largest, distanceOf(one.subarray(start, at), other.subarray(start, at), cols, full))
  }
  return at === one.length ? largest : Infinity
}

function distanceOf(one: Float32Array, other: Float32Array, cols: number, full: boolean): number {
  const sizes = new Float64Array(cols)
  for (let col = 0, at = 0; col < cols; at += full ? cols - col : 1, col++) sizes[col] = one[at]!
  const quiet = (QUIET_SHARE * sizes.reduce((sum, size) => sum + size, 0)) / cols
  for (let col = 0; col < cols; col++) sizes[col] = 1 / Math.sqrt(sizes[col]! + quiet)
  let distance = 0
  let norm = 0
  let square = 0
  for (let row = 0, at = 0; row < cols; row++) {
    for (let col = row; col < (full ? cols : row + 1); col++, at++) {
      const value = one[at]!
      const difference = value - other[at]!
      // Both saw nothing: their columns have no size.
      if (value === 0 && difference === 0) continue
      const size = sizes[row]! * sizes[col]!
      distance += (difference * size) ** 2
      norm += (value * size) ** 2
      if (row === col) square = Math.max(square, Math.abs(difference) * size)
    }
  }
  const apart = distance === 0 ? 0 : Math.max(Math.sqrt(distance / norm), square / SQUARE_SLACK)
  return Number.isNaN(apart) ? Infinity : apart
}

/** Rounding of float sums that were added in another order. */
const SUM_TOLERANCE = 0.01

/**
 * Whether sums can be those of many items, by the sums of one of them that this node made itself: no square is less than
 * the one item's share of it, and the mean square of no activation is more than `most` times that of the one item. Says
 * only that they are worth believing or looking at; items differ.
 */
export function isPlausible(whole: readonly Moments[], one: readonly Moments[], most: number): boolean {
  return whole.every((moments, index) => {
    const sample = one[index]
    if (sample === undefined || sample.cols !== moments.cols || sample.full !== moments.full) return false
    const step = moments.full ? moments.cols + 1 : 1
    let squares = 0
    let sampled = 0
    for (let col = 0; col < moments.cols; col++) {
      const [square, part] = [moments.sums[col * step]!, sample.sums[col * step]!]
      if (square < part * (1 - SUM_TOLERANCE)) return false
      squares += square
      sampled += part
    }
    return squares / moments.samples <= most * (sampled / sample.samples)
  })
}

/** The bytes as float32 in place, or a copy where they do not lie at a multiple of four. */
function floatsOf(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
}
