/**
 * IEEE 754 binary16 by bit manipulation, rounding to nearest, ties to even. `native/f16.h` is the same
 * arithmetic.
 */
const floatView = new Float32Array(1)
const bitsView = new Uint32Array(floatView.buffer)

/**
 * A number (rounded to float32 first) to the 16 bits of its half-precision value; too large becomes infinity.
 */
export function toHalfBits(value: number): number {
  floatView[0] = value
  const bits = bitsView[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal: below 2^-25 (or exactly there, ties to even) nothing is left.
    if (magnitude <= 0x33000000) return sign
    const shift = 126 - (magnitude >>> 23)
    const mantissa = (magnitude & 0x7fffff) | 0x800000
    const kept = mantissa >>> shift
    const rest = mantissa & ((1 << shift) - 1)
    const half = 1 << (shift - 1)
    return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0))
  }
  const kept = (magnitude - 0x38000000) >>> 13
  const rest = magnitude & 0x1fff
  return sign | (kept + (rest > 0x1000 || (rest === 0x1000 && (kept & 1) === 1) ? 1 : 0))
}

/** The value of 16 half-precision bits, exact in float32. */
export function fromHalfBits(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const mantissa = half & 0x3ff
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN
  return sign * (mantissa + 1024) * 2 ** (exponent - 25)
}
