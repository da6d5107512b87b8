/** Of task kind `evaluate`: a range of the items of an artifact, answered by a language model or an encoder. */
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { areParted, difference } from '../evaluate/compare-records.ts'
import { decodeRecords, encodeRecords, type RecordSet } from '../evaluate/item-records.ts'
import { ITEM_LIMITS } from '../evaluate/items.ts'
import { readParams } from './read-params.ts'
import type { TaskContext, TaskKind, TaskOutput } from './task.ts'

export interface EvaluateItems extends JsonObject {
  /** CID of the model directory. */
  readonly model: string
  /** CID of the list of items. */
  readonly items: string
  readonly start: number
  readonly count: number
  /** The most that the records of the range can take; the owner knows the items. */
  readonly outputBytes: number
}

const MAX_ITEMS = 10_000
const MAX_OUTPUT_BYTES = 256 * 2 ** 20
const BASE_MEMORY_BYTES = 256 * 2 ** 20
/** onnxruntime reads the file and makes its own copy of the weights, pre-packed ones beside them. */
const MODEL_MEMORY_FACTOR = 3
/** Of a trusted peer's items, one in this many is answered again. */
const SPOT_SAMPLE = 8
/** Of the items of any result that is taken on a peer's word, one in this many is known here. */
const KNOWN_SAMPLE = 8
/** After so many comparisons an answer is one that a liar may have learned to give. */
const MAX_USES = 4
/** A result that waits for its check holds up a job. */
const CHECK_PRIORITY = 1

const wrong = (what: string) =>
  new VillageError('RESULT_INVALID', `An evaluation result is not right: ${what}`)

const questionOf = ({ model, items }: EvaluateItems, item: number) => `evaluate ${model} ${items} ${item}`

const recordsOf = (bytes: Uint8Array): RecordSet => decodeRecords(bytes)

/** Where model and items lie on this machine. */
async function places(task: EvaluateItems, { artifacts, modelsDirectory }: TaskContext) {
  const [modelDir, itemsPath] = await Promise.all([
    artifacts.materialize(task.model, modelsDirectory),
    artifacts.materialize(task.items, modelsDirectory),
  ])
  return { modelDir: modelDir!, itemsPath: itemsPath! }
}

async function answer(task: EvaluateItems, context: TaskContext, priority = 0): Promise<Uint8Array> {
  const { start, count } = task
  const { signal } = context
  const input = { ...(await places(task, context)), start, count }
  const { bytes } = await context.pool.run('evaluate.answer', input, { signal, priority })
  learn(task, recordsOf(bytes), context)
  return bytes
}

/** What this node answered itself is known from then on. */
function learn(task: EvaluateItems, { start, records }: RecordSet, { known }: TaskContext): void {
  for (const [index, record] of records.entries())
    known.put(questionOf(task, start + index), encodeRecords({ start: 0, records: [record] }))
}

function decode(task: EvaluateItems, output: TaskOutput): RecordSet {
  let set: RecordSet
  try {
    set = recordsOf(output.bytes)
  } catch (error) {
    throw wrong(toVillageError(error).message)
  }
  if (set.start !== task.start || set.records.length !== task.count) throw wrong('it is of other items')
  if (output.stats.items !== set.records.length) throw wrong('its statistics are of another result')
  return set
}

const slice = (set: RecordSet, start: number, count: number): RecordSet => ({
  start,
  records: set.records.slice(start - set.start, start - set.start + count),
})

/** Records of other types than the items would make the whole evaluation fail. Throws RESULT_INVALID. */
async function checkShapes(task: EvaluateItems, context: TaskContext, set: RecordSet): Promise<void> {
  const { signal } = context
  const input = { ...(await places(task, context)), claimed: encodeRecords(set) }
  const found = await context.pool.run('evaluate.shapes', input, { signal, priority: CHECK_PRIORITY })
  if (found !== null) throw wrong(`item ${found.item} has ${found.why}`)
}

/** Asks the model itself about claimed records. Throws RESULT_INVALID. */
async function askModel(task: EvaluateItems, claimed: RecordSet, context: TaskContext): Promise<void> {
  const { signal } = context
  const input = { ...(await places(task, context)), claimed: encodeRecords(claimed) }
  const found = await context.pool.run('evaluate.check', input, { signal, priority: CHECK_PRIORITY })
  if (found !== null) throw wrong(`item ${found.item} has ${found.why}`)
}

