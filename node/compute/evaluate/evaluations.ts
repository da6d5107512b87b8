/** Finished evaluations of this node, compared with one another. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
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

export interface Evaluations {
  /**
   * Paired, item by item. Throws JOB_UNKNOWN, INVALID_ARGUMENT for a job that is no finished evaluation or lacks the model,
   * EVALUATION_NOT_COMPARABLE for other items.
   */
  compare(first: EvaluatedModel, second: EvaluatedModel, signal: AbortSignal): Promise<EvaluationComparison>
}

/** Of the resampling for confidence intervals: stated, so that anybody can repeat it. */
export const BOOTSTRAP_SEED = 20260722

export function createEvaluations(components: {
  jobs: { get(id: string): JobSummary | null }
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
    // Built-in suites are what their names say.
    const items = typeof result.itemList === 'string' ? result.itemList : `suite ${String(result.suite)}`
    return { suite: String(result.suite), items, scores: row.itemScores }
  }

  return {
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
