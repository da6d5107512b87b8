/** Finished evaluations of this node, compared with one another. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { JobSummary } from '../jobs/job.ts'
import type { Pool } from '../pool.ts'

export interface EvaluatedModel {
  /** Id of a finished `evaluate` job. */
  readonly job: string
  /** Id of a model of that job. */
  readonly model: string
}

export interface EvaluationComparison {
  readonly suite: string
  /** By measure: compare-scores.ts. */
  readonly measures: readonly JsonObject[]
}

/** A figure with its 95% interval; without one where value, low and high are equal. */
export interface MeasuredFigure {
  /** `perplexity`, `spearman`, … */
  readonly name: string
  readonly title: string
  readonly value: number
  readonly low: number
  readonly high: number
}

/** What one model came to in one finished evaluation. */
export interface ModelEvaluation extends EvaluatedModel {
  readonly cid: string
  readonly suite: string
  readonly items: number
  readonly finishedAtMs: number
  /** The first model of the job: figures of similarity compare with it. */
  readonly reference: string
  /** Evaluations with equal lists can be compared item by item. */
  readonly list: string
  /** Lower is better where it says so in the suite: perplexities. */
  readonly figures: readonly MeasuredFigure[]
}

export interface Evaluations {
  /** Finished evaluations that this node still knows, oldest first; of one model (id or CID) where it is named. */
  list(model?: string): ModelEvaluation[]
  /**
   * Paired, item by item. Throws JOB_UNKNOWN, INVALID_ARGUMENT for a job that is no finished evaluation or lacks the model,
   * EVALUATION_NOT_COMPARABLE for other items.
   */
  compare(first: EvaluatedModel, second: EvaluatedModel, signal: AbortSignal): Promise<EvaluationComparison>
}

/** Of the resampling for confidence intervals: stated, so that anybody can repeat it. */
export const BOOTSTRAP_SEED = 20260722

/** Built-in suites are what their names say. */
const listOf = (result: JsonObject): string =>
  typeof result.itemList === 'string' ? result.itemList : `suite ${String(result.suite)}`

/** Of vectors: what the scores of the suite are called. */
const SCORE_TITLES: Readonly<Record<string, string>> = {
  groupAccuracy: 'nearest is of the same meaning',
  neighbourAgreement: 'same nearest neighbour',
  spearman: 'rank correlation',
  meanCosine: 'mean cosine',
}

function figureOf(name: string, title: string, given: JsonValue | undefined): MeasuredFigure[] {
  if (typeof given === 'number') return [{ name, title, value: given, low: given, high: given }]
  if (!isJsonObject(given ?? null)) return []
  const { value, low, high } = given as JsonObject
  if (typeof value !== 'number' || typeof low !== 'number' || typeof high !== 'number') return []
  return [{ name, title, value, low, high }]
}

function figuresOf({ metrics, scores }: JsonObject): MeasuredFigure[] {
  if (Array.isArray(metrics))
    return metrics
      .filter(isJsonObject)
      .flatMap((metric) => figureOf(String(metric.name), String(metric.title), metric))
  if (!isJsonObject(scores ?? null)) return []
  return Object.entries(SCORE_TITLES).flatMap(([name, title]) =>
    figureOf(name, title, (scores as JsonObject)[name]),
  )
}

function evaluationsOf(job: JobSummary, wanted: string | undefined): ModelEvaluation[] {
  const { id, kind, result, finishedAtMs } = job
  if (kind !== 'evaluate' || result === null || !Array.isArray(result.models)) return []
  return result.models
    .filter(isJsonObject)
    .filter(({ model, cid }) => wanted === undefined || model === wanted || cid === wanted)
    .map((row) => ({
      ...{ job: id, model: String(row.model), cid: String(row.cid ?? ''), suite: String(result.suite) },
      items: typeof result.items === 'number' ? result.items : 0,
      finishedAtMs: finishedAtMs ?? 0,
      reference: String(result.reference ?? ''),
      list: listOf(result),
      figures: figuresOf(row),
    }))
}

export function createEvaluations(components: {
  jobs: { get(id: string): JobSummary | null; list(): readonly JobSummary[] }
  artifacts: Pick<Artifacts, 'read'>
  pool: Pick<Pool, 'run'>
}): Evaluations {
  const { jobs, artifacts, pool } = components

  function evaluationOf({ job: id, model }: EvaluatedModel): {
    suite: string
    items: string
    scores: string
  } {
    const job = jobs.get(id)
    if (job === null) throw new VillageError('JOB_UNKNOWN', undefined, { fields: { job: id } })
    const refuse = (what: string) =>
      new VillageError('INVALID_ARGUMENT', `The job ${id} ${what}`, { fields: { job: id, model } })
    const { result } = job
    if (job.kind !== 'evaluate' || result === null) throw refuse('is no finished evaluation')
    const rows = Array.isArray(result.models) ? result.models.filter(isJsonObject) : []
    const row = rows.find((one) => one.model === model)
    if (row === undefined) throw refuse(`did not evaluate "${model}"`)
    if (typeof row.itemScores !== 'string')
      throw refuse('is of an older daemon, which kept no scores by item')
    const items = listOf(result)
    return { suite: String(result.suite), items, scores: row.itemScores }
  }

  return {
    list: (model) => jobs.list().flatMap((job) => evaluationsOf(job, model)),
    async compare(first, second, signal) {
      const [a, b] = [evaluationOf(first), evaluationOf(second)]
      if (a.items !== b.items)
        throw new VillageError(
          'EVALUATION_NOT_COMPARABLE',
          a.suite === b.suite
            ? `Both are of the suite "${a.suite}", but of other items`
            : `One is of the suite "${a.suite}", the other of "${b.suite}"`,
        )
      const [one, other] = await Promise.all([artifacts.read(a.scores), artifacts.read(b.scores)])
      const input = { first: one!, second: other!, seed: BOOTSTRAP_SEED }
      return { suite: a.suite, measures: await pool.run('evaluate.compare', input, { signal }) }
    },
  }
}
