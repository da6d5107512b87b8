/** From the updates of a round to the next parameters: rule, noise, the server's optimiser, control variates. Pure but for the noise. */
import { type AggregationReport, aggregateUpdates } from '../aggregate/table.ts'
import type { UpdateSource } from '../aggregate/update-source.ts'
import { addGaussian, type NormalSource } from '../privacy/gaussian-noise.ts'
import { clipToNorm } from './clip-to-norm.ts'
import type { FederateSpec } from './federate-spec.ts'
import type { GlobalState } from './global-state.ts'
import { controlStep, serverStep } from './server-optimisers.ts'

export interface RoundInput {
  readonly updates: UpdateSource
  /** By client: what it learned from, in tokens. */
  readonly weights: readonly number[]
  /** SCAFFOLD: changes of the control variates, of the same clients. */
  readonly controls: UpdateSource | null
  /** N: all clients of the federation, answering or not. */
  readonly population: number
  /** The only update is the mean of so many clients, summed securely; null: single updates. */
  readonly summed: number | null
  /** Standard normal variates; from a cryptographic source in reality. */
  readonly noise: NormalSource
}

export interface RoundOutcome {
  readonly state: GlobalState
  readonly report: AggregationReport
  /** Euclidean norm of what was aggregated. */
  readonly norm: number
}

/** Throws AGGREGATE_TOO_FEW_CLIENTS, INVALID_ARGUMENT. `state` stays as it is. */
export function aggregateRound(spec: FederateSpec, state: GlobalState, input: RoundInput): RoundOutcome {
  const { updates, weights, controls, population } = input
  const { length } = state.parameters
  const delta = new Float32Array(length)
  const report =
    spec.privacy === null
      ? aggregateUpdates(
          updates,
          spec.aggregation,
          { weights, previous: state.previous, seed: spec.seed, round: state.round },
          delta,
        )
      : privateSum(spec, input, delta)
  const parameters = state.parameters.slice()
  const moments = state.moments.map((moment) => moment.slice())
  serverStep(spec.server, parameters, delta, moments)
  const control = state.control?.slice() ?? null
  if (control !== null && controls !== null) {
    const change = meanOf(controls, report.used)
    controlStep(control, change, { reported: report.used.length, clients: population })
  }
  const norm = clipToNorm(delta.slice(), Number.POSITIVE_INFINITY)
  return { state: { round: state.round + 1, parameters, moments, control, previous: delta }, report, norm }
}

/**
 * Client-level differential privacy (McMahan et al., arXiv 1710.06963, algorithm 1, with the fixed denominator): every update is
 * clipped to C, all count alike, noise of deviation σ·C is added to the sum, and it is divided by the number of clients that
 * the specification expects, whatever came and whoever is there: else one client more would change what all the others are
 * divided by.
 */
function privateSum(spec: FederateSpec, input: RoundInput, target: Float32Array): AggregationReport {
  const { clip, noiseMultiplier } = spec.privacy!
  const { updates, summed } = input
  const row = new Float32Array(target.length)
  const sum = new Float64Array(target.length)
  const refused: AggregationReport['refused'][number][] = []
  const clipped: number[] = []
  const used: number[] = []
  for (let client = 0; client < updates.clients; client++) {
    updates.read(client, 0, row)
    // Those of a secure sum were clipped by the clients themselves.
    const norm = clipToNorm(row, summed === null ? clip : Number.POSITIVE_INFINITY)
    if (!Number.isFinite(norm)) {
      const coordinate = row.findIndex((value) => !Number.isFinite(value))
      refused.push({ client, reason: 'not-finite', coordinate: Math.max(0, coordinate) })
      continue
    }
    if (summed === null && norm > clip) clipped.push(client)
    used.push(client)
    for (let i = 0; i < row.length; i++) sum[i]! += row[i]! * (summed ?? 1)
  }
  addGaussian(sum, noiseMultiplier * clip, input.noise)
  for (let i = 0; i < target.length; i++) target[i] = sum[i]! / spec.clients.target
  return { adversaries: 0, refused, excluded: [], clipped, used }
}

function meanOf(source: UpdateSource, clients: readonly number[]): Float32Array {
  const row = new Float32Array(source.coordinates)
  const sum = new Float64Array(source.coordinates)
  for (const client of clients) {
    source.read(client, 0, row)
    for (let i = 0; i < row.length; i++) sum[i]! += row[i]!
  }
  return Float32Array.from(sum, (value) => value / clients.length)
}
