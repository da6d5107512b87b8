/**
 * A federation with virtual clients in one process: the same selection, local steps, codecs, aggregation and server optimisers as
 * over the network; only the network is missing. Deterministic by the seed of the specification, but for the noise of privacy.
 */
import { counterRandom, streamOf } from '../../compute/training/philox.ts'
import { toVillageError } from '../../errors.ts'
import { arrayUpdates } from '../aggregate/update-source.ts'
import { cryptographicNormals } from '../privacy/gaussian-noise.ts'
import { aggregateRound } from './aggregate-round.ts'
import { clipToNorm } from './clip-to-norm.ts'
import { compressUpdate, updateRandom } from './error-feedback.ts'
import type { FederateSpec } from './federate-spec.ts'
import type { RoundReport } from './federation-record.ts'
import { type GlobalState, startState } from './global-state.ts'
import { type LocalTrainer, type OptimiserState, trainLocally } from './local-steps.ts'
import { epsilonAfter } from './round-epsilon.ts'
import { type ClientRecord, sampleClients, selectClients } from './selection.ts'
import { STRATEGY_TABLE } from './strategies.ts'

/** What the clients learn, and how the result is measured. */
export interface SimulatedWorld {
  readonly clients: number
  readonly start: Float32Array
  trainer(client: number): LocalTrainer
  test(parameters: Float32Array, signal: AbortSignal): Promise<{ loss: number; accuracy: number | null }>
}

export interface SimulateInit {
  readonly nowMs: () => number
  readonly onRound: (report: RoundReport) => void
  /** Changes what a client sends; for attacks. */
  readonly tamper?: (client: number, delta: Float32Array) => void
  readonly noise?: (target: Float32Array) => void
}

export interface SimulationResult {
  readonly parameters: Float32Array
  readonly rounds: readonly RoundReport[]
  readonly testLossBefore: number
}

/** What a client keeps between its rounds. */
interface Kept {
  readonly steps: number
  readonly control: Float32Array | null
  readonly residual: Float32Array | null
  readonly optimiser: OptimiserState | null
}

interface Answer {
  readonly client: number
  readonly update: Float32Array
  readonly control: Float32Array | null
  readonly tokens: number
  readonly loss: number
  readonly receivedBytes: number
  readonly kept: Kept
}

const NOTHING_KEPT: Kept = { steps: 0, control: null, residual: null, optimiser: null }
const nameOf = (client: number) => `client-${client}`

/** Throws AGGREGATE_TOO_FEW_CLIENTS, and the signal's reason. Clients that diverge do not answer. */
export async function simulate(
  spec: FederateSpec,
  world: SimulatedWorld,
  init: SimulateInit,
  signal: AbortSignal,
): Promise<SimulationResult> {
  const { nowMs, onRound } = init
  const kept = new Map<number, Kept>()
  const records = Array.from(
    { length: world.clients },
    (_, client): ClientRecord => ({
      client: nameOf(client),
      asked: 0,
      answered: 0,
      power: 'mains',
      cores: 1,
    }),
  )
  const indexOf = new Map(records.map(({ client }, index) => [client, index]))
  let state = startState(spec, world.start)
  const testLossBefore = (await world.test(state.parameters, signal)).loss
  const rounds: RoundReport[] = []
  while (state.round < spec.rounds) {
    const startMs = nowMs()
    const { round } = state
    const asked = choose(spec, records, round)
    const refused: Record<string, string> = {}
    const answers: Answer[] = []
    for (const name of asked) {
      const client = indexOf.get(name)!
      const record = records[client]!
      records[client] = { ...record, asked: record.asked + 1 }
      if (isAway(spec, name, round) || answers.length >= targetOf(spec)) continue
      try {
        const before = kept.get(client) ?? NOTHING_KEPT
        answers.push(
          await answerOf(spec, state, client, { trainer: world.trainer(client), before }, init, signal),
        )
        records[client] = { ...records[client]!, answered: record.answered + 1 }
      } catch (error) {
        const { code } = toVillageError(error)
        if (code !== 'TRAIN_DIVERGED' && code !== 'UPDATE_MALFORMED') throw error
        refused[name] = code
      }
    }
    const outcome = aggregateRound(spec, state, {
      updates: arrayUpdates(answers.map(({ update }) => update)),
      weights: answers.map(({ tokens }) => (spec.privacy === null ? tokens : 1)),
      controls: state.control === null ? null : arrayUpdates(answers.map(({ control }) => control!)),
      population: world.clients,
      summed: null,
      noise: init.noise ?? cryptographicNormals,
    })
    for (const place of outcome.report.used) kept.set(answers[place]!.client, answers[place]!.kept)
    for (const { client: place, reason } of outcome.report.refused)
      refused[nameOf(answers[place]!.client)] = reason
    state = outcome.state
    const { loss: testLoss, accuracy } = await world.test(state.parameters, signal)
    const tokens = answers.reduce((sum, one) => sum + one.tokens, 0)
    const vectorBytes = world.start.length * 4 * (state.control === null ? 1 : 2)
    const report: RoundReport = {
      round,
      attempt: 0,
      asked: asked.length,
      answered: answers.length,
      used: outcome.report.used.length,
      refused,
      loss: tokens === 0 ? null : answers.reduce((sum, one) => sum + one.loss * one.tokens, 0) / tokens,
      testLoss,
      accuracy,
      tokens,
      norm: outcome.norm,
      sentBytes: asked.length * vectorBytes,
      receivedBytes: answers.reduce((sum, one) => sum + one.receivedBytes, 0),
      tookMs: nowMs() - startMs,
      epsilon: epsilonAfter(round + 1, spec.privacy),
    }
    rounds.push(report)
    onRound(report)
  }
  return { parameters: state.parameters, rounds, testLossBefore }
}

