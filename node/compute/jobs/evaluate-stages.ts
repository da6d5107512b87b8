/**
 * The stages of an `evaluate` job over items:
 *
 *   items       on the owner: what the models are asked, made from the data, and what is right
 *   evaluate    every model answers every item
 *   [execute]   on the owner: programs that the models wrote are run in its sandbox
 */
import { VillageError } from '../../errors.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { BOOTSTRAP_SEED } from '../evaluate/evaluations.ts'
import type { ItemSuite, SuiteFile, SuiteFiles } from '../evaluate/item-suite.ts'
import type { EvaluateParams } from './evaluate-params.ts'
import { runPrograms } from './execute-programs.ts'
import type { FinishedStage, JobContext, PlannedTask, Stage, TaskResult } from './job.ts'
import { readJobFile, writeJobFile } from './job-files.ts'

/** Items and answers of a suite, as artifacts. */
export interface ItemList extends JsonObject {
  readonly suite: string
  /** CIDs. */
  readonly items: string
  readonly answers: string
  readonly count: number
  readonly outputBytes: number
  /** What the suite says of its items: shots, where they came from. */
  readonly about: JsonObject
}

/** What the stage `items` leaves for the others. */
export interface ItemFacts extends ItemList {
  readonly models: readonly { readonly id: string; readonly cid: string }[]
}

/** Makes the items, and keeps them and the answers as artifacts under `pin`. */
export async function makeItems(
  suite: ItemSuite,
  { files, options }: Pick<EvaluateParams, 'files' | 'options'>,
  context: JobContext,
  pin: string,
): Promise<ItemList> {
  const { artifacts, modelsDirectory, pool, signal } = context
  const paths: { [K in SuiteFile]?: string } = {}
  for (const [file, cid] of Object.entries(files) as [SuiteFile, string][])
    paths[file] = await artifacts.materialize(cid, modelsDirectory)
  const input = { suite: suite.name, files: paths satisfies SuiteFiles, options }
  const prepared = await pool.run('evaluate.prepare', input, { signal }).catch(async (error: unknown) => {
    throw await named(error, Object.entries(files), artifacts)
  })
  const add = (bytes: Uint8Array, what: string) =>
    artifacts.addBytes(bytes, { name: `${suite.name}.${what}.jsonl`, pin, private: true })
  const { cid: items } = await add(prepared.items, 'items')
  const { cid: answers } = await add(prepared.answers, 'answers')
  const { count, outputBytes, facts: about } = prepared
  return { suite: suite.name, items, answers, count, outputBytes, about }
}

/** Files lie here by their CIDs: whoever gave them knows them by name. */
async function named(
  error: unknown,
  files: readonly (readonly [file: string, cid: string | undefined])[],
  artifacts: Pick<JobContext['artifacts'], 'info'>,
): Promise<unknown> {
  if (!(error instanceof VillageError)) return error
  const found = files.find(([, cid]) => cid !== undefined && error.message.includes(cid))
  if (found === undefined) return error
  const [file, cid] = found
  const name = (await artifacts.info(cid!))?.name ?? file
  const message = error.message.replaceAll(cid!, name)
  return new VillageError(error.code, message, { cause: error, fields: { ...error.fields, file: name } })
}

/** Every item, answered by one model. */
export function itemTasks(
  model: { cid: string; title: string },
  { items, count, outputBytes }: ItemList,
  itemsByTask: number,
): PlannedTask[] {
  return Array.from({ length: Math.ceil(count / itemsByTask) }, (_, index) => {
    const start = index * itemsByTask
    const own = Math.min(itemsByTask, count - start)
    return {
      kind: 'evaluate',
      params: { model: model.cid, items, start, count: own, outputBytes },
      after: [],
      label: `${model.title} items ${start}-${start + own - 1}`,
    }
  })
}

export async function itemsStage(
  suite: ItemSuite,
  params: EvaluateParams,
  models: ItemFacts['models'],
  context: JobContext,
): Promise<Stage> {
  const made = await makeItems(suite, params, context, context.pin)
  return { name: 'items', tasks: [], facts: { ...made, models } }
}

export function factsOf(stages: readonly FinishedStage[]): ItemFacts {
  const stage = stages.find(({ name }) => name === 'items')
  if (stage === undefined) throw new VillageError('DATA_CORRUPT', 'A stored evaluation has no items')
  return stage.facts as ItemFacts
}

export function answersStage(suite: ItemSuite, facts: ItemFacts): Stage {
  const tasks = facts.models.flatMap(({ id, cid }) => itemTasks({ cid, title: id }, facts, suite.itemsByTask))
  return { name: 'evaluate', tasks, facts: {} }
}

/** By model, item and sample: how the program ended. */
type Outcomes = readonly (readonly (readonly string[])[])[]

/** Runs what the models wrote. Throws SANDBOX_UNAVAILABLE. */
export async function executeStage(
  facts: ItemFacts,
  results: readonly TaskResult[],
  context: JobContext,
): Promise<Stage> {
  const byModel = results.length / facts.models.length
  const answers = await context.artifacts.read(facts.answers)
  const outcomes: (readonly (readonly string[])[])[] = []
  for (const index of facts.models.keys()) {
    const completions: string[][] = []
    for (const result of results.slice(index * byModel, (index + 1) * byModel)) {
      const input = { bytes: await result.read() }
      completions.push(...(await context.pool.run('evaluate.texts', input, { signal: context.signal })))
    }
    outcomes.push(await runPrograms(answers, completions, context))
  }
  return { name: 'execute', tasks: [], facts: { outcomes: await writeJobFile(context, outcomes) } }
}

/** What the execution gave, by model; null for suites that run nothing. */
export async function outcomesOf(
  stages: readonly FinishedStage[],
  context: JobContext,
): Promise<Outcomes | null> {
  const stage = stages.find(({ name }) => name === 'execute')
  return stage === undefined ? null : readJobFile<Outcomes>(context, stage, 'outcomes')
}

export interface ScoredModel {
  readonly metrics: readonly JsonObject[]
  readonly facts: JsonObject
  readonly records: Uint8Array
  readonly scores: Uint8Array
}

/** Joins and scores the parts of one model's evaluation. */
export async function scoreModel(
  facts: ItemList,
  results: readonly TaskResult[],
  outcomes: readonly JsonValue[] | null,
  context: JobContext,
): Promise<ScoredModel> {
  const parts: Uint8Array[] = []
  for (const result of results) parts.push(await result.read())
  return context.pool.run(
    'evaluate.report',
    {
      suite: facts.suite,
      answers: await context.artifacts.read(facts.answers),
      parts,
      seed: BOOTSTRAP_SEED,
      ...(outcomes === null ? {} : { outcomes }),
    },
    { signal: context.signal },
  )
}
