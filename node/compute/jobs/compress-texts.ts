/**
 * The texts that a language model itself writes, by which its compressed form is measured: no data is needed, and no text
 * is of a kind that the model does not know.
 */
import { encodeLines } from '../evaluate/evaluation-files.ts'
import type { Answer, ItemSuite } from '../evaluate/item-suite.ts'
import type { Item, PreparedItem } from '../evaluate/items.ts'
import { encodeItems } from '../evaluate/items.ts'
import { outputBytes } from '../evaluate/output-bytes.ts'
import { likelihood } from '../evaluate/suites/likelihood.ts'
import { textItem } from '../evaluate/suites/perplexity.ts'
import { type CompressStages, latest } from './compress-state.ts'
import { type ItemList, itemTasks, makeItems } from './evaluate-stages.ts'
import type { JobContext, Stage } from './job.ts'

/** 2,048 tokens: the divergence of an int4 model is then known to about half a percent. */
const TEXTS = 32
const TOKENS = 64
const TEXTS_BY_TASK = 4
/** A model that ends at once writes nothing to measure by. */
const LEAST_TEXTS = 8

async function store(
  made: { items: readonly PreparedItem[]; answers: readonly Answer[] },
  init: { itemsByTask: number; isOwn: boolean },
  { artifacts, stagePin: pin }: JobContext,
): Promise<ItemList> {
  const { cid: items } = await artifacts.addBytes(encodeItems(made.items), { pin, private: true })
  const { cid: answers } = await artifacts.addBytes(encodeLines(made.answers), { pin, private: true })
  return {
    suite: likelihood.name,
    items,
    answers,
    count: made.items.length,
    outputBytes: outputBytes(
      made.items.map(({ item }) => item),
      init.itemsByTask,
    ),
    about: { isOwn: init.isOwn },
  }
}

/** The original writes texts from nothing, as they come: at temperature 1. */
export async function sampleStage(
  model: { readonly id: string; readonly cid: string },
  context: JobContext,
): Promise<Stage> {
  const items = Array.from({ length: TEXTS }, (_, seed): PreparedItem => {
    const item: Item = {
      type: 'generate',
      prompt: '',
      stop: [],
      maxTokens: TOKENS,
      samples: 1,
      temperature: 1,
      seed,
    }
    return { prefix: '', item }
  })
  const answers = items.map((_, index): Answer => ({ id: `${index}`, group: '' }))
  const list = await store({ items, answers }, { itemsByTask: TEXTS_BY_TASK, isOwn: true }, context)
  const tasks = itemTasks({ cid: model.cid, title: model.id }, list, TEXTS_BY_TASK)
  return { name: 'sample', tasks, facts: {} }
}

/** What both models read: the texts of the stage `sample`, or, where it gave too few, the sentences of the suite. */
export async function gateItems(at: CompressStages, suite: ItemSuite): Promise<ItemList> {
  const { context } = at
  const texts: string[] = []
  for (const result of latest(at, 'sample')?.results ?? []) {
    const input = { bytes: await result.read() }
    const written = await context.pool.run('evaluate.texts', input, { signal: context.signal })
    texts.push(...written.flat().filter((text) => text.trim() !== ''))
  }
  if (texts.length < LEAST_TEXTS)
    return makeItems(suite, { files: {}, options: {} }, context, context.stagePin)
  const made = texts.map((text, index) =>
    textItem(text, { id: `${index}`, words: text.split(/\s+/).length, stride: null }),
  )
  const [items, answers] = [made.map(({ item }) => item), made.map(({ answer }) => answer)]
  return store({ items, answers }, { itemsByTask: suite.itemsByTask, isOwn: true }, context)
}
