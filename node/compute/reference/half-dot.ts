/**
 * Dot products of half-precision rows with a query: exact vector search, with the same bits on every machine, so that the village
 * ranks as one index would. A product of a half (11 bits) and a float (24) is exact in double; only the sums round, and their order
 * is fixed: sum l of 32 gets the columns l, l + 32, … one after the other, then each half of the sums is added to the other, from 16
 * apart to 1 apart. `native/half_dot.h` is the same arithmetic.
 */
import { fromHalfBits } from './f16.ts'

const SUMS = 32
let values: Float64Array | undefined

/** By its 16 bits the value of each half; half a megabyte, made when it is first asked for. */
function halfValues(): Float64Array {
  values ??= Float64Array.from({ length: 65_536 }, (_, bits) => fromHalfBits(bits))
  return values
}

/** `rows` holds at least count × query.length halves; fills the first `count` of `dots`. */
export function halfDots(rows: Uint16Array, query: Float32Array, count: number, dots: Float64Array): void {
  const table = halfValues()
  const cols = query.length
  const sums = new Float64Array(SUMS)
  for (let row = 0; row < count; row++) {
    const first = row * cols
    sums.fill(0)
    for (let col = 0; col < cols; col++) sums[col & (SUMS - 1)]! += table[rows[first + col]!]! * query[col]!
    for (let apart = SUMS / 2; apart >= 1; apart /= 2)
      for (let l = 0; l < apart; l++) sums[l]! += sums[l + apart]!
    dots[row] = sums[0]!
  }
}
