/**
 * The items of an evolution as scorers hold them, an artifact: a directory with, for each split, `<split>.items` (compute/evaluate/items.ts)
 * and `<split>.answers`, tasks one after another. Run in worker threads.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { decodeAnswers, encodeLines } from '../../compute/evaluate/evaluation-files.ts'
import type { Answer } from '../../compute/evaluate/item-suite.ts'
import { encodeItems, type Item, type PreparedItem, readItems } from '../../compute/evaluate/items.ts'
import { custom } from '../../compute/evaluate/suites/custom.ts'
import { VillageError } from '../../errors.ts'
import { canonicalJson, type JsonObject } from '../../json.ts'
import { contentShare, itemsByTask, splitOf } from './item-sets.ts'
import type { ItemSplit } from './workload.ts'

export const SPLITS: readonly ItemSplit[] = ['selection', 'validation', 'final']

interface TaskItem {
  readonly item: PreparedItem
  readonly answer: Answer
  readonly content: string
}

export interface TaskFiles {
  /** JSON lines as the suite `custom` has them, on this machine. */
  readonly tasks: readonly { readonly path: string; readonly weight: number }[]
  readonly finalShare: number
  /** The most items of each split, over all tasks. */
  readonly selectionItems: number
  readonly validationItems: number
  readonly finalItems: number
  readonly outDir: string
}

/** Items of each split by task. */
export type ItemCounts = Readonly<Record<ItemSplit, readonly number[]>>

const itemsFile = (directory: string, split: ItemSplit) => path.join(directory, `${split}.items`)
const answersFile = (directory: string, split: ItemSplit) => path.join(directory, `${split}.answers`)

function writeSplit(directory: string, split: ItemSplit, items: readonly Omit<TaskItem, 'content'>[]): void {
  if (items.length === 0) return
  writeFileSync(itemsFile(directory, split), encodeItems(items.map(({ item }) => item)))
  writeFileSync(answersFile(directory, split), encodeLines(items.map(({ answer }) => answer)))
}

/** In the order of a hash of their content: the first n are a random sample of them. */
function readTask(file: string): TaskItem[] {
  const { items, answers } = custom.prepare({ data: file }, {})
  return items
    .map((item, index) => {
      const answer = answers[index]!
      if (item.item.type === 'text')
        throw new VillageError(
          'INVALID_ARGUMENT',
          'Items of evolution are right or wrong: "text" is neither',
          {
            fields: { argument: 'tasks', item: answer.id },
          },
        )
      const content = canonicalJson({ prefix: item.prefix, item: { ...item.item } as JsonObject })
      return { item, answer, content }
    })
    .sort((a, b) => contentShare(a.content) - contentShare(b.content) || (a.content < b.content ? -1 : 1))
}

/**
 * Splits the items of all tasks and writes them. Throws INVALID_ARGUMENT where a task has none for a split, EVALUATION_DATA_INVALID
 * for what is no data.
 */
export function writeTaskItems(init: TaskFiles): ItemCounts {
  mkdirSync(init.outDir, { recursive: true })
  const tasks = init.tasks.map(({ path: file }) => readTask(file))
  const weights = init.tasks.map(({ weight }) => weight)
  const write = (split: ItemSplit): number[] => {
    const own = tasks.map((items) =>
      items.filter(({ content }) => splitOf(content, init.finalShare) === split),
    )
    const empty = own.findIndex((items) => items.length === 0)
    // A choice by selection alone is a worse one, and better than none.
    if (empty !== -1 && split === 'validation') return own.map(() => 0)
    if (empty !== -1)
      throw new VillageError('INVALID_ARGUMENT', `Task ${empty + 1} has too few items for a ${split} set`, {
        fields: { argument: 'tasks', items: tasks[empty]!.length },
      })
    const taken = itemsByTask(
      own.map(({ length }) => length),
      weights,
      init[`${split}Items`],
    )
    writeSplit(
      init.outDir,
      split,
      own.flatMap((items, task) => items.slice(0, taken[task])),
    )
    return taken
  }
  return { selection: write('selection'), validation: write('validation'), final: write('final') }
}

/** Items of a split with what is right, on this machine. Both come from a peer: throws what their readers throw. */
export function readTaskItems(
  directory: string,
  split: ItemSplit,
): { items: readonly Item[]; answers: readonly Answer[] } {
  const answers = decodeAnswers(readFileSync(answersFile(directory, split)))
  return { items: readItems(itemsFile(directory, split), 0, answers.length), answers }
}

/** The same directory with only some of the items for selection, by index. */
export function writeChosenItems(init: {
  readonly directory: string
  readonly chosen: readonly number[]
  readonly outDir: string
}): void {
  mkdirSync(init.outDir, { recursive: true })
  for (const split of SPLITS) {
    if (!existsSync(itemsFile(init.directory, split))) continue
    const { items, answers } = readTaskItems(init.directory, split)
    const all = items.map((item, index) => ({ item: { prefix: '', item }, answer: answers[index]! }))
    writeSplit(init.outDir, split, split === 'selection' ? init.chosen.map((index) => all[index]!) : all)
  }
}
