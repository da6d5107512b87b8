/**
 * A client's part of a round, in a worker thread. In the client's directory of the federation, readable by its owner alone:
 *
 *   data.json, train.rows   the owner's texts as rows of tokens (compute/training/prepare-data.ts)
 *   state.bin               what the client keeps from the last round that counted: residual of the compression, control
 *                           variate, moments of the optimiser, steps made
 *   pending.bin             the same after the round that was sent last; it becomes state.bin when the server says that the
 *                           update was used, and is forgotten otherwise, so that both sides stay in step
 */
import { mkdirSync, renameSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { clipToNorm } from './clip-to-norm.ts'
import { compressUpdate, updateRandom } from './error-feedback.ts'
import type { FederateSpec } from './federate-spec.ts'
import { type LocalResult, type OptimiserState, trainLocally } from './local-steps.ts'
import { modelLocalTrainer, openModelTrainer, openTexts } from './model-trainer.ts'
import { STRATEGY_TABLE } from './strategies.ts'
import { readVectors, type StoredVectors, writeVectors } from './vector-file.ts'

export interface ClientTask {
  readonly directory: string
  readonly modelDir: string
  readonly files: readonly string[]
  readonly federation: string
  readonly client: string
  readonly round: number
  /** The last round whose update of this client was used; null: none. */
  readonly counted: number | null
  readonly spec: FederateSpec
  /** Of the order of the texts. */
  readonly dataSeed: number
  /** Steps that the texts were gone through for; null: as many as the last round that counted had behind it. */
  readonly stepsBefore: number | null
  readonly layoutHash: string
  readonly parameters: Float32Array
  /** SCAFFOLD: c. */
  readonly control: Float32Array | null
  readonly threads: number
}

export interface ClientUpdate {
  readonly bytes: Uint8Array
  /** SCAFFOLD: the change of the control variate, in the codec of the update. */
  readonly control: Uint8Array | null
  readonly tokens: number
  readonly loss: number
}

const STATE_FILE = 'state.bin'
const PENDING_FILE = 'pending.bin'

/** The state that counts, after what was pending has been settled. */
function settledState(directory: string, counted: number | null): StoredVectors | null {
  const pending = path.join(directory, PENDING_FILE)
  const state = path.join(directory, STATE_FILE)
  if (counted === null) return null
  if (readVectors(pending)?.facts.round === counted) renameSync(pending, state)
  const found = readVectors(state)
  // A client that has lost its state begins anew, as one that was never there.
  return found?.facts.round === counted ? found : null
}

function optimiserFrom(state: StoredVectors | null, keeps: boolean): OptimiserState | null {
  if (!keeps || state === null) return null
  const moments: Float32Array[] = []
  for (let index = 0; ; index++) {
    const moment = state.vectors.get(`moment${index}`)
    if (moment === undefined) return { step: Number(state.facts.optimiserStep), moments }
    moments.push(moment)
  }
}

/** Throws what training throws, and FEDERATION_REFUSED for a model of another layout than the server's. */
export async function trainClient(
  task: ClientTask,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<ClientUpdate> {
  const { directory, modelDir, files, spec, threads } = task
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const ordered = { ...spec, seed: task.dataSeed }
  using texts = await openTexts({ directory, modelDir, files, spec: ordered }, signal)
  const { trainer, layout } = await openModelTrainer(modelDir, spec, threads)
  try {
    if (layout.hash !== task.layoutHash)
      throw new VillageError('FEDERATION_REFUSED', 'The server speaks of a model with other parameters')
    const local = modelLocalTrainer({ trainer, layout, batches: texts.batches, spec })
    let made = 0
    const step: typeof local.step = async (...args) => {
      const result = await local.step(...args)
      made += 1
      progress(Math.min(1, made / spec.local.steps))
      return result
    }
    const before = settledState(directory, task.counted)
    const result = await localRound(task, { ...local, step }, before, signal)
    return keepPending(task, result, before)
  } finally {
    await trainer.close()
  }
}

function localRound(
  task: ClientTask,
  trainer: Parameters<typeof trainLocally>[0],
  before: StoredVectors | null,
  signal: AbortSignal,
): Promise<LocalResult> {
  const { spec, control, parameters } = task
  const { rule, keepsOptimiser } = STRATEGY_TABLE[spec.strategy]
  const { local } = spec
  const own = before?.vectors.get('control') ?? new Float32Array(parameters.length)
  return trainLocally(
    trainer,
    parameters,
    {
      rule,
      steps: local.steps,
      firstBatch: task.stepsBefore ?? Number(before?.facts.steps ?? 0),
      learningRate: local.learningRate,
      clipNorm: local.clip === 0 ? null : local.clip,
      proximal: local.proximal,
      control: control === null ? null : { server: control, own, renewal: local.renewal },
      optimiser: optimiserFrom(before, keepsOptimiser),
    },
    signal,
  )
}

/** The update as it is sent, and what is kept of the round until it is known whether it counts. */
function keepPending(task: ClientTask, result: LocalResult, before: StoredVectors | null): ClientUpdate {
  const { directory, spec, round, federation, client } = task
  const { compression, privacy, local } = spec
  if (privacy !== null) clipToNorm(result.delta, privacy.clip)
  // Nobody else can see to it when the update is masked.
  const { bound = null } = spec.aggregation.options
  if (spec.secure !== null && bound !== null) clipToNorm(result.delta, bound)
  const random = updateRandom({ federation, round, client })
  const sent = compressUpdate(result.delta, compression, before?.vectors.get('residual') ?? null, random)
  const vectors = new Map<string, Float32Array>()
  if (compression.codec !== 'none') vectors.set('residual', sent.residual)
  if (STRATEGY_TABLE[spec.strategy].keepsOptimiser)
    for (const [index, moment] of result.optimiser.moments.entries()) vectors.set(`moment${index}`, moment)
  let control: Uint8Array | null = null
  if (result.control !== null) {
    const change = compressUpdate(result.control.change, compression, null, random)
    control = change.bytes
    // What the server will see of it: its own mean of all of them stays right that way.
    const own = before?.vectors.get('control')
    vectors.set(
      'control',
      change.seen.map((value, i) => value + (own?.[i] ?? 0)),
    )
  }
  const steps = (task.stepsBefore ?? Number(before?.facts.steps ?? 0)) + local.steps
  const facts = { round, steps, optimiserStep: result.optimiser.step }
  writeVectors(path.join(directory, PENDING_FILE), { vectors, facts })
  return { bytes: sent.bytes, control, tokens: result.examples, loss: result.loss }
}
