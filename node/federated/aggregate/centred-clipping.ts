/**
 * Centred clipping (Karimireddy, He, Jaggi 2021, arXiv 2012.10333, algorithm 2): v ← v + 1/n · Σ (xᵢ − v) · min(1, τ / ‖xᵢ − v‖), begun at the
 * aggregate of the round before. An adversary moves the result by at most τ/n an iteration. The paper's guarantee over many rounds wants clients that
 * send a momentum of their updates (`mixMomentum`), for then honest ones lie close together while a small steady push of a liar shows.
 */
import { medianOf } from './mean.ts'
import type { AggregationRule, RuleContext, RuleOutcome } from './rule.ts'
import { chunks, type UpdateSource } from './update-source.ts'

/** ‖xᵢ − v‖ by client. */
function distancesTo(source: UpdateSource, centre: Float32Array): Float64Array {
  const squares = new Float64Array(source.clients)
  for (const { start, length, rows } of chunks(source))
    for (const [client, row] of rows.entries()) {
      let sum = 0
      for (let at = 0; at < length; at++) {
        const difference = row[at]! - centre[start + at]!
        sum += difference * difference
      }
      squares[client]! += sum
    }
  return squares.map((square) => Math.sqrt(square))
}

function clipAround(source: UpdateSource, context: RuleContext, target: Float32Array): RuleOutcome {
  const { previous, options } = context
  if (previous === null) target.fill(0)
  else target.set(previous)
  let clipped: number[] = []
  for (let iteration = 0; iteration < options.iterations!; iteration++) {
    const distances = distancesTo(source, target)
    const radius = options.radius ?? medianOf(distances)
    clipped = [...distances.keys()].filter((client) => distances[client]! > radius)
    const factors = distances.map((distance) => (distance > radius ? radius / distance : 1) / source.clients)
    for (const { start, length, rows } of chunks(source))
      for (let at = 0; at < length; at++) {
        const centre = target[start + at]!
        let step = 0
        for (let client = 0; client < rows.length; client++)
          step += factors[client]! * (rows[client]![at]! - centre)
        target[start + at] = centre + step
      }
  }
  return { excluded: [], clipped }
}

export const centredClippingRule: AggregationRule = {
  name: 'centred-clipping',
  title: 'mean of the differences from the last aggregate, each clipped to a radius',
  source: 'Karimireddy et al. 2021, arXiv 2012.10333, algorithm 2',
  needs: 'singles',
  isWeighted: false,
  isRobust: true,
  options: {
    radius: {
      default: null,
      minimum: 1e-12,
      maximum: 1e12,
      integer: false,
      doc: 'largest difference from the centre (τ); null: the median of the differences of the round',
    },
    iterations: {
      default: 3,
      minimum: 1,
      maximum: 100,
      integer: true,
      doc: 'how often the centre is moved; each takes two passes over all updates',
    },
  },
  minimumClients: (adversaries) => 2 * adversaries + 1,
  aggregate: clipAround,
}

/** What a client sends in the place of its update: m ← (1 − β)·update + β·m, in place (Karimireddy et al. 2021, algorithm 1). */
export function mixMomentum(momentum: Float32Array, update: Float32Array, beta: number): void {
  for (let at = 0; at < momentum.length; at++) momentum[at] = (1 - beta) * update[at]! + beta * momentum[at]!
}
