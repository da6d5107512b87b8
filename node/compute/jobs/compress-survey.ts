/** First stage of a `compress` job, on its owner: which weights there are, and what codecs must know of each as a whole. */
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { codecByName } from '../codecs/table.ts'
import { isNativelyTernary, type TensorStats } from '../codecs/tensor-stats.ts'
import { suiteNamed } from '../evaluate/suite-table.ts'
import type { ModelEntry } from '../models/model-entry.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import {
  AUTO,
  type CompressParams,
  gateSuite,
  leastElements,
  MOST_LEAST_ELEMENTS,
} from './compress-params.ts'
import type { FinishedStage, JobContext, Stage } from './job.ts'
import { readJobFile, writeJobFile } from './job-files.ts'
import { statsOfWeights } from './weight-stats.ts'

export interface SurveyedWeight {
  readonly name: string
  readonly rows: number
  readonly cols: number
  /** As it lies in the original. */
  readonly storedBytes: number
  /** Operators that read it. */
  readonly uses: readonly string[]
  readonly stats: TensorStats
  /** Every weight is -s, 0 or s for one s. */
  readonly ternary: boolean
}

export interface Survey {
  readonly model: Pick<ModelEntry, 'id' | 'cid' | 'kind' | 'parameters'>
  /** Of the original, with everything in its directory. */
  readonly originalBytes: number
  readonly weights: readonly SurveyedWeight[]
  /** Smaller weights stay as they are. */
  readonly minElements: number
  /** Those; null in surveys of daemons that did not count them. */
  readonly small: SmallWeights | null
}

/** Weights that a codec could take and that are below the limit. */
export interface SmallWeights {
  readonly weights: number
  readonly elements: number
  readonly storedBytes: number
}

/** Weights that are looked at before a job is taken, for codecs that refuse ordinary ones. */
const SAMPLED_WEIGHTS = 4
/** Weights with a codec of their own that are looked at then. */
const MAX_CHECKED_TENSORS = 64
/** Larger models are written out, which takes seconds, when the job exists. */
const MAX_CHECKED_BYTES = 256 * 2 ** 20

interface Found {
  readonly model: ModelEntry
  readonly modelPath: string
}

async function find(params: CompressParams, context: JobContext): Promise<Found> {
  const model = await context.models.need(params.model)
  const directory = await context.artifacts.materialize(model.cid, context.modelsDirectory)
  return { model, modelPath: path.join(directory, MODEL_FILE) }
}

async function listWeights(params: CompressParams, { model, modelPath }: Found, context: JobContext) {
  const minElements = params.minElements ?? leastElements(model.parameters)
  const all = await context.pool.run(
    'model.weights',
    { modelPath, minElements: 1 },
    { signal: context.signal },
  )
  const weights = all.filter(({ rows, cols }) => rows * cols >= minElements)
  if (weights.length === 0) throw nothingToCompress(model, all, minElements)
  const missing = Object.keys(params.tensors).find((name) => !weights.some((weight) => weight.name === name))
  if (missing !== undefined)
    throw new VillageError('INVALID_ARGUMENT', `The model has no weight "${missing}" to compress`, {
      fields: { argument: 'tensors', tensor: missing },
    })
  const small = all.filter(({ rows, cols }) => rows * cols < minElements)
  return {
    weights,
    minElements,
    small: {
      weights: small.length,
      elements: small.reduce((sum, { rows, cols }) => sum + rows * cols, 0),
      storedBytes: small.reduce((sum, weight) => sum + storedBytesOf(weight), 0),
    },
  }
}

const storedBytesOf = ({ rows, cols, type }: { rows: number; cols: number; type: string }): number =>
  rows * cols * (type === 'float32' ? 4 : 2)

function nothingToCompress(
  model: ModelEntry,
  all: readonly { rows: number; cols: number }[],
  minElements: number,
): VillageError {
  const largest = all.reduce((most, { rows, cols }) => Math.max(most, rows * cols), 0)
  const isCompressed = model.parent !== null && model.report?.totals !== undefined
  return new VillageError(
    'MODEL_NOTHING_TO_COMPRESS',
    isCompressed
      ? `"${model.id}" is compressed already: compress "${model.parent}" instead`
      : largest === 0
        ? undefined
        : `The largest of ${all.length} weights has ${largest} elements, and those below ${minElements} stay as they are`,
    { fields: { largest, minElements } },
  )
}

/**
 * What can be said before the job is taken, while the client waits. A model that would have to be written out for that first
 * is looked into by the survey. Throws MODEL_UNKNOWN, MODEL_ID_TAKEN, MODEL_NOTHING_TO_COMPRESS, CODEC_NEEDS_FORCE,
 * ARTIFACT_MISSING and INVALID_ARGUMENT.
 */
