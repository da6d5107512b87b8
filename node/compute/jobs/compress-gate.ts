/**
 * The quality gate of a `compress` job: original and compressed model answer the items of a suite, and a model that keeps
 * too little of its quality is not published.
 */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { BOOTSTRAP_SEED } from '../evaluate/evaluations.ts'
import type { Interval } from '../evaluate/scores.ts'
import { isItemSuite } from '../evaluate/suite-table.ts'
import { keptOf, suiteByName } from '../evaluate/suites.ts'
import type { BuiltModel } from './compress-assemble.ts'
import { calibrationData } from './compress-calibration.ts'
import type { ChosenWeight } from './compress-choice.ts'
import { type CompressParams, floorOf, gateSuite } from './compress-params.ts'
import { builtOf, type CompressStages, latest, modelCid, surveyOf } from './compress-state.ts'
import { gateItems, sampleStage } from './compress-texts.ts'
import { evaluationTasks } from './evaluate-job.ts'
import { type ItemList, itemTasks, scoreModel } from './evaluate-stages.ts'
import type { FinishedStage, Stage } from './job.ts'

/** What a report says of the quality; `kept` null: not measured, and `why`. */
export interface Quality extends JsonObject {
  /** What was measured, for people; null when nothing was. */
  readonly measure: string | null
  readonly suite: string | null
  readonly kept: { readonly value: number; readonly low: number; readonly high: number } | null
  /** The floor, or 0. */
  readonly keep: number
  readonly scores: JsonObject | null
  readonly why: string | null
}

/** Tensors that a refusal names. */
const NAMED_TENSORS = 5
/** Items of calibration data that original and compressed model are compared on. */
const COMPARED_ITEMS = 128

/** Null when nothing is to be measured. The original comes first: its results are at the front. */
export async function evaluateStage(at: CompressStages): Promise<Stage | null> {
  // Planned by a daemon that knew no gate.
  if (latest(at, 'survey') === undefined) return null
  const { model } = await surveyOf(at)
  const suite = gateSuite(at.params, model)
  if (suite === null) return null
  // Without a suite of one's own choice a language model is measured by what it writes itself.
  const isOwn = isItemSuite(suite) && at.params.suite === null
  if (isOwn && latest(at, 'sample') === undefined) return sampleStage(model, at.context)
  const { runnable } = await builtOf(at)
  const both = [
    { cid: model.cid, title: model.id },
    { cid: runnable.cid, title: 'compressed' },
  ]
  if (!isItemSuite(suite)) {
    const tasks = both.flatMap((one) => evaluationTasks(one, suite))
    return { name: 'evaluate', tasks, facts: { suite: suite.name } }
  }
  const made = await gateItems(at, suite)
  const tasks = both.flatMap((one) => itemTasks(one, made, suite.itemsByTask))
  return { name: 'evaluate', tasks, facts: made }
}

