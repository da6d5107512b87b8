/**
 * The encoder of the trellis codec in TypeScript. Twin of native/trellis_encode.cc; both give the same bytes.
 * Scales are chosen in float64, everything else is float32 in the written order, on weights over
 * 2^scaleExponent.
 */
import { feedBack } from './error-feedback.ts'
import {
  firstHistory,
  historyAfter,
  scaleOfCode,
  type TrellisRow,
  type TrellisShape,
  trellisRow,
  trellisValues,
} from './trellis.ts'
import { createTrellisSearch, plainCosts, type TrellisSearch, WINDOW } from './trellis-search.ts'

/** See EncodeAids in codecs/codec.ts. */
export interface TrellisAids {
  readonly columnWeights?: Float32Array
  readonly feedback?: Float32Array
}

/** Columns at the end of a search that the next one decides. */
const UNDECIDED = 64
/** Columns that are decided together before their errors move the targets after them. */
const FEEDBACK_COLUMNS = 16
/** Columns after them that the search looks at as well. */
const LOOK_AHEAD = 32
/** A feedback that is not of these weights must not make infinite costs. */
const LARGEST_TARGET = 2 ** 20
const f = Math.fround
/** 2^((i + 1/2)/8): the borders between the scales of an octave. */
const BORDERS = [
  1.0442737824274138, 1.1387886347566916, 1.241857812073484, 1.3542555469368927, 1.4768261459394993,
  1.6104903319492543, 1.7562521603732995, 1.9152065613971474,
]

/** The code of the scale nearest to `scale` (float64, not negative, over 2^scaleExponent), by ratio. */
function codeOfScale(scale: number): number {
  if (!(scale >= 2 ** -40)) return 0
  if (scale >= 1) return 255
  let exponent = 0
  let mantissa = scale
  for (; mantissa < 1; exponent--) mantissa *= 2
  let eighths = 0
  while (eighths < 8 && mantissa >= BORDERS[eighths]!) eighths++
  return Math.max(0, 255 + 8 * exponent + eighths)
}

/** The scale that makes the root mean square 1, but lets the curve reach the largest weight. */
function chooseCode(weights: Float32Array, largestValue: number): number {
  let squares = 0
  let largest = 0
  for (const weight of weights) {
    squares += weight * weight
    const size = Math.abs(weight)
    if (size > largest) largest = size
  }
  const spread = Math.sqrt(squares / weights.length)
  const reach = largest / largestValue
  if (spread > reach) return codeOfScale(spread)
  return codeOfScale(reach)
}

interface RowEncoder {
  readonly shape: TrellisShape
  readonly layout: TrellisRow
  readonly values: Float32Array
  readonly largestValue: number
  readonly search: TrellisSearch
  /** The row over 2^scaleExponent; with feedback, what is left of it to reach. */
  readonly weights: Float32Array
  readonly columnWeights: Float32Array
  readonly codes: Uint8Array
  readonly states: Uint16Array
}

function block({ shape, weights }: RowEncoder, index: number): Float32Array {
  return weights.subarray(index * shape.blockSize, (index + 1) * shape.blockSize)
}

function addToSearch(row: RowEncoder, col: number): void {
  const scale = scaleOfCode(row.codes[Math.floor(col / row.shape.blockSize)]!)
  if (scale === 0) {
    row.search.add(0, 0)
    return
  }
  let target = f(row.weights[col]! * f(1 / scale))
  if (!(target < LARGEST_TARGET)) target = LARGEST_TARGET
  if (target < -LARGEST_TARGET) target = -LARGEST_TARGET
  row.search.add(target, row.columnWeights[col]!)
}

function searchRow(row: RowEncoder): void {
  const { search, states } = row
  const { cols, bits } = row.shape
  for (let index = 0; index < row.layout.blocks; index++)
    row.codes[index] = chooseCode(block(row, index), row.largestValue)
  let history = firstHistory(bits)
  for (let first = 0, end = 0; first < cols; first = end) {
    const seen = Math.min(cols, first + WINDOW)
    // The last weights that a search sees are decided by the next one, which knows what comes after them.
    end = seen === cols ? cols : seen - UNDECIDED
    search.begin(history)
    for (let col = first; col < seen; col++) addToSearch(row, col)
    search.trace(states, first, end - first)
    history = historyAfter(states[end - 1]!, bits)
  }
}

