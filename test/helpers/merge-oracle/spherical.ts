/** Methods that move along the sphere. */
import { columnsOf, dot, norm, type OracleInput, ontoBase, sumOf, taskVectors, weightsOf } from './input.ts'

/** Shoemake's slerp with the angle between the two; the straight line where `straight(angle)`. */
function arc(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  t: number,
  straight: (cosine: number) => boolean,
): Float64Array {
  const norms = norm(a) * norm(b)
  const cosine = norms === 0 ? 1 : Math.max(-1, Math.min(1, dot(a, b) / norms))
  const angle = Math.acos(cosine)
  const [forA, forB] = straight(cosine)
    ? [1 - t, t]
    : [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
  return Float64Array.from(a, (value, at) => forA * value + forB * b[at]!)
}

/**
 * slerp (Shoemake, SIGGRAPH 1985): sin((1−t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b, where Ω is the angle between the directions of
 * the flattened tensors and the tensors themselves (not their directions) are added. Nearly colinear ones (|cos Ω| above
 * 0.9995, mergekit's constant) go straight. a is the base where there is one, else the first tensor.
 */
export function slerp({ tensors, base, options }: OracleInput): Float64Array {
  const [a, b] = base === null ? [tensors[0]!, tensors[1]!] : [base, tensors[0]!]
  return arc(a, b, options?.t ?? 0.5, (cosine) => Math.abs(cosine) > 0.9995)
}

/**
 * nuslerp: slerp of the two tensors, or of their task vectors where there is a base, with t = w₂/(w₁ + w₂). By default the
 * tensor is one vector; with flatten false each column, and with rowWise each row, is one with an angle of its own. It goes
 * straight only where sin Ω is below 1e-8.
 */
export function nuslerp(input: OracleInput): Float64Array {
  const [a, b] = input.base === null ? input.tensors : taskVectors(input)
  const [first, second] = weightsOf(input)
  const t = second! / (first! + second!)
  const straight = (cosine: number) => Math.sqrt(1 - cosine * cosine) < 1e-8
  const size = a!.length
  const columns = columnsOf(input)
  const merged = new Float64Array(size)
  const along = (positions: number[]) => {
    const pick = (values: ArrayLike<number>) => positions.map((at) => values[at]!)
    arc(pick(a!), pick(b!), t, straight).forEach((value, at) => {
      merged[positions[at]!] = value
    })
  }
  const everywhere = Array.from({ length: size }, (_, at) => at)
  if (input.options?.flatten ?? true) along(everywhere)
  else if (input.options?.rowWise)
    for (let row = 0; row < size / columns; row++)
      along(everywhere.filter((at) => Math.floor(at / columns) === row))
  else
    for (let column = 0; column < columns; column++) along(everywhere.filter((at) => at % columns === column))
  return input.base === null ? merged : ontoBase({ ...input, options: {} }, merged)
}

/**
 * karcher: the Fréchet mean of the directions on the unit sphere, times the weighted mean of the lengths. Iteration
 * (Karcher 1977; Pennec 2006, section 4.2): from the direction of the weighted sum, u ← exp_u(Σ w_i log_u(x_i)) with
 * log_u(x) = θ/sin θ · (x − cos θ u), θ the angle of u and x, and exp_u(v) = cos|v| u + sin|v| v/|v|. Weights are normalised;
 * tensors of length zero have no direction and are left out of the mean of directions.
 */
export function karcher(input: OracleInput): Float64Array {
  const total = sumOf(weightsOf(input))
  const shares = weightsOf(input).map((weight) => weight / total)
  const lengths = input.tensors.map(norm)
  const points = input.tensors.map((tensor, model) =>
    Float64Array.from(tensor, (value) => (lengths[model] === 0 ? 0 : value / lengths[model]!)),
  )
  const size = points[0]!.length
  let mean: Float64Array = new Float64Array(size)
  points.forEach((point, model) => {
    mean = mean.map((value, at) => value + shares[model]! * point[at]!)
  })
  const start = norm(mean)
  mean = start === 0 ? points[0]! : mean.map((value) => value / start)
  for (let step = 0; step < (input.options?.maxIterations ?? 10); step++) {
    const move = new Float64Array(size)
    points.forEach((point, model) => {
      if (lengths[model] === 0) return
      const cosine = Math.max(-1, Math.min(1, dot(mean, point)))
      const angle = Math.acos(cosine)
      const factor = angle < 1e-8 ? 1 : angle / Math.sin(angle)
      for (let at = 0; at < size; at++)
        move[at] = move[at]! + shares[model]! * factor * (point[at]! - cosine * mean[at]!)
    })
    const length = norm(move)
    if (length < (input.options?.tol ?? 1e-5)) break
    mean = mean.map((value, at) => Math.cos(length) * value + (Math.sin(length) * move[at]!) / length)
    const drift = norm(mean)
    mean = mean.map((value) => value / drift)
  }
  const length = sumOf(lengths.map((value, model) => shares[model]! * value))
  return mean.map((value) => value * length)
}
