/** The codec `auto`: probes what each codec would do to each weight, and shares the target out over them. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { codecByName } from '../codecs/table.ts'
import { mostPayloadBytes } from '../codecs/vptq.ts'
import { leastCost, type Option } from '../compress-plan/allocate.ts'
import { type Candidate, candidatesFor, REFERENCE } from '../compress-plan/candidates.ts'
import { searchStep, type Tried } from '../compress-plan/quality-search.ts'
import { decodeProbe, type ProbeTask } from '../tasks/probe-task.ts'
import type { ChosenWeight } from './compress-choice.ts'
import type { CompressParams, Target } from './compress-params.ts'
import type { Survey, SurveyedWeight } from './compress-survey.ts'
import type { FinishedStage, JobContext, PlannedTask } from './job.ts'

/** Larger models are not run once for each weight: their weights count by their own errors. */
const MAX_RUN_PARAMETERS = 64_000_000
/** Of the manifest, by weight and by slice; what is really needed is known when the model is built. */
const MANIFEST_BYTES_BY_WEIGHT = 320
const SLICE_WEIGHTS = 2 ** 18
const SLICE_HEADER_BYTES = 256
/** An error of the reference that is none: the movement says nothing of what others would move. */
const LOSSLESS = 1e-9
/** Times that a model which came out too large is chosen anew. */
const MAX_CORRECTIONS = 4

/** What was chosen in an earlier round, and what came of it. */
export interface Round {
  readonly budgetBytes: number
  /** What the choice was expected to take. */
  readonly costBytes: number
  readonly packedBytes: number | null
  readonly kept: number | null
}

/** Options of a weight: candidate, bytes, and the expected loss. */
export interface WeightOptions {
  readonly weight: SurveyedWeight
  readonly candidates: readonly Candidate[]
  readonly options: readonly Option[]
  /** Without it the losses are none: a codebook is trained after the choice. */
  readonly isProbed: boolean
}

export interface AutoChoice {
  readonly choices: readonly Candidate[]
  /** Expected, by weight; null where it was not probed. */
  readonly losses: readonly (number | null)[]
  readonly facts: { readonly budgetBytes: number; readonly costBytes: number; readonly loss: number }
}

const fitted = (weight: SurveyedWeight, { codec, params }: Candidate): Candidate => ({
  codec,
  params: codecByName(codec).fit(params, weight.stats),
})

/** Before there is a codebook nothing can be encoded with it. */
const canProbe = ({ tensors }: CompressParams, { name }: Pick<SurveyedWeight, 'name'>): boolean =>
  tensors[name] === undefined || !codecByName(tensors[name].codec).aids.includes('codebook')

/**
 * One task a weight. A weight with a codec of its own is probed for its size alone, and not at all if it needs a codebook.
 * `mayRun`: whether the model may be run with each weight changed, all of them or none, for their losses are compared.
 */
export function probeTasks(
  params: CompressParams,
  survey: Survey,
  calibration: string | null,
  { mayRun }: { mayRun: boolean },
): PlannedTask[] {
  const isRun = mayRun && calibration !== null && survey.model.parameters <= MAX_RUN_PARAMETERS
  const data = params.calibrate === 'auto' || params.calibrate === 'none' ? null : params.calibrate
  const weights = survey.weights.filter((weight) => canProbe(params, weight))
  return weights.map((weight): PlannedTask => {
    const { name: tensor, rows, cols } = weight
    const own = params.tensors[tensor]
    const candidates = own === undefined ? candidatesFor(weight) : [own]
    const task: ProbeTask = {
      model: survey.model.cid,
      tensor,
      rows,
      cols,
      candidates: candidates.map((candidate) => fitted(weight, candidate)),
      calibration,
      sensitivity: isRun && candidates.length > 1,
      reference: fitted(weight, REFERENCE),
      data,
    }
    return { kind: 'probe', params: task, after: [], label: `probe ${tensor}` }
  })
}

const slicesOf = ({ rows, cols }: SurveyedWeight): number => Math.ceil((rows * cols) / SLICE_WEIGHTS)

/** The one option of a weight that was not probed. What the codebook takes is known when the model is built. */
function unprobed(weight: SurveyedWeight, own: Candidate): WeightOptions {
  const cost = SLICE_HEADER_BYTES * slicesOf(weight) + mostPayloadBytes(own.params, weight)
  return { weight, candidates: [fitted(weight, own)], options: [{ cost, loss: 0 }], isProbed: false }
}

/** What the probes found, weight by weight. */
export async function readProbes(
  params: Pick<CompressParams, 'tensors'>,
  survey: Survey,
  stage: FinishedStage,
): Promise<WeightOptions[]> {
  const found: WeightOptions[] = []
  const results = new Map(stage.results.map((result) => [result.task.params.tensor, result]))
  for (const weight of survey.weights) {
    const result = results.get(weight.name)
    if (result === undefined) {
      found.push(unprobed(weight, params.tensors[weight.name]!))
      continue
    }
    const task = result.task.params as ProbeTask
    const { probed, reference, movement } = decodeProbe(task, await result.read())
    // Without a measurement every weight's error counts as the share of its own size.
    const isMeasured = movement !== null && reference.error >= LOSSLESS
    const sensitivity = isMeasured ? movement / reference.error : 1
    const options = probed.map(({ headerBytes, groupBytes, rowGroup, error }) => ({
      cost: headerBytes * slicesOf(weight) + groupBytes * Math.ceil(weight.rows / rowGroup),
      loss: sensitivity * error,
    }))
    found.push({ weight, candidates: task.candidates, options, isProbed: true })
  }
  return found
}