/** Moves each scale to the one of least squared error for the states that were found. */
function refineCodes(row: RowEncoder): void {
  const { shape, weights, columnWeights, values, states, codes } = row
  for (let index = 0; index < row.layout.blocks; index++) {
    const first = index * shape.blockSize
    const end = Math.min(shape.cols, first + shape.blockSize)
    let product = 0
    let square = 0
    for (let col = first; col < end; col++) {
      const value = values[states[col]!]!
      product += columnWeights[col]! * value * weights[col]!
      square += columnWeights[col]! * value * value
    }
    const code = codeOfScale(product / square)
    const error = (scale: number) => scale * (scale * square - 2 * product)
    if (error(scaleOfCode(code)) < error(scaleOfCode(codes[index]!))) codes[index] = code
  }
}

function searchWithFeedback(row: RowEncoder, feedback: Float32Array): void {
  const { search, states, weights, values, codes } = row
  const { cols, bits, blockSize } = row.shape
  let history = firstHistory(bits)
  for (let first = 0; first < cols; first += FEEDBACK_COLUMNS) {
    const end = Math.min(cols, first + FEEDBACK_COLUMNS)
    const seen = Math.min(cols, end + LOOK_AHEAD)
    search.begin(history)
    for (let col = first; col < seen; col++) {
      if (col % blockSize === 0)
        codes[col / blockSize] = chooseCode(block(row, col / blockSize), row.largestValue)
      addToSearch(row, col)
    }
    search.trace(states, first, end - first)
    history = historyAfter(states[end - 1]!, bits)
    for (let col = first; col < end; col++) {
      const scale = scaleOfCode(codes[Math.floor(col / blockSize)]!)
      const error = f(weights[col]! - f(values[states[col]!]! * scale))
      feedBack(weights, Float32Array.of(error), feedback, { first: col, count: 1, from: col + 1, to: cols })
    }
  }
}

function write({ shape, layout, codes, states }: RowEncoder, payload: Uint8Array, at: number): void {
  payload.set(codes, at)
  const choice = (1 << shape.bits) - 1
  for (let col = 0; col < shape.cols; col++) {
    const bit = col * shape.bits
    const byte = at + layout.bitsAt + (bit >>> 3)
    const pair = (states[col]! & choice) << (16 - shape.bits - (bit & 7))
    payload[byte] = payload[byte]! | (pair >>> 8)
    if ((pair & 255) !== 0) payload[byte + 1] = payload[byte + 1]! | (pair & 255)
  }
}

/** Weights are finite and at most 2^20 · 2^scaleExponent in size. */
export function trellisEncode(
  data: Float32Array,
  shape: TrellisShape,
  aids: TrellisAids,
  costsOf: typeof plainCosts = plainCosts,
): Uint8Array {
  const { rows, cols, bits } = shape
  const layout = trellisRow(shape)
  const values = trellisValues(bits)
  const row: RowEncoder = {
    shape,
    layout,
    values,
    largestValue: values.reduce((largest, value) => Math.max(largest, value), 0),
    search: createTrellisSearch(bits, costsOf(bits)),
    weights: new Float32Array(cols),
    columnWeights: aids.columnWeights ?? new Float32Array(cols).fill(1),
    codes: new Uint8Array(layout.blocks),
    states: new Uint16Array(cols),
  }
  const scaling = 2 ** -shape.scaleExponent
  const payload = new Uint8Array(layout.bytes * rows)
  for (let r = 0; r < rows; r++) {
    for (let col = 0; col < cols; col++) row.weights[col] = data[r * cols + col]! * scaling
    if (aids.feedback === undefined) {
      searchRow(row)
      refineCodes(row)
    } else searchWithFeedback(row, aids.feedback)
    write(row, payload, r * layout.bytes)
  }
  return payload
}
