/** Task kind `calibrate`: second moments of what a model's weights see, over a range of items of calibration data. */
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { MAX_ITEMS } from '../calibration/limits.ts'
import { momentsDistance } from '../calibration/moments-file.ts'
import { readParams } from './read-params.ts'
import type { TaskContext, TaskKind, TaskOutput } from './task.ts'

export interface CalibrateTask extends JsonObject {
  /** CID of the model directory. */
  readonly model: string
  /** CID of a file of calibration data; null takes the project's own sentences. */
  readonly data: string | null
  readonly start: number
  readonly count: number
  /** Both choose the activations, in the order that the model gives them: see calibration/activations.ts. */
  readonly minElements: number
  readonly feedbackBudgetBytes: number
  readonly firstActivation: number
  readonly activations: number
  /** Memory of the sums while they are made, and their size as a result. */
  readonly sumsBytes: number
  readonly outputBytes: number
}

const MAX_BYTES = 2 ** 33
const MAX_ACTIVATIONS = 100_000
/** Activations and the runtime itself, with room: a calibration planned for 352 MiB made a daemon of 110 MiB hold 376 (docs/edge.md). */
const BASE_MEMORY_BYTES = 192 * 2 ** 20
/** onnxruntime reads the file and makes its own copy of the weights, pre-packed ones beside them. */
const MODEL_MEMORY_FACTOR = 3
/** Relative distance of two honest results: processors round floats differently, and quantised activations more so. */
const TOLERANCE = 0.005

/** Times the mean square of one item: a part beyond it is run again before it is believed. */
const MOST_OF_ONE_ITEM = 16

const wrong = (what: string): VillageError =>
  new VillageError('RESULT_INVALID', `A calibration result is not right: ${what}`)

/** Where the files are, as the operations want them. */
async function sourceOf(
  task: CalibrateTask,
  context: TaskContext,
): Promise<{ modelDirectory: string; dataPath: string | null }> {
  const { artifacts, modelsDirectory } = context
  const modelDirectory = await artifacts.materialize(task.model, modelsDirectory)
  const dataPath = task.data === null ? null : await artifacts.materialize(task.data, modelsDirectory)
  return { modelDirectory, dataPath }
}

async function capture(task: CalibrateTask, context: TaskContext): Promise<TaskOutput> {
  const { model: _, data: __, outputBytes: ___, ...request } = task
  const { bytes, samples } = await context.pool.run(
    'calibration.capture',
    { ...request, ...(await sourceOf(task, context)), workDirectory: context.modelsDirectory },
    { signal: context.signal, onProgress: context.progress },
  )
  return { bytes, stats: { items: task.count, samples } }
}

export const calibrateTask: TaskKind = {
  kind: 'calibrate',
  check: 'replicate',
  parseParams(input) {
    const reader = readParams(input)
    const task: CalibrateTask = {
      model: reader.text('model', 128),
      data: reader.optionalText('data', 128),
      start: reader.integer('start', 0, MAX_ITEMS - 1),
      count: reader.integer('count', 1, MAX_ITEMS),
      minElements: reader.integer('minElements', 1, Number.MAX_SAFE_INTEGER),
      feedbackBudgetBytes: reader.integer('feedbackBudgetBytes', 0, MAX_BYTES),
      firstActivation: reader.integer('firstActivation', 0, MAX_ACTIVATIONS),
      activations: reader.integer('activations', 1, MAX_ACTIVATIONS),
      sumsBytes: reader.integer('sumsBytes', 1, MAX_BYTES),
      outputBytes: reader.integer('outputBytes', 1, MAX_BYTES),
    }
    reader.end()
    return task
  },
  inputs(params) {
    const { model, data } = params as CalibrateTask
    return data === null ? [model] : [model, data]
  },
  estimate(params, inputBytes = 0) {
    const { count, sumsBytes, outputBytes } = params as CalibrateTask
    return {
      memoryBytes: BASE_MEMORY_BYTES + MODEL_MEMORY_FACTOR * inputBytes + sumsBytes + outputBytes,
      cost: count,
      maxOutputBytes: outputBytes,
    }
  },
  run: (params, context) => capture(params as CalibrateTask, context),
  async inspect(params, output, context) {
    const task = params as CalibrateTask
    const { signal } = context
    const { modelDirectory } = await sourceOf({ ...task, data: null }, context)
    const request = { ...task, modelDirectory }
    const expected = (await context.pool.run('calibration.activations', request, { signal })).slice(
      task.firstActivation,
      task.firstActivation + task.activations,
    )
    const found = await context.pool
      .run('calibration.inspect', { bytes: output.bytes }, { signal })
      .catch((error) => {
        const failure = toVillageError(error)
        throw failure.code === 'CALIBRATION_MALFORMED' ? wrong(failure.message) : failure
      })
    if (found.length !== expected.length) throw wrong('it is of other activations')
    for (const [index, { cols, full }] of found.entries())
      if (cols !== expected[index]!.cols || full !== expected[index]!.feedback)
        throw wrong('an activation has another shape')
    const samples = found.reduce((most, part) => Math.max(most, part.samples), 0)
    if (output.stats.items !== task.count || output.stats.samples !== samples)
      throw wrong('its statistics are of another result')
    // A few huge numbers would decide every column's weight: this much of a believed peer's word is always looked at.
    const { model: _, data: __, outputBytes: ___, ...rest } = task
    const item = {
      ...rest,
      ...(await sourceOf(task, context)),
      workDirectory: context.modelsDirectory,
      start: task.start + Math.floor(task.count / 2),
    }
    const believable = await context.pool.run(
      'calibration.plausible',
      { bytes: output.bytes, item, most: MOST_OF_ONE_ITEM },
      { signal },
    )
    if (!believable) await calibrateTask.verify(task, output, context, 'full', Math.random)
  },
  async verify(params, output, context) {
    // A sum cannot be checked in part: the same items are run again, however closely one looks.
    const own = await capture(params as CalibrateTask, context)
    if (output.stats.items !== own.stats.items || output.stats.samples !== own.stats.samples)
      throw wrong('its statistics are of another result')
    const distance = momentsDistance(own.bytes, output.bytes)
    if (!(distance <= TOLERANCE))
      throw wrong(`its sums are not those of the items (distance ${distance.toFixed(4)})`)
    return { exact: true }
  },
  agree: (a, b) => momentsDistance(a.bytes, b.bytes) <= TOLERANCE,
}
