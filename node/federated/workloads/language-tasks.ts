/**
 * The part of a workload that says what a language model is asked. Before it is settled it names files of JSON lines by CID; settled
 * it names one artifact that holds the items of both splits (task-items.ts).
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { invalid, readParams } from '../../compute/tasks/read-params.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { parseCid } from '../../mesh/artifacts/cids.ts'
import { withCandidateDirectory } from './candidate-directory.ts'
import { estimatedJoules } from './energy.ts'
import { chooseItems } from './item-sets.ts'
import { type ItemCounts, SPLITS } from './task-items.ts'
import type { ItemSplit, WorkloadContext, WorkloadScore } from './workload.ts'

/** As a configuration has it. */
export interface LanguageTasks extends JsonObject {
  readonly tasks: readonly { readonly data: string; readonly weight: number }[]
  /** The most items that selection sees, over all tasks. */
  readonly selectionItems: number
  /** Of those that choose among the best few at the end. */
  readonly validationItems: number
  readonly finalItems: number
  /** Of all items, kept for the final comparison. */
  readonly finalShare: number
  /** Items of selection are chosen by what the starting points answer, out of so many times as many; 1: at random. */
  readonly choose: number
}

/** As it is announced. */
export interface SettledTasks extends JsonObject {
  /** CID of the directory. */
  readonly items: string
  /** Items by task. */
  readonly selection: readonly number[]
  readonly validation: readonly number[]
  readonly final: readonly number[]
}

const MAX_TASKS = 16
const MAX_ITEMS = 20_000
const MAX_WEIGHT = 1_000
/** What is asked of starting points before the run begins stays within reason. */
const MAX_CHOOSE = 8

export const INPUTS_PIN = 'run-inputs'

export const isSettled = (options: JsonObject): boolean => 'items' in options

/** The CID in its one spelling. Throws INVALID_ARGUMENT naming the field. */
export function checkCid(value: JsonValue | undefined, name: string): string {
  try {
    if (typeof value === 'string') return parseCid(value).toString()
  } catch {
    // Said below, with the name of the field.
  }
  throw invalid(name, 'a CID')
}

/** Throws INVALID_ARGUMENT naming the field. */
export function parseLanguageTasks(input: JsonObject): LanguageTasks {
  const reader = readParams(input)
  const tasks = reader.objects('tasks', MAX_TASKS).map((task) => {
    if (!isJsonObject(task)) throw invalid('tasks', 'a list of objects')
    const own = readParams(task)
    const data = checkCid(own.text('data', 128), 'tasks.data')
    const weight = own.optionalNumber('weight', 0.001, MAX_WEIGHT) ?? 1
    own.end()
    return { data, weight }
  })
  const parsed = {
    tasks,
    selectionItems: reader.integer('selectionItems', tasks.length, MAX_ITEMS, 240),
    validationItems: reader.integer('validationItems', tasks.length, MAX_ITEMS, 240),
    finalItems: reader.integer('finalItems', tasks.length, MAX_ITEMS, 600),
    finalShare: reader.optionalNumber('finalShare', 0.05, 0.95) ?? 0.5,
    choose: reader.integer('choose', 1, MAX_CHOOSE, 2),
  }
  reader.end()
  return parsed
}

/** Throws INVALID_ARGUMENT naming the field. */
export function parseSettledTasks(input: JsonObject): SettledTasks {
  const counts = (name: ItemSplit): number[] => {
    const given = input[name]
    const least = name === 'validation' ? 0 : 1
    const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= least
    if (!Array.isArray(given) || given.length === 0 || given.length > MAX_TASKS || !given.every(isCount))
      throw invalid(name, `a list of 1 to ${MAX_TASKS} numbers of items`)
    if (given.reduce((sum, count) => sum + count, 0) > MAX_ITEMS)
      throw invalid(name, `at most ${MAX_ITEMS} items`)
    return [...given] as number[]
  }
  const settled = {
    items: checkCid(input.items, 'items'),
    selection: counts('selection'),
    validation: counts('validation'),
    final: counts('final'),
  }
  for (const split of SPLITS)
    if (settled[split].length !== settled.selection.length) throw invalid(split, 'a number for each task')
  return settled
}

export const countItems = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0)

/** Scores a model that lies in a directory. */
export async function scoreModel(
  tasks: SettledTasks,
  modelDir: string,
  split: ItemSplit,
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<WorkloadScore> {
  const itemsDir = await context.artifacts.materialize(tasks.items, context.modelsDirectory)
  const input = { modelDir, itemsDir, split, count: countItems(tasks[split]) }
  const { scores, busyMs } = await context.pool.run('workload.scoreLanguage', input, { signal })
  return { itemScores: scores, joules: estimatedJoules(busyMs), busyMs }
}

/**
 * Splits the items, chooses those of selection by the answers of `seeds` (each writes a starting point into a directory), and adds what
 * comes out as an artifact, pinned as INPUTS_PIN.
 */
export async function settleTasks(
  given: LanguageTasks,
  seeds: readonly ((directory: string) => Promise<string>)[],
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<SettledTasks> {
  const { artifacts, modelsDirectory, pool } = context
  const files = await Promise.all(
    given.tasks.map(async ({ data, weight }) => {
      await artifacts.fetch(data, { signal })
      return { path: await artifacts.materialize(data, modelsDirectory), weight }
    }),
  )
  return withCandidateDirectory(context.workDirectory, async (directory) => {
    const all = path.join(directory, 'all')
    const { finalShare, selectionItems, validationItems, finalItems, choose } = given
    const pooled = Math.min(MAX_ITEMS, selectionItems * choose)
    const request = {
      tasks: files,
      finalShare,
      selectionItems: pooled,
      validationItems,
      finalItems,
      outDir: all,
    }
    const counts: ItemCounts = await pool.run('workload.items', request, { signal })
    const add = async (source: string) =>
      (await artifacts.addPath(source, { name: 'evolution items', pin: INPUTS_PIN, signal })).cid
    if (choose === 1 || seeds.length === 0) return { items: await add(all), ...counts }
    const scores: Float32Array[] = []
    for (const [index, write] of seeds.entries()) {
      const seedDir = path.join(directory, `seed-${index}`)
      await mkdir(seedDir)
      const modelDir = await write(seedDir)
      const count = countItems(counts.selection)
      const input = { modelDir, itemsDir: all, split: 'selection' as const, count }
      scores.push((await pool.run('workload.scoreLanguage', input, { signal })).scores)
    }
    const { chosen, selection } = chooseByTask(scores, counts.selection, choose)
    const outDir = path.join(directory, 'chosen')
    await pool.run('workload.chooseItems', { directory: all, chosen, outDir }, { signal })
    return { items: await add(outDir), ...counts, selection }
  })
}

/** Of each task one in `choose` items, so that the weights of the tasks stay what they were. */
function chooseByTask(
  scores: readonly Float32Array[],
  counts: readonly number[],
  choose: number,
): { chosen: number[]; selection: number[] } {
  let at = 0
  const byTask = counts.map((count) => {
    const items = Array.from({ length: count }, (_, index) => at + index)
    at += count
    return chooseItems(scores, items, Math.max(1, Math.round(count / choose)))
  })
  return { chosen: byTask.flat(), selection: byTask.map(({ length }) => length) }
}
