/** Job kind `evaluate`: every model answers every item of a suite; each is compared with the first, item by item. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { BOOTSTRAP_SEED } from '../evaluate/evaluations.ts'
import { decodeResults, encodeResults, joinResults } from '../evaluate/results.ts'
import { type AnySuite, defaultSuite, isItemSuite, suiteNamed } from '../evaluate/suite-table.ts'
import type { Suite } from '../evaluate/suites.ts'
import { checkEvaluable, type EvaluateParams, parseEvaluateParams } from './evaluate-params.ts'
import {
  answersStage,
  executeStage,
  factsOf,
  itemsStage,
  outcomesOf,
  type ScoredModel,
  scoreModel,
} from './evaluate-stages.ts'
import type { FinishedStage, JobContext, JobKind, PlannedTask, TaskResult } from './job.ts'

/** Small enough that three peers share a suite of a few hundred items evenly. */
const ITEMS_BY_TASK = 16

/** Every item of a built-in suite, answered by one model. */
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

/** The suite that is named, or the default of the first model. */
async function suiteOf(params: EvaluateParams, context: Pick<JobContext, 'models'>): Promise<AnySuite> {
  if (params.suite !== null) return suiteNamed(params.suite)
  const model = await context.models.need(params.models[0]!)
  const suite = defaultSuite(model)
  if (suite !== null) return suite
  throw new VillageError('INVALID_ARGUMENT', `No suite without data fits "${model.id}": name one`, {
    fields: { argument: 'suite' },
  })
}

/** Of a job under way: its model may have been forgotten since. */
function suiteUnderWay(
  params: EvaluateParams,
  stages: readonly FinishedStage[],
  results: readonly TaskResult[],
): AnySuite {
  const planned = stages.find(({ name }) => name === 'items')?.facts.suite ?? results[0]?.task.params.suite
  return suiteNamed(params.suite ?? String(planned))
}

export const evaluateJob: JobKind = {
  kind: 'evaluate',
  parseParams: parseEvaluateParams,
  // The job says by itself what it is, and files or options that the suite does not take are refused.
  async settle(given, context) {
    const params = parseEvaluateParams(given)
    return parseEvaluateParams({ ...params, suite: (await suiteOf(params, context)).name })
  },
  async plan(given, context) {
    const params = parseEvaluateParams(given)
    const suite = await suiteOf(params, context)
    const models = await checkEvaluable(params, suite, context)
    // Uploaded data has no pin of its own: it must be there when the items are made.
    for (const cid of Object.values(params.files))
      await context.artifacts.pin(cid!, context.stagePin, { private: true })
    if (isItemSuite(suite)) return []
    return models.flatMap(({ id, cid }) => evaluationTasks({ cid, title: id }, suite))
  },
  async next(given, stages, context) {
    const params = parseEvaluateParams(given)
    const last = stages.at(-1)
    if (last === undefined) {
      const suite = await suiteOf(params, context)
      if (!isItemSuite(suite)) return null
      return itemsStage(suite, params, await checkEvaluable(params, suite, context), context)
    }
    const suite = suiteUnderWay(params, stages, last.results)
    if (!isItemSuite(suite)) return null
    if (last.name === 'items') return answersStage(suite, factsOf(stages))
    if (last.name === 'evaluate' && suite.executes === true)
      return executeStage(factsOf(stages), last.results, context)
    return null
  },
  async assemble(given, results, context, stages) {
    const params = parseEvaluateParams(given)
    const suite = suiteUnderWay(params, stages, results)
    return isItemSuite(suite)
      ? assembleItems(params, results, context, stages)
      : assembleVectors(params, suite, results, context)
  },
}

async function assembleVectors(
  { models }: EvaluateParams,
  { name: suite, items }: Suite,
  results: readonly TaskResult[],
  context: JobContext,
): Promise<JsonObject> {
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
    const add = async (content: Uint8Array, name: string) => {
      const { cid } = await context.artifacts.addBytes(content, {
        name,
        pin: context.pin,
        private: true,
      })
      kept.push(cid)
      return cid
    }
    const itemScores = await context.pool.run('evaluate.vectorScores', { candidate }, { signal })
    scored.push({
      model: id,
      cid: own[0]!.task.params.model!,
      results: await add(bytes, `${id}.${suite}`),
      itemScores: await add(itemScores, `${id}.${suite}.scores.jsonl`),
      scores,
    })
  }
  return { suite, items, reference: models[0]!, models: scored, artifacts: kept }
}

async function assembleItems(
  { files, options }: EvaluateParams,
  results: readonly TaskResult[],
  context: JobContext,
  stages: readonly FinishedStage[],
): Promise<JsonObject> {
  const facts = factsOf(stages)
  const { artifacts, pin, pool, signal } = context
  const byModel = results.length / facts.models.length
  const outcomes = await outcomesOf(stages, context)
  const rows: JsonObject[] = []
  const kept = [facts.items, facts.answers]
  let first: ScoredModel | null = null
  for (const [index, { id, cid }] of facts.models.entries()) {
    const own = results.slice(index * byModel, (index + 1) * byModel)
    const scored = await scoreModel(facts, own, outcomes?.[index] ?? null, context)
    const add = async (bytes: Uint8Array, name: string) => {
      const stored = await artifacts.addBytes(bytes, {
        name: `${id}.${facts.suite}.${name}`,
        pin,
        private: true,
      })
      kept.push(stored.cid)
      return stored.cid
    }
    const comparison =
      first === null
        ? null
        : await pool.run(
            'evaluate.compare',
            { first: first.scores, second: scored.scores, seed: BOOTSTRAP_SEED },
            { signal },
          )
    first ??= { ...scored, records: new Uint8Array(0) }
    rows.push({
      model: id,
      cid,
      results: await add(scored.records, 'records'),
      itemScores: await add(scored.scores, 'scores.jsonl'),
      metrics: scored.metrics,
      facts: scored.facts,
      comparison,
    })
  }
  return {
    suite: facts.suite,
    items: facts.count,
    reference: facts.models[0]!.id,
    about: facts.about,
    files,
    options,
    itemList: facts.items,
    models: rows,
    artifacts: kept,
  }
}