export async function checkCompressible(params: CompressParams, context: JobContext): Promise<void> {
  const model = await context.models.need(params.model)
  if (params.id !== null && (await context.models.get(params.id)) !== null)
    throw new VillageError('MODEL_ID_TAKEN', `The id "${params.id}" belongs to another model`, {
      fields: { id: params.id },
    })
  const hasData = params.calibrate !== 'auto' && params.calibrate !== 'none'
  if (hasData && !(await context.artifacts.has(params.calibrate)))
    throw new VillageError('ARTIFACT_MISSING', 'The calibration data is not on this node', {
      fields: { cid: params.calibrate },
    })
  if (model.kind === 'adapter')
    throw new VillageError(
      'MODEL_NOTHING_TO_COMPRESS',
      `"${model.id}" is an adapter, which is small and stays as it is: compress the model that it is for`,
      { fields: { model: model.id } },
    )
  checkMeasured(params, model, hasData)
  if (model.sizeBytes <= MAX_CHECKED_BYTES) await checkWeights(params, await find(params, context), context)
}

/** Throws INVALID_ARGUMENT for a quality that nothing can measure. */
function checkMeasured(params: CompressParams, model: ModelEntry, hasData: boolean): void {
  if (params.suite !== null && !suiteNamed(params.suite).fits(model))
    throw new VillageError('INVALID_ARGUMENT', `The suite "${params.suite}" cannot be put to "${model.id}"`, {
      fields: { argument: 'suite' },
    })
  const isMeasured = gateSuite(params, model) !== null || hasData
  if (params.target !== null && 'quality' in params.target && !isMeasured)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `No suite measures the quality of "${model.id}": give calibration data to measure it on`,
      { fields: { argument: 'target' } },
    )
}

/** Whether there is something to compress, and, for codecs that refuse ordinary weights, whether its first rows are such. */
async function checkWeights(params: CompressParams, found: Found, context: JobContext): Promise<void> {
  const { modelPath } = found
  const { pool, signal } = context
  const { weights } = await listWeights(params, found, context)
  const needsForce = (codec: string) => codec !== AUTO && codecByName(codec).needsForce
  const others = weights.filter(({ name }) => !(name in params.tensors)).slice(0, SAMPLED_WEIGHTS)
  const named = Object.entries(params.tensors).slice(0, MAX_CHECKED_TENSORS)
  const looked = [
    ...named.map(([name, choice]) => ({ name, ...choice })),
    ...others.map(({ name }) => ({ name, codec: params.codec, params: params.params })),
  ]
  for (const { name, codec, params: given } of looked.filter((one) => needsForce(one.codec))) {
    const row = await pool.run('model.readRows', { modelPath, name, startRow: 0, rows: 1 }, { signal })
    // Throws CODEC_NEEDS_FORCE for a weight that would lose much.
    codecByName(codec).fit(given, await pool.run('codec.stats', { matrix: row }, { signal }))
  }
}

/** A stage without tasks whose fact is the survey. */
export async function surveyStage(params: CompressParams, context: JobContext): Promise<Stage> {
  const { artifacts, pool, signal } = context
  const found = await find(params, context)
  const { model, modelPath } = found
  const { weights: listed, minElements, small } = await listWeights(params, found, context)
  const { calibrate } = params
  if (calibrate !== 'auto' && calibrate !== 'none')
    await artifacts.pin(calibrate, context.stagePin, { private: true })
  const all = await statsOfWeights({ pool }, { cid: model.cid, modelPath }, listed, signal)
  const weights = listed.map((weight, index): SurveyedWeight => {
    const { name, rows, cols, uses } = weight
    const storedBytes = storedBytesOf(weight)
    return {
      name,
      rows,
      cols,
      storedBytes,
      uses,
      stats: all[index]!,
      ternary: isNativelyTernary(all[index]!),
    }
  })
  const { id, cid, kind, parameters } = model
  const originalBytes = (await artifacts.info(cid))?.sizeBytes ?? model.sizeBytes
  const survey: Survey = { model: { id, cid, kind, parameters }, originalBytes, weights, minElements, small }
  return { name: 'survey', tasks: [], facts: { survey: await writeJobFile(context, survey) } }
}

export async function readSurvey(
  stage: FinishedStage | undefined,
  context: Pick<JobContext, 'artifacts'>,
): Promise<Survey> {
  const survey = await readJobFile<Survey>(context, stage, 'survey')
  const weights = survey.weights.map((weight) => {
    // JSON has no infinity: it is the smallest magnitude of a weight that is all zeros.
    const minNonZeroAbs = weight.stats.minNonZeroAbs ?? Infinity
    return { ...weight, stats: { ...weight.stats, minNonZeroAbs } }
  })
  const { minElements = MOST_LEAST_ELEMENTS, small = null } = survey as Partial<Survey>
  return { ...survey, weights, minElements, small }
}
