/** Job kind `evaluate`: every model answers every item of a suite; the scores compare each model with the first. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { decodeResults, encodeResults, joinResults } from '../evaluate/results.ts'
import { type Suite, suiteByName } from '../evaluate/suites.ts'
import { readParams } from '../tasks/read-params.ts'
import type { JobKind, PlannedTask } from './job.ts'

const MAX_MODELS = 32
/** Small enough that three peers share a suite of a few hundred items evenly. */
const ITEMS_BY_TASK = 16
/** Of the resampling for confidence intervals: stated, so that anybody can repeat it. */
export const BOOTSTRAP_SEED = 20260722
const DEFAULT_SUITE = 'similarity'

interface EvaluateParams extends JsonObject {
  readonly models: readonly string[]
  readonly suite: string
}

/** Every item of a suite, answered by one model. */
export function evaluationTasks(model: { cid: string; title: string }, suite: Suite): PlannedTask[] {
  const plan: PlannedTask[] = []
  for (let start = 0; start < suite.items; start += ITEMS_BY_TASK) {
    const count = Math.min(ITEMS_BY_TASK, suite.items - start)
    const label = `${model.title} items ${start}-${start + count - 1}`
    const params = { model: model.cid, suite: suite.name, start, count }
    plan.push({ kind: 'evaluate', params, after: [], label })
  }
  return plan
}

export const evaluateJob: JobKind = {
  kind: 'evaluate',
  parseParams(input) {
    const reader = readParams(input)
    const models = reader.texts('models', MAX_MODELS, 128)
    const suite = suiteByName(reader.optionalText('suite', 64) ?? DEFAULT_SUITE).name
    reader.end()
    if (new Set(models).size !== models.length)
      throw new VillageError('INVALID_ARGUMENT', 'A model is named twice', { fields: { argument: 'models' } })
    return { models, suite }
  },
  async plan(params, context) {
    const { models, suite } = params as EvaluateParams
    const row = suiteByName(suite)
    const plan: PlannedTask[] = []
    for (const id of models) {
      const model = await context.models.need(id)
      if (!row.fits(model))
        throw new VillageError(
          'INVALID_ARGUMENT',
          `The suite "${suite}" needs an encoder, and "${id}" is not one`,
          {
            fields: { argument: 'models', model: id },
          },
        )
      if (!(await context.artifacts.has(model.cid)))
        throw new VillageError('ARTIFACT_MISSING', `The files of the model "${id}" are not on this node`, {
          fields: { model: id, cid: model.cid },
        })
      plan.push(...evaluationTasks({ cid: model.cid, title: model.id }, row))
    }
    return plan
  },
  async assemble(params, results, context) {
    const { models, suite } = params as EvaluateParams
    const tasksByModel = results.length / models.length
    const { signal } = context
    const scored: JsonObject[] = []
    const kept: string[] = []
    let original: Uint8Array[] | null = null
    for (const [index, id] of models.entries()) {
      const own = results.slice(index * tasksByModel, (index + 1) * tasksByModel)
      const candidate: Uint8Array[] = []
      for (const result of own) candidate.push(await result.read())
      const scores: JsonObject = await context.pool.run(
        'evaluate.score',
        { candidate, original, seed: BOOTSTRAP_SEED },
        { signal },
      )
      original ??= candidate
      const bytes = encodeResults(joinResults(candidate.map(decodeResults)))
      const { cid } = await context.artifacts.addBytes(bytes, { name: `${id}.${suite}`, pin: context.pin })
      kept.push(cid)
      scored.push({ model: id, cid: own[0]!.task.params.model!, results: cid, scores })
    }
    return { suite, items: suiteByName(suite).items, reference: models[0]!, models: scored, artifacts: kept }
  },
}
