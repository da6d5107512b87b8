/** Of task kind `evaluate`: a range of a built-in suite's items, whose vectors a sentence encoder gives. */
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { compareResults, decodeResults, type ResultSet } from '../evaluate/results.ts'
import { suiteByName } from '../evaluate/suites.ts'
import { readParams } from './read-params.ts'
import type { TaskContext, TaskKind, TaskOutput } from './task.ts'

export interface EvaluateVectors extends JsonObject {
  /** CID of the model directory. */
  readonly model: string
  readonly suite: string
  readonly start: number
  readonly count: number
}

const MAX_ITEMS = 10_000
const MAX_VECTOR_BYTES = 64 * 1024
/**
 * The least cosine of two honest answers: processors with different integer instructions round the activations of
 * MatMulNBits differently.
 */
const TOLERANCE = 0.995
/** Of a trusted peer's items, one in this many is answered again. */
const SPOT_SAMPLE = 8
/** Of the items of any result that is taken on a peer's word, one in this many is known here. */
const KNOWN_SAMPLE = 8
/**
 * An answer that this many results were compared with does not count as known any more (it is compared all the same): who lied on
 * other items and was not found out has learned where it is safe.
 */
const MAX_USES = 4
/** A result that waits for its check holds up a job: its items go before those of tasks. */
const CHECK_PRIORITY = 1

async function answer(task: EvaluateVectors, context: TaskContext, priority = 0): Promise<Uint8Array> {
  const modelDir = await context.artifacts.materialize(task.model, context.modelsDirectory)
  const { suite, start, count } = task
  const { signal } = context
  const { bytes } = await context.pool.run(
    'evaluate.items',
    { suite, modelDir, start, count },
    { signal, priority },
  )
  learn(task, decodeResults(bytes), context)
  return bytes
}

const questionOf = ({ model, suite }: EvaluateVectors, item: number) => `evaluate ${model} ${suite} ${item}`

/** What this node answered itself is known from then on. */
function learn(
  task: EvaluateVectors,
  { start, count, dims, vectors }: ResultSet,
  { known }: TaskContext,
): void {
  for (let row = 0; row < count; row++)
    known.put(questionOf(task, start + row), vectors.subarray(row * dims, (row + 1) * dims))
}

/** Activations and the runtime itself. */
const BASE_MEMORY_BYTES = 256 * 2 ** 20
/** onnxruntime reads the file and makes its own copy of the weights, pre-packed ones beside them. */
const MODEL_MEMORY_FACTOR = 3

const wrong = (what: string) =>
  new VillageError('RESULT_INVALID', `An evaluation result is not right: ${what}`)

function decode(task: EvaluateVectors, output: TaskOutput): ResultSet {
  let results: ResultSet
  try {
    results = decodeResults(output.bytes)
  } catch (error) {
    throw wrong(toVillageError(error).message)
  }
  if (results.suite !== task.suite || results.start !== task.start || results.count !== task.count)
    throw wrong('it is of other items')
  if (output.stats.dims !== results.dims || output.stats.items !== results.count)
    throw wrong('its statistics are of another result')
  return results
}

function slice(results: ResultSet, start: number, count: number): ResultSet {
  const from = (start - results.start) * results.dims
  return { ...results, start, count, vectors: results.vectors.subarray(from, from + count * results.dims) }
}

/** Answers so many items of the task that enough of them are known, and not known for too long. */
async function makeKnown(task: EvaluateVectors, context: TaskContext): Promise<void> {
  const { known } = context
  const items = Array.from({ length: task.count }, (_, index) => task.start + index)
  const unknown = items.filter((item) => known.get(questionOf(task, item)) === undefined)
  const fresh = items.filter((item) => (known.get(questionOf(task, item))?.uses ?? MAX_USES) < MAX_USES)
  const lacking = Math.ceil(task.count / KNOWN_SAMPLE) - fresh.length
  const asked = known.choose(unknown, lacking)
  await Promise.all(asked.map((start) => answer({ ...task, start, count: 1 }, context, CHECK_PRIORITY)))
}

/** Throws RESULT_INVALID when an item that is known here was answered otherwise. */
function compareKnown(task: EvaluateVectors, claimed: ResultSet, context: TaskContext): void {
  const { suite } = claimed
  for (let item = task.start; item < task.start + task.count; item++) {
    const answered = context.known.get(questionOf(task, item))
    if (answered === undefined) continue
    answered.uses += 1
    const vectors = Float32Array.from(answered.values)
    const own: ResultSet = { suite, start: item, count: 1, dims: vectors.length, vectors }
    const { agree, minCosine } = compareResults(own, slice(claimed, item, 1), {
      tolerance: TOLERANCE,
    })
    if (!agree) throw wrong(`an item whose answer is known differs from it (cosine ${minCosine.toFixed(4)})`)
  }
}

export const evaluateVectors: Omit<TaskKind, 'kind' | 'check'> = {
  parseParams(input) {
    const reader = readParams(input)
    const model = reader.text('model', 128)
    const suite = suiteByName(reader.text('suite', 64))
    const start = reader.integer('start', 0, suite.items - 1)
    const count = reader.integer('count', 1, Math.min(MAX_ITEMS, suite.items - start))
    reader.end()
    return { model, suite: suite.name, start, count }
  },
  inputs: (params) => [(params as EvaluateVectors).model],
  estimate(params, inputBytes = 0) {
    const { count } = params as EvaluateVectors
    return {
      memoryBytes: BASE_MEMORY_BYTES + MODEL_MEMORY_FACTOR * inputBytes,
      cost: count,
      maxOutputBytes: count * MAX_VECTOR_BYTES + 1024,
    }
  },
  async run(params, context) {
    const bytes = await answer(params as EvaluateVectors, context)
    const { dims, count } = decodeResults(bytes)
    return { bytes, stats: { dims, items: count } }
  },
  async inspect(params, output, context) {
    const task = params as EvaluateVectors
    const claimed = decode(task, output)
    try {
      await makeKnown(task, context)
    } catch (error) {
      // No fault of the peer's: what is known already is compared, and the rest is for the other checks.
      context.signal.throwIfAborted()
      context.log.warn({ err: error }, 'items of an evaluation could not be answered here to compare them')
    }
    compareKnown(task, claimed, context)
  },
  async verify(params, output, context, depth, random) {
    const task = params as EvaluateVectors
    const claimed = decode(task, output)
    compareKnown(task, claimed, context)
    const count = depth === 'full' ? task.count : Math.ceil(task.count / SPOT_SAMPLE)
    const start = task.start + Math.floor(random() * (task.count - count + 1))
    const own = decodeResults(await answer({ ...task, start, count }, context, CHECK_PRIORITY))
    const { agree, minCosine } = compareResults(own, slice(claimed, start, count), { tolerance: TOLERANCE })
    if (!agree) throw wrong(`an item differs from what the model answers (cosine ${minCosine.toFixed(4)})`)
    return { exact: depth === 'full' }
  },
  agree(a, b) {
    try {
      return compareResults(decodeResults(a.bytes), decodeResults(b.bytes), { tolerance: TOLERANCE }).agree
    } catch {
      return false // one of them is not a result at all
    }
  },
}
