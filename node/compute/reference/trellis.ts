/**
 * The trellis codec in TypeScript: its layout, its values and its decoder. Twin of native/trellis*; both give
 * the same bytes. The encoder is in trellis-encode.ts.
 *
 * A row is a string of bits, `bits` for each weight, and its weights are read off a window that slides over
 * it: the state of a weight is the last 12 bits up to its own. A state stands for a value by a few integer
 * operations and one curve (see trellisValues). A bitshift trellis as in QTIP (arXiv 2406.11235), after
 * trellis-coded quantisation (Marcellin and Fischer, IEEE Trans. Comm. 38, 1990).
 */

export type TrellisBits = 2 | 3 | 4

export interface TrellisShape {
  readonly rows: number
  readonly cols: number
  readonly bits: TrellisBits
  /** Weights that share a scale: 32, 64, 128 or 256. */
  readonly blockSize: number
  /** Scales are stored over 2^scaleExponent: -100 to 120. */
  readonly scaleExponent: number
}

/** Bits of a state. */
const STATE_BITS = 12
export const STATES = 1 << STATE_BITS
const STATE_MASK = STATES - 1

/**
 * By bits: the multiplier of the state's history, the best of all odd ones below 4,096 on Gaussian weights,
 * and the slope of the curve at its centre.
 */
const GENERATORS = {
  2: { multiplier: 557, slope: 1.25 },
  3: { multiplier: 825, slope: 1.3 },
  4: { multiplier: 863, slope: 1.35 },
} as const

/** The history of the first weight of a row, in place of the bits before it: its values lie evenly. */
export function firstHistory(bits: TrellisBits): number {
  return 1 << (STATE_BITS - bits - 1)
}

/** The history of the weight after one of this state. */
export function historyAfter(state: number, bits: TrellisBits): number {
  return state & ((STATES >>> bits) - 1)
}

const tables = new Map<TrellisBits, Float32Array>()

/**
 * The value of each state, for weights with a root mean square of 1. With the newest bits b, the history h
 * (all older bits) and M = 2^(12 - bits), the rank of the state is (b·M + h·multiplier) mod 4,096, so that the
 * choices at a history lie one in each of 2^bits equal ranges of ranks. With x the middle of the rank on -1 to
 * 1, the value is slope·x / (1 - x²)^(1/4): close to the quantiles of a Gaussian, but the last few states reach
 * out to nine times the root mean square, for outliers. float64 until the last rounding.
 */
export function trellisValues(bits: TrellisBits): Float32Array {
  const known = tables.get(bits)
  if (known !== undefined) return known
  const { multiplier, slope } = GENERATORS[bits]
  const values = new Float32Array(STATES)
  for (let state = 0; state < STATES; state++) {
    const newest = state & ((1 << bits) - 1)
    const history = state >>> bits
    const rank = ((newest << (STATE_BITS - bits)) + history * multiplier) & STATE_MASK
    const x = (2 * rank + 1 - STATES) / STATES
    values[state] = (slope * x) / Math.sqrt(Math.sqrt(1 - x * x))
  }
  tables.set(bits, values)
  return values
}

export interface TrellisRow {
  readonly blocks: number
  /** The scale codes come first, one byte a block. */
  readonly bitsAt: number
  readonly bytes: number
}

export function trellisRow({ cols, bits, blockSize }: TrellisShape): TrellisRow {
  const blocks = Math.ceil(cols / blockSize)
  return { blocks, bitsAt: blocks, bytes: blocks + Math.ceil((cols * bits) / 8) }
}

/** 2^(i/8), float32. */
const ROOTS = Float32Array.of(
  1,
  1.0905077457427979,
  1.1892070770263672,
  1.2968395948410034,
  1.4142135381698608,
  1.5422108173370361,
  1.6817928552627563,
  1.8340080976486206,
)

/**
 * The scale of a code over 2^scaleExponent: 0 for 0, otherwise 2^((code - 255)/8), so that the 255 codes
 * reach over 32 powers of two.
 */
export function scaleOfCode(code: number): number {
  if (code === 0) return 0
  // (code - 255)/8 = (code + 1)/8 - 32
  return 2 ** (((code + 1) >>> 3) - 32) * ROOTS[(code + 1) & 7]!
}

/** The payload has exactly the bytes of its shape; any of them decode to finite weights. */
export function trellisDecode(payload: Uint8Array, shape: TrellisShape): Float32Array {
  const { rows, cols, bits, blockSize, scaleExponent } = shape
  const layout = trellisRow(shape)
  const values = trellisValues(bits)
  const data = new Float32Array(rows * cols)
  const choice = (1 << bits) - 1
  for (let row = 0; row < rows; row++) {
    const at = row * layout.bytes
    let state = firstHistory(bits)
    let scale = 0
    for (let col = 0; col < cols; col++) {
      if (col % blockSize === 0)
        scale = Math.fround(scaleOfCode(payload[at + col / blockSize]!) * 2 ** scaleExponent)
      const bit = col * bits
      const byte = at + layout.bitsAt + (bit >>> 3)
      // The byte after the last one shifts out again.
      const pair = (payload[byte]! << 8) | (payload[byte + 1] ?? 0)
      state = ((state << bits) | ((pair >>> (16 - bits - (bit & 7))) & choice)) & STATE_MASK
      data[row * cols + col] = values[state]! * scale
    }
  }
  return data
}