/** A stage without tasks whose fact is the quality of what was built last. */
export async function verdictStage(at: CompressStages): Promise<Stage> {
  const last = at.stages.at(-1)!
  const quality =
    last.name === 'evaluate' ? await bySuite(at, last) : ((await byOutputs(at)) ?? unmeasured(at))
  // The search for a quality would go on for ever.
  if (at.params.target !== null && 'quality' in at.params.target && quality.kept === null)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The quality of the model cannot be measured (${quality.why}): take a ratio, a size or bits for the target`,
      { fields: { argument: 'target' } },
    )
  return { name: 'verdict', tasks: [], facts: { quality, kept: quality.kept?.value ?? null } }
}

export const qualityOf = (at: CompressStages): Quality => latest(at, 'verdict')!.facts.quality as Quality

async function bySuite({ params, context }: CompressStages, stage: FinishedStage): Promise<Quality> {
  if ('items' in stage.facts) return byItems(params, stage, context)
  const { signal } = context
  const suite = suiteByName(String(stage.facts.suite))
  const read = (from: number, to: number) =>
    Promise.all(stage.results.slice(from, to).map((result) => result.read()))
  const half = stage.results.length / 2
  const original = await read(0, half)
  const candidate = await read(half, stage.results.length)
  const score = (input: { candidate: Uint8Array[]; original: Uint8Array[] | null }): Promise<JsonObject> =>
    context.pool.run('evaluate.score', { ...input, seed: BOOTSTRAP_SEED }, { signal })
  const reference = await score({ candidate: original, original: null })
  const scores = await score({ candidate, original })
  const kept = { ...keptOf(suite, scores, reference) }
  const measure = `the suite "${suite.name}"`
  return { measure, suite: suite.name, kept, keep: floorOf(params), scores, why: null }
}

/** A language model: how likely it finds what the original finds likely. */
async function byItems(
  params: CompressParams,
  stage: FinishedStage,
  context: CompressStages['context'],
): Promise<Quality> {
  const { pool, signal } = context
  const facts = stage.facts as ItemList
  const isOwn = facts.about.isOwn === true
  const half = stage.results.length / 2
  const original = await scoreModel(facts, stage.results.slice(0, half), null, context)
  const changed = await scoreModel(facts, stage.results.slice(half), null, context)
  const kept: Interval = await pool.run(
    'evaluate.kept',
    { original: original.scores, changed: changed.scores, isOwn, seed: BOOTSTRAP_SEED },
    { signal },
  )
  const scores: JsonObject = { original: original.metrics, compressed: changed.metrics }
  const measure = isOwn ? 'how likely the original finds its own texts' : `the suite "${facts.suite}"`
  return { measure, suite: facts.suite, kept: { ...kept }, keep: floorOf(params), scores, why: null }
}

/**
 * Without a suite: how little the outputs move on the data that the model was calibrated with, 1 − |Δy|² / |y|². This node
 * runs both models itself. Null without such data, and when nothing is to be measured.
 */
async function byOutputs(at: CompressStages): Promise<Quality | null> {
  const { params, context } = at
  const data = calibrationData(at)
  const keep = floorOf(params)
  if (data === null || keep === 0) return null
  const { artifacts, modelsDirectory, pool, signal } = context
  const written = (cid: string) => artifacts.materialize(cid, modelsDirectory)
  const { movement } = await pool.run(
    'probe.outputs',
    {
      modelDirectory: await written(await modelCid(at)),
      changedDirectory: await written((await builtOf(at)).runnable.cid),
      dataPath: await written(data),
      items: COMPARED_ITEMS,
    },
    { signal },
  )
  if (movement === null) return null
  const value = Math.max(0, 1 - movement)
  // One figure over all items: it has no interval.
  const kept = { value, low: value, high: value }
  const measure = 'the outputs on the calibration data'
  return { measure, suite: null, kept, keep, scores: { movement }, why: null }
}

function unmeasured(at: CompressStages): Quality {
  const { params } = at
  const keep = floorOf(params)
  const why =
    keep === 0 && params.suite === null
      ? 'the job asked for no measurement'
      : calibrationData(at) === null
        ? 'no suite fits this kind of model, and no calibration data was given'
        : 'no suite fits this kind of model, and its outputs are no floats that could be compared'
  return { measure: null, suite: null, kept: null, keep, scores: null, why }
}

/** Throws COMPRESS_QUALITY_LOW for a model that must not be published. */
export function checkQuality(
  params: CompressParams,
  quality: Quality,
  built: BuiltModel,
  chosen: readonly ChosenWeight[] | null,
): void {
  const { kept, keep } = quality
  if (kept === null || kept.value >= keep || params.force) return
  const percent = (share: number) => `${(share * 100).toFixed(1)}%`
  const costly = costliest(built, chosen).join(', ')
  throw new VillageError(
    'COMPRESS_QUALITY_LOW',
    `The compressed model keeps ${percent(kept.value)} of ${quality.measure}, and ${percent(keep)} is asked for; most is lost in ${costly}`,
    { fields: { kept: kept.value, keep, suite: quality.suite, tensors: costly } },
  )
}

/**
 * The tensors that cost most first: by the loss that was expected of them where that is known of all, else by the squared
 * error that they add, for the two cannot be compared.
 */
export function costliest(
  { report }: Pick<BuiltModel, 'report'>,
  chosen: readonly ChosenWeight[] | null,
): string[] {
  const tensors = report.tensors as unknown as { name: string; weights: number; relativeError: number }[]
  const expected = new Map(chosen?.map(({ name, expectedLoss }) => [name, expectedLoss]))
  const isExpected = tensors.every(({ name }) => typeof expected.get(name) === 'number')
  const lossOf = ({ name, weights, relativeError }: (typeof tensors)[number]) =>
    isExpected ? (expected.get(name) ?? 0) : relativeError ** 2 * weights
  return [...tensors]
    .sort((a, b) => lossOf(b) - lossOf(a) || (a.name < b.name ? -1 : 1))
    .slice(0, NAMED_TENSORS)
    .map(({ name }) => name)
}
