/**
 * Seedlm's comparison of positions in plain TypeScript: the oracle of native/seedlm_keys.h and of
 * seedlm-wasm.ts.
 */
import { type Scan, SLOTS } from './seedlm-index.ts'
import { POSITIONS_PADDED, recordAt, recordBytes, records } from './seedlm-tables.ts'

/**
 * The energy of a block inside the column space of the U at a position, in the high half of 32 bits, above
 * the position. Exact: rows are orthonormal but for their rounding, so that 12 · 127² · 131² bounds it, below
 * 2^32.
 */
function keyOf(basis: Int8Array, position: number, probe: Int8Array, C: number, P: number): number {
  const at = position * recordBytes(C)
  let energy = 0
  for (let row = 0; row < P; row++) {
    let dot = 0
    for (let c = 0; c < C; c++) dot += basis[at + recordAt(row, c)]! * probe[c]!
    energy += dot * dot
  }
  return ((energy & ~65535) | position) >>> 0
}

const keys = new Uint32Array(SLOTS)

export const plainScan: Scan = {
  keep(probe, C, least) {
    const P = C === 8 ? 3 : 4
    const basis = records(C, P)
    const kept: number[] = []
    for (let position = 0; position < POSITIONS_PADDED; position++)
      if (keyOf(basis, position, probe, C, P) >>> 16 >= least) kept.push(position)
    return kept
  },
  winners(probe, C, positions) {
    const P = C === 8 ? 3 : 4
    const basis = records(C, P)
    keys.fill(0)
    for (let i = 0; i < positions.length; i++) {
      const key = keyOf(basis, positions[i]!, probe, C, P)
      if (key > keys[i % SLOTS]!) keys[i % SLOTS] = key
    }
    return keys
  },
}