/** Answers so many items of the task that enough of them are known, and not known for too long. */
async function makeKnown(task: EvaluateItems, context: TaskContext): Promise<void> {
  const { known } = context
  const items = Array.from({ length: task.count }, (_, index) => task.start + index)
  const unknown = items.filter((item) => known.get(questionOf(task, item)) === undefined)
  const fresh = items.filter((item) => (known.get(questionOf(task, item))?.uses ?? MAX_USES) < MAX_USES)
  const asked = known.choose(unknown, Math.ceil(task.count / KNOWN_SAMPLE) - fresh.length)
  await Promise.all(asked.map((start) => answer({ ...task, start, count: 1 }, context, CHECK_PRIORITY)))
}

/**
 * Throws RESULT_INVALID when an item that is known here was answered otherwise. Where a text took another way at a near
 * tie, the model is asked whether it would have gone on like that.
 */
async function compareKnown(task: EvaluateItems, context: TaskContext, claimed: RecordSet): Promise<void> {
  const parted: number[] = []
  for (const [index, record] of claimed.records.entries()) {
    const item = task.start + index
    const answered = context.known.get(questionOf(task, item))
    if (answered === undefined) continue
    answered.uses += 1
    const [own] = recordsOf(Uint8Array.from(answered.values)).records
    if (record.type === 'generate' && own?.type === 'generate') {
      if (areParted(own, record)) parted.push(item)
      continue
    }
    const why = difference(own!, record)
    if (why !== null) throw wrong(`an item whose answer is known has ${why}`)
  }
  // Last, for this node may not be able to ask.
  for (const item of parted) await askModel(task, slice(claimed, item, 1), context)
}

export const evaluateItems: Omit<TaskKind, 'kind' | 'check'> = {
  parseParams(input) {
    const reader = readParams(input)
    const params = {
      model: reader.text('model', 128),
      items: reader.text('items', 128),
      start: reader.integer('start', 0, ITEM_LIMITS.items - 1),
      count: reader.integer('count', 1, MAX_ITEMS),
      outputBytes: reader.integer('outputBytes', 1, MAX_OUTPUT_BYTES),
    }
    reader.end()
    return params
  },
  inputs(params) {
    const { model, items } = params as EvaluateItems
    return [model, items]
  },
  estimate(params, inputBytes = 0) {
    const { count, outputBytes } = params as EvaluateItems
    return {
      memoryBytes: BASE_MEMORY_BYTES + MODEL_MEMORY_FACTOR * inputBytes + outputBytes,
      cost: count,
      maxOutputBytes: outputBytes,
    }
  },
  async run(params, context) {
    const bytes = await answer(params as EvaluateItems, context)
    return { bytes, stats: { items: (params as EvaluateItems).count } }
  },
  async inspect(params, output, context) {
    const task = params as EvaluateItems
    const claimed = decode(task, output)
    for (const look of [checkShapes, makeKnown, compareKnown])
      try {
        await look(task, context, claimed)
      } catch (error) {
        if (error instanceof VillageError && error.code === 'RESULT_INVALID') throw error
        // No fault of the peer's: what is known already is compared, and the rest is for the other checks.
        context.signal.throwIfAborted()
        context.log.warn({ err: error }, 'items of an evaluation could not be answered here to compare them')
      }
  },
  async verify(params, output, context, depth, random) {
    const task = params as EvaluateItems
    const claimed = decode(task, output)
    await compareKnown(task, context, claimed)
    const count = depth === 'full' ? task.count : Math.ceil(task.count / SPOT_SAMPLE)
    const start = task.start + Math.floor(random() * (task.count - count + 1))
    await askModel(task, slice(claimed, start, count), context)
    return { exact: depth === 'full' }
  },
  agree(a, b) {
    try {
      const [one, other] = [recordsOf(a.bytes), recordsOf(b.bytes)]
      if (one.start !== other.start || one.records.length !== other.records.length) return false
      const pairs = one.records.map((record, index) => [record, other.records[index]!] as const)
      if (pairs.some(([mine, its]) => difference(mine, its) !== null)) return false
      // Behind the place where two texts part stands what only the model can tell from an invention.
      return pairs.some(([mine, its]) => areParted(mine, its)) ? null : true
    } catch {
      return false // one of them is not a result at all
    }
  },
}
