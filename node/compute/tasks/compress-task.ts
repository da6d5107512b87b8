/** Task kind `compress`: a range of rows of one weight, encoded by a codec. */
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { AidFiles } from '../calibration/aids.ts'
import { MAX_FEEDBACK_COLS } from '../calibration/limits.ts'
import { encodeSeconds } from '../codecs/speed.ts'
import { codecById, codecByName } from '../codecs/table.ts'
import { readSlice } from '../codecs/wire.ts'
import { MODEL_FILE } from '../models/model-files.ts'
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
  /** CID of a calibration directory (node/compute/calibration); null without. */
  readonly calibration: string | null
  /** CID of the codebook that the parameters name; null for codecs without. */
  readonly codebook: string | null
}

const MAX_WEIGHTS = 2 ** 26
/** Of an untrusted peer's groups of rows one in this many is encoded again; of a trusted one's, two. */
const FULL_SAMPLE = 16
const MIN_FULL_GROUPS = 4
const SPOT_GROUPS = 2
const STATS = ['weights', 'packedBytes', 'squaredError', 'squaredNorm', 'maxAbsError'] as const
/** There with a calibration that knows the tensor, absent otherwise. */
const WEIGHTED_STATS = ['weightedError', 'weightedNorm'] as const

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
    calibration: reader.optionalText('calibration', 128),
    codebook: reader.optionalText('codebook', 128),
  }
  reader.end()
  if (task.rows * task.cols > MAX_WEIGHTS)
    throw new VillageError('INVALID_ARGUMENT', `A slice has at most ${MAX_WEIGHTS} weights`, {
      fields: { argument: 'rows' },
    })
  const codec = codecByName(task.codec)
  const params = codec.parseParams(task.params)
  if (task.startRow % codec.rowGroup(params) !== 0)
    throw new VillageError('INVALID_ARGUMENT', 'A slice must begin where a group of rows does', {
      fields: { argument: 'startRow' },
    })
  return { ...task, params }
}

/** The files of calibration and codebook, written out beside the models. */
async function aidFiles(task: CompressTask, context: TaskContext): Promise<AidFiles> {
  const { artifacts, modelsDirectory } = context
  const written = (cid: string): Promise<string> => artifacts.materialize(cid, modelsDirectory)
  return {
    ...(task.calibration !== null && {
      calibration: { directory: await written(task.calibration), tensor: task.tensor },
    }),
    ...(task.codebook !== null && { codebookPath: await written(task.codebook) }),
  }
}

/** Where the rows of the task lie, on this node. */
async function sliceOf(task: CompressTask, context: TaskContext) {
  const directory = await context.artifacts.materialize(task.model, context.modelsDirectory)
  const { tensor: name, startRow, rows, cols } = task
  return { modelPath: path.join(directory, MODEL_FILE), name, startRow, rows, cols }
}

/** The first rows of distinct groups of a slice, in order. */
function sampleGroups(
  rows: number,
  groupRows: number,
  random: () => number,
  depth: 'spot' | 'full',
): number[] {
  const groups = Math.ceil(rows / groupRows)
  const count = depth === 'spot' ? SPOT_GROUPS : Math.max(MIN_FULL_GROUPS, Math.ceil(groups / FULL_SAMPLE))
  const chosen = new Set<number>()
  while (chosen.size < Math.min(count, groups)) chosen.add(Math.floor(random() * groups) * groupRows)
  return [...chosen].sort((a, b) => a - b)
}

const wrong = (what: string, fields: Record<string, string | number>) =>
  new VillageError('RESULT_INVALID', `A compressed slice is not right: ${what}`, { fields })

async function inspect(task: CompressTask, output: TaskOutput, context: TaskContext): Promise<void> {
  const { codec, rows, cols } = task
  const { bytes, stats } = output
  const isSize = (name: string): boolean => Number.isFinite(stats[name]) && (stats[name] as number) >= 0
  if (!STATS.every(isSize) || !WEIGHTED_STATS.every((name) => stats[name] === undefined || isSize(name)))
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
    const { codebookPath } = await aidFiles({ ...task, calibration: null }, context)
    const decode = { packed: bytes, ...(codebookPath !== undefined && { codebookPath }) }
    await context.pool.run('slice.decodes', decode, { signal: context.signal })
  } catch (error) {
    const failure = toVillageError(error)
    throw failure.code === 'CODEC_MALFORMED' ? wrong(failure.message, { codec }) : failure
  }
}

export const compressTask: TaskKind = {
  kind: 'compress',
  check: 'verify',
  parseParams: parse,
  inputs(params) {
    const { model, calibration, codebook } = params as CompressTask
    return [model, calibration, codebook].filter((cid) => cid !== null)
  },
  estimate(params) {
    const task = params as CompressTask
    const { rows, cols } = task
    const weights = rows * cols
    const codec = codecByName(task.codec)
    const feedback = task.calibration !== null && codec.aids.includes('feedback') && cols <= MAX_FEEDBACK_COLS
    return {
      // The matrix, its decoded twin and what moves between threads; the feedback matrix, read and unfolded.
      memoryBytes: weights * 16 + 32 * 2 ** 20 + (feedback ? 8 * cols * cols : 0),
      cost: encodeSeconds(codec.name, task, feedback),
      // Outliers of seedlm in rows of one column take 8 bytes a weight.
      maxOutputBytes: weights * 8 + 64 * 1024,
    }
  },
  async run(params, context) {
    const task = params as CompressTask
    const slice = await sliceOf(task, context)
    const aids = await aidFiles(task, context)
    const { packed, stats } = await context.pool.run(
      'slice.encode',
      { slice, codec: task.codec, params: task.params, aids },
      { signal: context.signal, onProgress: context.progress },
    )
    return { bytes: packed, stats: { ...stats } }
  },
  inspect: (params, output, context) => inspect(params as CompressTask, output, context),
  async verify(params, output, context, depth, random) {
    const task = params as CompressTask
    const slice = await sliceOf(task, context)
    const { codec } = task
    const groupRows = codecByName(codec).rowGroup(task.params)
    const rows = sampleGroups(task.rows, groupRows, random, depth)
    const aids = await aidFiles(task, context)
    const input = { slice, codec, params: task.params, packed: output.bytes, rows, aids }
    const checked = await context.pool
      .run('slice.check', input, { signal: context.signal })
      .catch((error) => {
        const failure = toVillageError(error)
        if (failure.code === 'CODEC_MALFORMED') throw wrong(failure.message, { codec })
        throw failure
      })
    for (const name of [...STATS, ...WEIGHTED_STATS])
      if (output.stats[name] !== checked.stats[name])
        throw wrong(`"${name}" is not what was measured`, { codec })
    if (checked.wrongRows.length > 0)
      throw wrong('a row differs from what the codec gives', { codec, row: checked.wrongRows[0]! })
    return { exact: rows.length === Math.ceil(task.rows / groupRows) }
  },
  agree: (a, b) =>
    Buffer.compare(a.bytes, b.bytes) === 0 &&
    [...STATS, ...WEIGHTED_STATS].every((name) => a.stats[name] === b.stats[name]),
}