const targetOf = ({ privacy, clients }: FederateSpec) =>
  privacy === null ? clients.target : Number.POSITIVE_INFINITY

function choose(spec: FederateSpec, records: readonly ClientRecord[], round: number): string[] {
  const { clients, privacy, seed } = spec
  if (privacy === null) {
    const count = Math.ceil(clients.target * clients.overSelection)
    return selectClients(records, count, { seed, round, attempt: 0 })
  }
  const random = counterRandom(seed, streamOf(`sample ${round}`))
  let at = 0
  return sampleClients(records, privacy.samplingRate, () => (random.word(at++) + 0.5) / 2 ** 32)
}

function isAway({ seed, simulation }: FederateSpec, client: string, round: number): boolean {
  const word = counterRandom(seed, streamOf(`away ${client}`)).word(round)
  return word / 2 ** 32 < (simulation?.dropOut ?? 0)
}

async function answerOf(
  spec: FederateSpec,
  state: GlobalState,
  client: number,
  own: { trainer: LocalTrainer; before: Kept },
  init: SimulateInit,
  signal: AbortSignal,
): Promise<Answer> {
  const { local, compression, privacy, seed, name } = spec
  const { rule, keepsOptimiser } = STRATEGY_TABLE[spec.strategy]
  const { trainer, before } = own
  const control = before.control ?? new Float32Array(state.parameters.length)
  const { learningRate, clip, proximal, renewal, steps } = local
  const result = await trainLocally(
    trainer,
    state.parameters,
    {
      rule,
      steps,
      firstBatch: before.steps,
      learningRate,
      clipNorm: clip === 0 ? null : clip,
      proximal,
      control: state.control === null ? null : { server: state.control, own: control, renewal },
      optimiser: keepsOptimiser ? before.optimiser : null,
    },
    signal,
  )
  const { delta } = result
  init.tamper?.(client, delta)
  if (privacy !== null) clipToNorm(delta, privacy.clip)
  const random = updateRandom({ federation: `${name}/${seed}`, round: state.round, client: nameOf(client) })
  const sent = compressUpdate(delta, compression, before.residual, random)
  const change =
    result.control === null ? null : compressUpdate(result.control.change, compression, null, random)
  const { codec } = compression
  return {
    client,
    update: sent.seen,
    control: change?.seen ?? null,
    tokens: result.examples,
    loss: result.loss,
    receivedBytes: sent.bytes.length + (change?.bytes.length ?? 0),
    kept: {
      steps: before.steps + steps,
      control: change === null ? null : control.map((value, i) => value + change.seen[i]!),
      residual: codec === 'none' ? null : sent.residual,
      optimiser: keepsOptimiser ? result.optimiser : null,
    },
  }
}
