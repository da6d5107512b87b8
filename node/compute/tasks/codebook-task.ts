/** Task kind `codebook`: trains the codebook that tensors of a model share (codec vptq). */
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { WeightMatrix } from '../codecs/codec.ts'
import { layoutOf, vptq } from '../codecs/vptq.ts'
import { codebookBytes, codebookHash, readCodebook } from '../codecs/vptq-codebook.ts'
import { type CodebookGroup, type SampledTensor, sampleGroup } from '../codecs/vptq-groups.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { invalid, readParams } from './read-params.ts'
import type { TaskContext, TaskKind, TaskOutput } from './task.ts'

export interface CodebookTask extends JsonObject {
  /** CID of the model directory. */
  readonly model: string
  /** The rows to train on. */
  readonly tensors: readonly (SampledTensor & JsonObject)[]
  /** Parameters of vptq, of which `bits` and `layout` say what codebook it is. */
  readonly params: JsonObject
  /** CID of a calibration directory; null without. */
  readonly calibration: string | null
  readonly seed: number
}

const MAX_ROWS = 2 ** 26
const MAX_TENSORS = 64
const MAX_RUNS = 16
/** Weights of the whole sample: 64 MiB as float32. */
const MAX_WEIGHTS = 2 ** 24
const BASE_MEMORY_BYTES = 64 * 2 ** 20
/** Multiply-adds of the search that one core does in a second, and about how often training looks at every vector. */
const SEARCHED_BY_SECOND = 30e9
const ITERATIONS = 11

function parseTensor(input: unknown): SampledTensor & JsonObject {
  const reader = readParams(input)
  const name = reader.text('name', 1024)
  const cols = reader.integer('cols', 1, MAX_WEIGHTS)
  const rows = reader.integer('rows', 1, MAX_WEIGHTS)
  const startRows = reader.objects('startRows', MAX_RUNS)
  reader.end()
  for (const row of startRows)
    if (!Number.isSafeInteger(row) || (row as number) < 0 || (row as number) > MAX_ROWS)
      throw invalid('startRows', 'a list of rows')
  return { name, cols, rows, startRows: startRows as number[] }
}

const sampledWeights = ({ tensors }: CodebookTask): number =>
  tensors.reduce((sum, { rows, cols, startRows }) => sum + rows * cols * startRows.length, 0)

function parse(input: unknown): CodebookTask {
  const reader = readParams(input)
  const task = {
    model: reader.text('model', 128),
    tensors: reader.objects('tensors', MAX_TENSORS).map(parseTensor),
    params: vptq.parseParams(reader.object('params')),
    calibration: reader.optionalText('calibration', 128),
    seed: reader.integer('seed', 0, 2 ** 32 - 1),
  }
  reader.end()
  if (sampledWeights(task) > MAX_WEIGHTS) throw invalid('tensors', `at most ${MAX_WEIGHTS} weights in all`)
  return task
}

/** The parameters of the task that trains a group's codebook. */
export function codebookTaskParams(
  group: CodebookGroup,
  init: { readonly model: string; readonly calibration: string | null; readonly seed: number },
): CodebookTask {
  const { bits, name } = group.layout
  return {
    model: init.model,
    tensors: sampleGroup(group, init.seed).map((tensor) => ({ ...tensor })),
    params: vptq.parseParams({ bits, layout: name }),
    calibration: init.calibration,
    seed: init.seed,
  }
}

async function train(task: CodebookTask, context: TaskContext): Promise<TaskOutput> {
  const { artifacts, modelsDirectory, pool, signal } = context
  const directory = await artifacts.materialize(task.model, modelsDirectory)
  const modelPath = path.join(directory, MODEL_FILE)
  const samples: { tensor: string; matrix: WeightMatrix }[] = []
  for (const { name, cols, rows, startRows } of task.tensors)
    for (const startRow of startRows) {
      const matrix = await pool.run('model.readRows', { modelPath, name, startRow, rows, cols }, { signal })
      samples.push({ tensor: name, matrix })
    }
  const calibrationDirectory =
    task.calibration === null ? null : await artifacts.materialize(task.calibration, modelsDirectory)
  const { bytes, hash, distortion, vectors } = await pool.run(
    'vptq.train',
    { params: task.params, seed: task.seed, samples, calibrationDirectory },
    { signal, transfer: true, onProgress: context.progress },
  )
  return { bytes, stats: { codebook: hash, distortion, vectors } }
}

const wrong = (what: string): VillageError =>
  new VillageError('RESULT_INVALID', `A codebook is not right: ${what}`)

function inspect(task: CodebookTask, { bytes, stats }: TaskOutput): void {
  try {
    if (readCodebook(bytes).layout !== layoutOf(task.params)) throw wrong('it has another layout')
  } catch (error) {
    const failure = toVillageError(error)
    throw failure.code === 'CODEC_MALFORMED' ? wrong(failure.message) : failure
  }
  if (stats.codebook !== codebookHash(bytes)) throw wrong('its hash is another')
  const isSize = (name: string): boolean => Number.isFinite(stats[name]) && (stats[name] as number) >= 0
  if (!isSize('distortion') || !isSize('vectors')) throw wrong('a statistic is missing or no size')
}

const isSame = (a: TaskOutput, b: TaskOutput): boolean =>
  Buffer.compare(a.bytes, b.bytes) === 0 &&
  ['codebook', 'distortion', 'vectors'].every((name) => a.stats[name] === b.stats[name])

export const codebookTask: TaskKind = {
  kind: 'codebook',
  check: 'replicate',
  parseParams: parse,
  inputs(params) {
    const { model, calibration } = params as CodebookTask
    return calibration === null ? [model] : [model, calibration]
  },
  estimate(params) {
    const task = params as CodebookTask
    const { vector, indexBits } = layoutOf(task.params)
    const weights = sampledWeights(task)
    return {
      // The rows, the vectors made of them, what a residual codebook is trained on, and what goes between threads.
      memoryBytes: BASE_MEMORY_BYTES + weights * 4 * 4 + (weights / vector) * 32,
      cost: (weights * 2 ** indexBits * ITERATIONS) / SEARCHED_BY_SECOND,
      maxOutputBytes: codebookBytes(layoutOf(task.params)),
    }
  },
  run: (params, context) => train(params as CodebookTask, context),
  async inspect(params, output) {
    inspect(params as CodebookTask, output)
  },
  async verify(params, output, context) {
    const task = params as CodebookTask
    inspect(task, output)
    // Training is one chain of steps that all machines take alike: only taking them again shows that they were taken.
    if (!isSame(await train(task, context), output)) throw wrong('it is not what training gives')
    return { exact: true }
  },
  agree: isSame,
}
