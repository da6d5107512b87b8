/**
 * SeedLM (arXiv 2410.10714): the register's sequence and what the search knows before it sees a weight. The
 * twin of the tables in native/seedlm.cc, bit for bit: fp64 in a written order, rounded once.
 *
 * The register has K = 16 bits, shifts right and feeds back the exclusive or of bits 0, 1, 3 and 12; it runs
 * through all 65,535 non-zero states. Seed s gives U(s): C × P entries from C·P successive states beginning
 * with s itself, row by row, each (state - 2^15) / (2^15 - 1) in float32.
 */
export const POSITIONS = 65535
/** The planes of the tables are this long; the last entry has no energy. */
export const POSITIONS_PADDED = 65536
/**
 * Below this share of its own length left after projection, a column of U is called dependent on the ones
 * before it.
 */
const MIN_PIVOT = 0.05
const LONGEST_BLOCK = 48

export interface Sequence {
  /** Entry i of the sequence that begins with state 1, as U uses it; wraps past the end by one block. */
  readonly values: Float32Array
  /** State i of the sequence. */
  readonly states: Uint16Array
  /** Where a state stands in the sequence. */
  readonly positionOf: Uint16Array
}

export interface SearchTables {
  /** Entries of the sequence less 2^15: exact integers. */
  readonly integers: Int32Array
  /**
   * Rows of the inverse Cholesky factor of UᵀU by position, one plane of POSITIONS_PADDED an entry (row by
   * row); all zero where U is ill-conditioned, which keeps that seed out of the search.
   */
  readonly whitening: Float32Array
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

/** Lower triangle of UᵀU for the U that starts at `position`, into `gram[row * P + col]`. */
export function gramOf(
  values: Float32Array,
  position: number,
  C: number,
  P: number,
  gram: Float64Array,
): void {
  for (let row = 0; row < P; row++)
    for (let col = 0; col <= row; col++) {
      let sum = 0
      for (let c = 0; c < C; c++) sum += values[position + c * P + row]! * values[position + c * P + col]!
      gram[row * P + col] = sum
    }
}

/** gram = L D Lᵀ with L unit lower triangular. Returns false where a pivot shows dependent columns. */
export function factor(gram: Float64Array, P: number, lower: Float64Array, pivots: Float64Array): boolean {
  let independent = true
  for (let row = 0; row < P; row++) {
    for (let col = 0; col < row; col++) {
      let sum = gram[row * P + col]!
      for (let k = 0; k < col; k++) sum -= lower[row * P + k]! * pivots[k]! * lower[col * P + k]!
      lower[row * P + col] = sum / pivots[col]!
    }
    let pivot = gram[row * P + row]!
    for (let k = 0; k < row; k++) pivot -= lower[row * P + k]! * lower[row * P + k]! * pivots[k]!
    pivots[row] = pivot
    if (!(pivot > MIN_PIVOT * gram[row * P + row]!)) independent = false
  }
  return independent
}

const cachedTables = new Map<number, SearchTables>()

/** For C = 8, P = 3 or C = 12, P = 4. Built once a thread (about 0.2 s and 3 MB). */
export function searchTables(C: number, P: number): SearchTables {
  const cached = cachedTables.get(C)
  if (cached !== undefined) return cached
  const { values, states } = sequence()
  const whitening = new Float32Array(((P * (P + 1)) / 2) * POSITIONS_PADDED)
  const gram = new Float64Array(P * P)
  const lower = new Float64Array(P * P)
  const inverse = new Float64Array(P * P)
  const pivots = new Float64Array(P)
  for (let position = 0; position < POSITIONS; position++) {
    gramOf(values, position, C, P, gram)
    if (!factor(gram, P, lower, pivots)) continue
    let plane = 0
    for (let row = 0; row < P; row++) {
      for (let col = 0; col < row; col++) {
        let sum = -lower[row * P + col]!
        for (let k = col + 1; k < row; k++) sum -= lower[row * P + k]! * inverse[k * P + col]!
        inverse[row * P + col] = sum
      }
      inverse[row * P + row] = 1
      const root = Math.sqrt(pivots[row]!)
      for (let col = 0; col <= row; col++)
        whitening[plane++ * POSITIONS_PADDED + position] = inverse[row * P + col]! / root
    }
  }
  const integers = new Int32Array(POSITIONS_PADDED + LONGEST_BLOCK)
  for (let i = 0; i < integers.length; i++) integers[i] = states[i % POSITIONS]! - 32768
  const tables = { integers, whitening }
  cachedTables.set(C, tables)
  return tables
}
