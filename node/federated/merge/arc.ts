/** The way from one vector to another along the sphere. */
import { arcCosine, sineCosine } from './angles.ts'

/** Elements `start + k · stride` of a tensor: a row, a column, or all of it. */
export interface Stretch {
  readonly start: number
  readonly stride: number
  readonly count: number
}

export function dot(a: Float32Array, b: Float32Array, { start, stride, count }: Stretch): number {
  let sum = 0
  for (let k = 0, at = start; k < count; k++, at += stride) sum += a[at]! * b[at]!
  return sum
}

/** Of the angle between two; null where one of them has no direction. */
export function cosineOf(a: Float32Array, b: Float32Array, stretch: Stretch): number | null {
  const norms = Math.sqrt(dot(a, a, stretch)) * Math.sqrt(dot(b, b, stretch))
  return norms === 0 ? null : Math.max(-1, Math.min(1, dot(a, b, stretch) / norms))
}

/**
 * Factors of both ends at t: sin((1 − t)Ω)/sin Ω and sin(tΩ)/sin Ω (Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985),
 * or 1 − t and t where there is no arc to follow.
 */
export function arcFactors(
  cosine: number | null,
  t: number,
  isStraight: (cosine: number) => boolean,
): [number, number] {
  if (cosine === null || isStraight(cosine)) return [1 - t, t]
  const angle = arcCosine(cosine)
  const whole = sineCosine(angle).sine
  return [sineCosine((1 - t) * angle).sine / whole, sineCosine(t * angle).sine / whole]
}

/** first · a + second · b of a stretch, into `target`. */
export function combine(
  [a, b]: readonly [Float32Array, Float32Array],
  [first, second]: readonly [number, number],
  { start, stride, count }: Stretch,
  target: Float32Array,
): void {
  for (let k = 0, at = start; k < count; k++, at += stride) target[at] = first * a[at]! + second * b[at]!
}
