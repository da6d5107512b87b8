/**
 * Ternary weights in TypeScript: the twin of native/ternary.cc, its oracle in tests and the fallback without a
 * compiler.
 */

export interface TernaryShape {
  readonly rows: number
  readonly cols: number
  /** Trits in a byte: 5 in base 3, 4 in base 4; the first is the lowest digit, digits 0, 1, 2 are −1, 0, 1. */
  readonly perByte: 4 | 5
  /** Each row has its scale, as float32 in front of its trits. */
  readonly rowScales: boolean
  /** Of all rows, unless each has its own: a float32, 0 or more. */
  readonly scale: number
}

const SUMS = 8
const ROUNDS = 16
const SCALE_BYTES = 4
const INVALID = 2
const f = Math.fround

export function ternaryRowBytes({ cols, perByte, rowScales }: TernaryShape): number {
  return (rowScales ? SCALE_BYTES : 0) + Math.ceil(cols / perByte)
}

/** The trits of every byte, `perByte` each; INVALID where a byte holds none. */
function tritsOf(perByte: number, base: number): Int8Array {
  const trits = new Int8Array(256 * perByte)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    let valid = true
    for (let digit = 0; digit < perByte; digit++) {
      const trit = (value % base) - 1
      valid &&= trit <= 1
      trits[byte * perByte + digit] = trit
      value = Math.floor(value / base)
    }
    if (!valid || value !== 0) trits.fill(INVALID, byte * perByte, (byte + 1) * perByte)
  }
  return trits
}

const TRITS = { 4: tritsOf(4, 4), 5: tritsOf(5, 3) }

/**
 * The scale of least squared error by Lloyd's alternation: weights beyond half the scale take it, and the scale
 * is their mean. It begins at the mean magnitude of all, BitNet's scale. Eight sums run side by side.
 */
function rowScale(weights: Float32Array): number {
  let threshold = -1
  for (let round = 0; ; round++) {
    const sums = new Float64Array(SUMS)
    const counts = new Float64Array(SUMS)
    for (let col = 0; col < weights.length; col++) {
      const size = Math.abs(weights[col]!)
      if (!(size > threshold)) continue
      sums[col % SUMS]! += size
      counts[col % SUMS]! += 1
    }
    let sum = 0
    let count = 0
    for (let i = 0; i < SUMS; i++) {
      sum += sums[i]!
      count += counts[i]!
    }
    const scale = count > 0 ? f(sum / count) : 0
    if (0.5 * scale === threshold || round === ROUNDS) return scale
    threshold = 0.5 * scale
  }
}

/** Encodes rows × cols finite float32 weights; `exact` where nothing was lost. */
export function ternaryEncode(
  data: Float32Array,
  shape: TernaryShape,
): { payload: Uint8Array; exact: boolean } {
  const { rows, cols, perByte } = shape
  const base = perByte === 5 ? 3 : 4
  const stride = ternaryRowBytes(shape)
  const payload = new Uint8Array(rows * stride)
  const view = new DataView(payload.buffer)
  let exact = true
  for (let row = 0; row < rows; row++) {
    const weights = data.subarray(row * cols, (row + 1) * cols)
    const scale = shape.rowScales ? rowScale(weights) : shape.scale
    let at = row * stride
    if (shape.rowScales) {
      view.setFloat32(at, scale, true)
      at += SCALE_BYTES
    }
    for (let first = 0; first < cols; first += perByte) {
      let value = 0
      for (let digit = perByte - 1; digit >= 0; digit--) {
        const weight = first + digit < cols ? weights[first + digit]! : 0
        const trit = Math.abs(weight) > 0.5 * scale ? Math.sign(weight) : 0
        if (trit * scale !== weight) exact = false
        value = value * base + trit + 1
      }
      payload[at++] = value
    }
  }
  return { payload, exact }
}

/** The scale in front of a row; null where it is negative or not finite. */
export function ternaryRowScale(payload: Uint8Array, shape: TernaryShape, row: number): number | null {
  if (!shape.rowScales) return shape.scale
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const at = row * ternaryRowBytes(shape)
  return view.getUint32(at, true) < 0x7f800000 ? view.getFloat32(at, true) : null
}

/**
 * Whether every byte holds trits, every digit behind a row's end is the zero, and no scale is negative or not
 * finite.
 */
export function ternaryIsValid(payload: Uint8Array, shape: TernaryShape): boolean {
  const { rows, cols, perByte } = shape
  const trits = TRITS[perByte]
  const stride = ternaryRowBytes(shape)
  for (let row = 0; row < rows; row++) {
    if (ternaryRowScale(payload, shape, row) === null) return false
    const end = (row + 1) * stride
    for (let at = row * stride + (shape.rowScales ? SCALE_BYTES : 0); at < end; at++)
      if (trits[payload[at]! * perByte] === INVALID) return false
    for (let digit = cols % perByte; digit > 0 && digit < perByte; digit++)
      if (trits[payload[end - 1]! * perByte + digit] !== 0) return false
  }
  return true
}

/** The weights; null where the payload is not valid. */
export function ternaryDecode(payload: Uint8Array, shape: TernaryShape): Float32Array | null {
  if (!ternaryIsValid(payload, shape)) return null
  const { rows, cols, perByte } = shape
  const trits = TRITS[perByte]
  const stride = ternaryRowBytes(shape)
  const data = new Float32Array(rows * cols)
  for (let row = 0; row < rows; row++) {
    const scale = ternaryRowScale(payload, shape, row)!
    const from = row * stride + (shape.rowScales ? SCALE_BYTES : 0)
    for (let col = 0; col < cols; col++) {
      const trit = trits[payload[from + Math.floor(col / perByte)]! * perByte + (col % perByte)]!
      // Adding zero turns -0 into 0.
      data[row * cols + col] = trit * scale + 0
    }
  }
  return data
}

/** Two bits a trit: 1, 2, 3 for −1, 0, 1. Bits 0 to 2·perByte − 1 of each entry. */
function codesOf(perByte: 4 | 5): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let codes = 0
    for (let digit = 0; digit < perByte; digit++)
      codes |= (TRITS[perByte][byte * perByte + digit]! + 2) << (2 * digit)
    return codes
  })
}

const CODES = { 4: codesOf(4), 5: codesOf(5) }

/**
 * The trits of a valid payload as codes of two bits (1, 2, 3 for −1, 0, 1), four a byte,
 * `stride` bytes a row, padded with 2: so it is at least cols / 4.
 */
export function ternaryCodes(payload: Uint8Array, shape: TernaryShape, stride: number): Uint8Array {
  const { rows, cols, perByte } = shape
  const codes = CODES[perByte]
  const bytes = Math.ceil(cols / perByte)
  const packed = new Uint8Array(rows * stride).fill(0b10101010)
  for (let row = 0; row < rows; row++) {
    let from = row * ternaryRowBytes(shape) + (shape.rowScales ? SCALE_BYTES : 0)
    const end = (row + 1) * stride
    let to = row * stride
    let waiting = 0
    let bits = 0
    for (let i = 0; i < bytes; i++) {
      waiting |= codes[payload[from++]!]! << bits
      for (bits += 2 * perByte; bits >= 8; bits -= 8) {
        if (to < end) packed[to++] = waiting
        waiting >>>= 8
      }
    }
    // Whole trits are left, and the rest of the byte is padding.
    if (bits > 0 && to < end) packed[to] = waiting | ((0b10101010 << bits) & 255)
  }
  return packed
}
