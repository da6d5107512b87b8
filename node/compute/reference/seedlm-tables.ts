/**
 * SeedLM (arXiv 2410.10714): the register's sequence, and what the search knows before it sees a weight. The
 * twin of native/seedlm_index.cc, bit for bit: integers, or fp64 in a written order, rounded once.
 *
 * The register has K = 16 bits, shifts right and feeds back the exclusive or of bits 0, 1, 3 and 12; it runs
 * through all 65,535 non-zero states. Seed s gives U(s): C × P entries from C·P successive states beginning
 * with s itself, row by row, each (state - 2^15) / (2^15 - 1) in float32.
 */
export const POSITIONS = 65535
/** The last position has no energy. */
export const POSITIONS_PADDED = 65536
const LONGEST_BLOCK = 48
/**
 * Below this share of its own length left after projection, a column of U is called dependent on the ones
 * before it, and its seed is left out.
 */
const MIN_PIVOT = 0.05
/** Records and directions are unit vectors times this. */
export const UNIT = 127

export interface Sequence {
  /** Entry i of the sequence that begins with state 1, as U uses it; wraps past the end by one block. */
  readonly values: Float32Array
  /** State i of the sequence. */
  readonly states: Uint16Array
  /** Where a state stands in the sequence. */
  readonly positionOf: Uint16Array
}

export function nextState(state: number): number {
  const feedback = (state ^ (state >>> 1) ^ (state >>> 3) ^ (state >>> 12)) & 1
  return (state >>> 1) | (feedback << 15)
}

let cachedSequence: Sequence | undefined

export function sequence(): Sequence {
  if (cachedSequence !== undefined) return cachedSequence
  const values = new Float32Array(POSITIONS_PADDED + LONGEST_BLOCK)
  const states = new Uint16Array(POSITIONS)
  const positionOf = new Uint16Array(65536)
  let state = 1
  for (let i = 0; i < POSITIONS; i++) {
    states[i] = state
    positionOf[state] = i
    values[i] = (state - 32768) / 32767
    state = nextState(state)
  }
  for (let i = POSITIONS; i < values.length; i++) values[i] = values[i - POSITIONS]!
  cachedSequence = { values, states, positionOf }
  return cachedSequence
}

/** -UNIT to UNIT for a number from -1 to 1. */
export function toUnit(value: number): number {
  return Math.floor(value * UNIT + 0.5)
}

/**
 * Orthonormal rows of the column space of the U at `position`, into `basis[row * C + c]`, by Gram-Schmidt.
 * False where columns are nearly dependent.
 */
export function orthonormalise(position: number, C: number, P: number, basis: Float64Array): boolean {
  const { values } = sequence()
  for (let row = 0; row < P; row++) {
    const at = row * C
    let whole = 0
    for (let c = 0; c < C; c++) {
      const value = values[position + c * P + row]!
      basis[at + c] = value
      whole += value * value
    }
    for (let k = 0; k < row; k++) {
      let along = 0
      for (let c = 0; c < C; c++) along += basis[k * C + c]! * basis[at + c]!
      for (let c = 0; c < C; c++) basis[at + c] = basis[at + c]! - along * basis[k * C + c]!
    }
    let left = 0
    for (let c = 0; c < C; c++) left += basis[at + c]! * basis[at + c]!
    if (!(left > MIN_PIVOT * whole)) return false
    const length = Math.sqrt(left)
    for (let c = 0; c < C; c++) basis[at + c] = basis[at + c]! / length
  }
  return true
}

/** Bytes of a position in the records. */
export function recordBytes(C: number): number {
  return C === 8 ? 32 : 64
}

/** Where column c of a row of a record is: the first 8 columns of all rows, then the others. */
export function recordAt(row: number, c: number): number {
  return c < 8 ? row * 8 + c : 24 + row * 8 + c
}

const cachedRecords = new Map<number, Int8Array>()

/**
 * By position an orthonormal basis of the column space of U times UNIT; all zero where its seed is left out.
 */
export function records(C: number, P: number): Int8Array {
  const cached = cachedRecords.get(C)
  if (cached !== undefined) return cached
  const stride = recordBytes(C)
  const made = new Int8Array(POSITIONS_PADDED * stride)
  const basis = new Float64Array(P * C)
  for (let position = 0; position < POSITIONS; position++) {
    if (!orthonormalise(position, C, P, basis)) continue
    for (let row = 0; row < P; row++)
      for (let c = 0; c < C; c++) made[position * stride + recordAt(row, c)] = toUnit(basis[row * C + c]!)
  }
  cachedRecords.set(C, made)
  return made
}