/** Bytes of the packed model beside the weights: the graph, small tensors, the tokenizer, the manifest. */
function overheadBytes({ originalBytes, weights }: Survey): number {
  const stored = weights.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  return Math.max(0, originalBytes - stored) + weights.length * MANIFEST_BYTES_BY_WEIGHT
}

/** Of the packed model; null for a quality. */
function targetBytes(target: Target, survey: Survey): number | null {
  if ('sizeBytes' in target) return target.sizeBytes
  if ('ratio' in target) return survey.originalBytes / target.ratio
  if ('bits' in target) return (target.bits * survey.model.parameters) / 8
  return null
}

/** As --size takes it, rounded up so that it can be met. */
function sizeText(sizeBytes: number): string {
  const [unit, name] = sizeBytes < 1e6 ? [1e3, 'kB'] : [1e6, 'MB']
  return `${Math.ceil((sizeBytes / unit) * 100) / 100} ${name}`
}

/** Why no codec gets further: what the limit leaves as it is. */
function smallText({ small, weights, minElements }: Survey): string {
  if (small === null || small.weights === 0) return ''
  const all = small.weights + weights.length
  return `; ${small.weights} of ${all} weights (${sizeText(small.storedBytes)}) have fewer than ${minElements} elements and stay as they are`
}

function unreachable(survey: Survey, nearestBytes: number): VillageError {
  const ratio = survey.originalBytes / nearestBytes
  return new VillageError(
    'COMPRESS_TARGET_UNREACHABLE',
    `No choice of codecs meets the target; the nearest is ${sizeText(nearestBytes)}, a ratio of ${Math.floor(ratio * 100) / 100}${smallText(survey)}`,
    { fields: { nearestBytes: Math.ceil(nearestBytes), nearestRatio: ratio } },
  )
}

/** Whether the model that was built is to be chosen anew because it is larger than the target. */
export function isTooLarge(target: Target, survey: Survey, rounds: readonly Round[]): boolean {
  const bytes = targetBytes(target, survey)
  const built = rounds.at(-1)?.packedBytes ?? null
  if (bytes === null || built === null || built <= bytes) return false
  if (rounds.length > MAX_CORRECTIONS) throw unreachable(survey, built)
  return true
}

/** Null when the search for a quality has ended with what was tried last. */
function budgetFor(
  target: Target,
  survey: Survey,
  weights: readonly WeightOptions[],
  rounds: readonly Round[],
): number | null {
  const bytes = targetBytes(target, survey)
  const last = rounds.at(-1)
  if (bytes !== null) {
    if (last === undefined || last.packedBytes === null) return bytes - overheadBytes(survey)
    return last.costBytes - (last.packedBytes - bytes)
  }
  const tried = rounds.flatMap(({ budgetBytes, kept }): Tried[] =>
    kept === null ? [] : [{ budgetBytes, kept }],
  )
  const most = weights.reduce((sum, { options }) => sum + Math.max(...options.map(({ cost }) => cost)), 0)
  const least = leastCost(weights.map(({ options }) => options))
  const keep = 'quality' in target ? target.quality : 0
  const step = searchStep({ least, most, keep, tried })
  if (step.type === 'found') return null
  if (step.type === 'try') return step.budgetBytes
  throw new VillageError(
    'COMPRESS_TARGET_UNREACHABLE',
    `No choice of codecs keeps ${(keep * 100).toFixed(1)}%; the most that was kept is ${(step.best.kept * 100).toFixed(1)}%`,
    { fields: { kept: step.best.kept, keep } },
  )
}

/**
 * A codec for every weight, at the least expected loss within the budget of this round; null when the search is over.
 * Throws COMPRESS_TARGET_UNREACHABLE naming the nearest target.
 */
export async function chooseWithin(
  target: Target,
  survey: Survey,
  weights: readonly WeightOptions[],
  rounds: readonly Round[],
  context: Pick<JobContext, 'pool' | 'signal'>,
): Promise<AutoChoice | null> {
  const budgetBytes = budgetFor(target, survey, weights, rounds)
  if (budgetBytes === null) return null
  const items = weights.map(({ options }) => options)
  const { pool, signal } = context
  const found = await pool.run('probe.allocate', { items, budget: budgetBytes }, { signal })
  if (found === null) throw unreachable(survey, leastCost(items) + overheadBytes(survey))
  return {
    choices: weights.map(({ candidates }, index) => candidates[found.chosen[index]!]!),
    losses: weights.map(({ options, isProbed }, index) =>
      isProbed ? options[found.chosen[index]!]!.loss : null,
    ),
    facts: { budgetBytes, costBytes: found.cost, loss: found.loss },
  }
}

/** What the report says of the choice. */
export function autoReport(
  target: Target,
  rounds: readonly Round[],
  chosen: readonly Pick<ChosenWeight, 'name' | 'expectedLoss'>[],
): JsonObject {
  const losses = chosen.flatMap(({ name, expectedLoss }) =>
    expectedLoss === null ? [] : [{ name, expectedLoss }],
  )
  return {
    target: { ...target },
    /** Squared movement of the outputs that the choice was expected to cause, relative to them. */
    expectedLoss: losses.reduce((sum, { expectedLoss }) => sum + expectedLoss, 0),
    /** By weight, what costs most first; without those that were not probed. */
    losses: losses.sort((a, b) => b.expectedLoss - a.expectedLoss),
    rounds: rounds.map((round) => ({ ...round })),
  }
}
