/** The few figures of a job's result that a conversation needs. Only numbers, ids and states: no text of a file or a peer. */
import type { JobSummary } from '../../compute/jobs/job.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'

const objectOf = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {})
const objects = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : []
const orNull = (value: JsonValue | undefined): JsonValue => value ?? null

/** `{ value, low, high }` or a plain figure. */
const middleOf = (value: JsonValue | undefined): JsonValue =>
  isJsonObject(value) ? orNull(value.value) : orNull(value)

function compressFigures(result: JsonObject): JsonObject {
  const totals = objectOf(result.totals)
  const quality = objectOf(result.quality)
  return {
    model: orNull(result.id),
    codec: orNull(result.codec),
    /** Of the packed form, which is what moves and is stored. */
    sizeBytes: orNull(totals.packedBytes),
    runnableBytes: orNull(totals.runnableBytes),
    originalBytes: orNull(totals.originalBytes),
    ratio: orNull(totals.ratio),
    bitsPerWeight: orNull(totals.bitsPerWeight),
    relativeError: orNull(totals.relativeError),
    /** Share that is kept; null: not measured. */
    quality: middleOf(quality.kept),
    measure: orNull(quality.measure),
  }
}

function evaluateFigures(result: JsonObject): JsonObject {
  const models = objects(result.models).map((row) => {
    const metrics = objects(row.metrics).map(({ name, value, low, high }) => ({
      name: orNull(name),
      value: orNull(value),
      low: orNull(low),
      high: orNull(high),
    }))
    const scores = Object.entries(objectOf(row.scores)).map(([name, value]) => ({
      name,
      value: middleOf(value),
    }))
    const all = metrics.length > 0 ? metrics : scores
    return { model: orNull(row.model), score: orNull(all[0]?.value), metrics: all }
  })
  return {
    suite: orNull(result.suite),
    items: orNull(result.items),
    reference: orNull(result.reference),
    /** The first metric of the first model. */
    score: orNull(models[0]?.score),
    models,
  }
}

const MERGE = ['method', 'parameters', 'tensors'] as const
const TRAIN = ['step', 'steps', 'ended', 'loss', 'heldOutBefore'] as const

const pick = (result: JsonObject, names: readonly string[]): JsonObject =>
  Object.fromEntries(
    names.flatMap((name): [string, JsonValue][] => {
      const value = result[name]
      return value === undefined || (typeof value === 'object' && value !== null) ? [] : [[name, value]]
    }),
  )

function geometryFigures(result: JsonObject): JsonObject {
  const models = objects(result.models).map((model) => ({
    model: orNull(model.model),
    layers: objects(model.layers).map((layer) => ({
      layer: orNull(layer.layer),
      dims: orNull(layer.dims),
      intrinsicDimension: orNull(objectOf(layer.intrinsic).dimension),
      participationRatio: orNull(objectOf(layer.principal).participationRatio),
    })),
    meanStableRank: mean(objects(model.matrices).map(({ stableRank }) => stableRank)),
    meanTailExponent: mean(objects(model.matrices).map(({ tail }) => objectOf(tail).alpha)),
  }))
  const pairs = objects(result.pairs).map((pair) => ({
    first: orNull(pair.first),
    second: orNull(pair.second),
    barrier: orNull(objectOf(pair.barrier).height),
    alignment: objects(objectOf(pair.alignment).same).map(({ layer, linear, debiased }) => ({
      layer: orNull(layer),
      linear: orNull(linear),
      debiased: orNull(debiased),
    })),
  }))
  return { models, pairs }
}

function mean(values: readonly (JsonValue | undefined)[]): number | null {
  const numbers = values.filter((value): value is number => typeof value === 'number')
  return numbers.length === 0 ? null : numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}

const FIGURES: Readonly<Record<string, (result: JsonObject) => JsonObject>> = {
  compress: compressFigures,
  evaluate: evaluateFigures,
  geometry: geometryFigures,
  merge: (result) => ({ model: orNull(result.id), ...pick(result, MERGE) }),
  train: (result) => ({
    model: orNull(result.id),
    ...pick(result, TRAIN),
    heldOutLoss: orNull(objectOf(result.best).heldOutLoss),
  }),
}

/** Of a finished job; of a kind that is not known here nothing but its id. */
export function jobFigures({ id, kind, result }: JobSummary): JsonObject {
  return { job: id, ...(result === null ? {} : (FIGURES[kind]?.(result) ?? {})) }
}

/** A job as it stands. */
export function jobState(job: JobSummary): JsonObject {
  const { id, kind, state, stage, done, total, createdAtMs, finishedAtMs, error } = job
  return {
    job: id,
    kind,
    state,
    stage,
    done,
    total,
    createdAt: new Date(createdAtMs).toISOString(),
    finishedAt: finishedAtMs === null ? null : new Date(finishedAtMs).toISOString(),
    error: error === null ? null : { code: error.code, fix: error.fix },
  }
}
