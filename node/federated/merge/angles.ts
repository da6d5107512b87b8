/**
 * Sine, cosine and arcus cosine of +, −, ×, ÷ and square roots alone: every machine computes the same bits, which the functions of
 * the language do not promise. Errors are below 1e-15 relative to 1.
 */

const HALF_PI = Math.PI / 2
/** π/2 minus its double. */
const HALF_PI_REST = 6.123233995736766e-17

/** Taylor series; |x| ≤ π/4 leaves less than 1e-19 behind x^19. */
function sineSeries(x: number): number {
  const square = x * x
  let sum = 0
  for (let n = 18; n > 0; n -= 2) sum = (-square / (n * (n + 1))) * (1 + sum)
  return x + x * sum
}

function cosineSeries(x: number): number {
  const square = x * x
  let sum = 0
  for (let n = 19; n > 0; n -= 2) sum = (-square / (n * (n + 1))) * (1 + sum)
  return 1 + sum
}

/** For angles of a few turns at most; the reduction loses a bit by turn. */
export function sineCosine(angle: number): { sine: number; cosine: number } {
  const quarters = Math.round(angle / HALF_PI)
  const rest = angle - quarters * HALF_PI - quarters * HALF_PI_REST
  const sine = sineSeries(rest)
  const cosine = cosineSeries(rest)
  const turn = ((quarters % 4) + 4) % 4
  if (turn === 0) return { sine, cosine }
  if (turn === 1) return { sine: cosine, cosine: -sine }
  if (turn === 2) return { sine: -sine, cosine: -cosine }
  return { sine: -cosine, cosine: sine }
}

/** Of x ≥ 0: halved three times by atan x = 2 atan(x/(1 + √(1 + x²))), then its series. */
function arcTangent(x: number): number {
  if (x > 1) return HALF_PI - arcTangent(1 / x)
  let reduced = x
  for (let halving = 0; halving < 3; halving++) reduced = reduced / (1 + Math.sqrt(1 + reduced * reduced))
  const square = reduced * reduced
  let sum = 0
  for (let n = 21; n > 0; n -= 2) sum = 1 / n - square * sum
  return 8 * reduced * sum
}

/** 0 to π; outside [−1, 1], where rounding may have led, it is that of the border. */
export function arcCosine(cosine: number): number {
  if (cosine >= 1) return 0
  if (cosine <= -1) return Math.PI
  // By half the angle, which keeps its digits at both ends.
  const low = Math.sqrt(1 - cosine)
  const high = Math.sqrt(1 + cosine)
  return low <= high ? 2 * arcTangent(low / high) : Math.PI - 2 * arcTangent(high / low)
}
