/** Task kind `compress`: a range of rows of one weight, encoded by a codec. */
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { WeightMatrix } from '../codecs/codec.ts'
import { codecById, codecByName } from '../codecs/table.ts'
import { readSlice } from '../codecs/wire.ts'
import { MODEL_FILE } from '../models/model-card.ts'
import { readParams } from './read-params.ts'
import type { TaskContext, TaskKind, TaskOutput } from './task.ts'

export interface CompressTask extends JsonObject {
  /** CID of the model directory. */
  readonly model: string
  readonly tensor: string
  readonly startRow: number
  readonly rows: number
  readonly cols: number
  readonly codec: string
  /** Fitted to the whole tensor, so that every slice encodes alike. */
  readonly params: JsonObject
}

const MAX_WEIGHTS = 2 ** 26
/** Weights that take one second on an ordinary core, by codec: the unit of cost is that second. */
const WEIGHTS_BY_SECOND: Readonly<Record<string, number>> = { seedlm: 250_000 }
const ORDINARY_WEIGHTS_BY_SECOND = 8_000_000
/** Of an untrusted peer's rows one in this many is encoded again; of a trusted one's, two. */
const FULL_SAMPLE = 16
const MIN_FULL_ROWS = 4
const SPOT_ROWS = 2
const STATS = ['weights', 'packedBytes', 'squaredError', 'squaredNorm', 'maxAbsError'] as const

function parse(input: unknown): CompressTask {
  const reader = readParams(input)
  const max = Number.MAX_SAFE_INTEGER
  const task = {
    model: reader.text('model', 128),
    tensor: reader.text('tensor', 1024),
    startRow: reader.integer('startRow', 0, max),
    rows: reader.integer('rows', 1, MAX_WEIGHTS),
    cols: reader.integer('cols', 1, MAX_WEIGHTS),
    codec: reader.text('codec', 32),
    params: reader.object('params'),
  }
  reader.end()
  if (task.rows * task.cols > MAX_WEIGHTS)
    throw new VillageError('INVALID_ARGUMENT', `A slice has at most ${MAX_WEIGHTS} weights`, {
      fields: { argument: 'rows' },
    })
  return { ...task, params: codecByName(task.codec).parseParams(task.params) }
}

async function readMatrix(task: CompressTask, context: TaskContext): Promise<WeightMatrix> {
  const directory = await context.artifacts.materialize(task.model, context.modelsDirectory)
  const { startRow, rows } = task
  const matrix = await context.pool.run(
    'model.readRows',
    { modelPath: path.join(directory, MODEL_FILE), name: task.tensor, startRow, rows },
    { signal: context.signal },
  )
  if (matrix.cols !== task.cols)
    throw new VillageError('INVALID_ARGUMENT', `The weight "${task.tensor}" has ${matrix.cols} columns`, {
      fields: { argument: 'cols' },
    })
  return matrix
}

/** Distinct rows of a slice, in order. */
function sampleRows(rows: number, count: number, random: () => number): number[] {
  const chosen = new Set<number>()
  while (chosen.size < Math.min(count, rows)) chosen.add(Math.floor(random() * rows))
  return [...chosen].sort((a, b) => a - b)
}

const wrong = (what: string, fields: Record<string, string | number>) =>
  new VillageError('RESULT_INVALID', `A compressed slice is not right: ${what}`, { fields })

async function inspect(task: CompressTask, output: TaskOutput, context: TaskContext): Promise<void> {
  const { codec, rows, cols } = task
  const { bytes, stats } = output
  if (STATS.some((name) => !(Number.isFinite(stats[name]) && (stats[name] as number) >= 0)))
    throw wrong('a statistic is missing or no size', { codec })
  if (stats.weights !== rows * cols || stats.packedBytes !== bytes.byteLength)
    throw wrong('its statistics are of another result', { codec })
  try {
    const slice = readSlice(bytes)
    if (codecById(slice.codecId).name !== codec) throw wrong('it is of another codec', { codec })
    if (slice.rows !== rows || slice.cols !== cols) throw wrong('it has another shape', { codec })
    for (const [name, value] of Object.entries(slice.params))
      if (task.params[name] !== undefined && task.params[name] !== value)
        throw wrong('it has other parameters', { codec })
    await context.pool.run('codec.decode', { packed: bytes }, { signal: context.signal })
  } catch (error) {
    const failure = toVillageError(error)
    throw failure.code === 'CODEC_MALFORMED' ? wrong(failure.message, { codec }) : failure
  }
}

export const compressTask: TaskKind = {
  kind: 'compress',
  check: 'verify',
  parseParams: parse,
  inputs: (params) => [(params as CompressTask).model],
  estimate(params) {
    const { rows, cols, codec } = params as CompressTask
    const weights = rows * cols
    return {
      // The matrix, its decoded twin and what moves between threads.
      memoryBytes: weights * 16 + 32 * 2 ** 20,
      cost: weights / (WEIGHTS_BY_SECOND[codec] ?? ORDINARY_WEIGHTS_BY_SECOND),
      maxOutputBytes: weights * 4 + 64 * 1024,
    }
  },
  async run(params, context) {
    const task = params as CompressTask
    const matrix = await readMatrix(task, context)
    const { packed, stats } = await context.pool.run(
      'codec.encode',
      { codec: task.codec, params: task.params, matrix },
      { signal: context.signal, transfer: true, onProgress: context.progress },
    )
    return { bytes: packed, stats: { ...stats } }
  },
  inspect: (params, output, context) => inspect(params as CompressTask, output, context),
  async verify(params, output, context, depth, random) {
    const task = params as CompressTask
    const matrix = await readMatrix(task, context)
    const count = depth === 'spot' ? SPOT_ROWS : Math.max(MIN_FULL_ROWS, Math.ceil(task.rows / FULL_SAMPLE))
    const rows = sampleRows(task.rows, count, random)
    const { codec } = task
    const input = { codec, params: task.params, matrix, packed: output.bytes, rows }
    const checked = await context.pool
      .run('codec.check', input, { signal: context.signal })
      .catch((error) => {
        const failure = toVillageError(error)
        if (failure.code === 'CODEC_MALFORMED') throw wrong(failure.message, { codec })
        throw failure
      })
    for (const name of STATS)
      if (output.stats[name] !== checked.stats[name])
        throw wrong(`"${name}" is not what was measured`, { codec })
    if (checked.wrongRows.length > 0)
      throw wrong('a row differs from what the codec gives', { codec, row: checked.wrongRows[0]! })
    return { exact: rows.length === task.rows }
  },
  agree: (a, b) =>
    Buffer.compare(a.bytes, b.bytes) === 0 && STATS.every((name) => a.stats[name] === b.stats[name]),
}
