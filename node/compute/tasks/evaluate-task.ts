/** Task kind `evaluate`: a range of a suite's items, answered by one model. */
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { compareResults, decodeResults, type ResultSet } from '../evaluate/results.ts'
import { suiteByName } from '../evaluate/suites.ts'
import { readParams } from './read-params.ts'
import type { TaskContext, TaskKind, TaskOutput } from './task.ts'

export interface EvaluateTask extends JsonObject {
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

async function answer(task: EvaluateTask, context: TaskContext): Promise<Uint8Array> {
  const modelDir = await context.artifacts.materialize(task.model, context.modelsDirectory)
  const { suite, start, count } = task
  const { bytes } = await context.pool.run(
    'evaluate.items',
    { suite, modelDir, start, count },
    { signal: context.signal },
  )
  return bytes
}

/** Activations and the runtime itself. */
const BASE_MEMORY_BYTES = 256 * 2 ** 20
/** onnxruntime reads the file and makes its own copy of the weights, pre-packed ones beside them. */
const MODEL_MEMORY_FACTOR = 3

const wrong = (what: string) =>
  new VillageError('RESULT_INVALID', `An evaluation result is not right: ${what}`)

function decode(task: EvaluateTask, output: TaskOutput): ResultSet {
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

export const evaluateTask: TaskKind = {
  kind: 'evaluate',
  check: 'replicate',
  parseParams(input) {
    const reader = readParams(input)
    const model = reader.text('model', 128)
    const suite = suiteByName(reader.text('suite', 64))
    const start = reader.integer('start', 0, suite.items - 1)
    const count = reader.integer('count', 1, Math.min(MAX_ITEMS, suite.items - start))
    reader.end()
    return { model, suite: suite.name, start, count }
  },
  inputs: (params) => [(params as EvaluateTask).model],
  estimate(params, inputBytes = 0) {
    const { count } = params as EvaluateTask
    return {
      memoryBytes: BASE_MEMORY_BYTES + MODEL_MEMORY_FACTOR * inputBytes,
      cost: count,
      maxOutputBytes: count * MAX_VECTOR_BYTES + 1024,
    }
  },
  async run(params, context) {
    const bytes = await answer(params as EvaluateTask, context)
    const { dims, count } = decodeResults(bytes)
    return { bytes, stats: { dims, items: count } }
  },
  async inspect(params, output) {
    decode(params as EvaluateTask, output)
  },
  async verify(params, output, context, depth, random) {
    const task = params as EvaluateTask
    const claimed = decode(task, output)
    const count = depth === 'full' ? task.count : Math.ceil(task.count / SPOT_SAMPLE)
    const start = task.start + Math.floor(random() * (task.count - count + 1))
    const own = decodeResults(await answer({ ...task, start, count }, context))
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
