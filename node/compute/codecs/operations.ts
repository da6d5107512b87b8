/**
 * What a worker thread does with codecs. Rows of OPERATIONS: inputs and outputs cross a thread
 * boundary, so they are plain data. Long work yields between chunks of rows, so that a cancellation is heard.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import { type AidFiles, loadAids, loadCalibration, loadCodebook } from '../calibration/aids.ts'
import { outputEnergy } from '../calibration/energy.ts'
import { type Kernels, loadKernels } from '../kernels.ts'
import type { Codec, CodecParams, EncodeAids, WeightMatrix } from './codec.ts'
import { type EncodeStats, measure } from './encode-stats.ts'
import { encodeSeconds } from './speed.ts'
import { codecById, codecByName, decodeSlice } from './table.ts'
import { addToStats, EMPTY_STATS, statsOf, type TensorStats } from './tensor-stats.ts'
import { joinSlices, readSlice } from './wire.ts'

/** How long a thread may be deaf to its signal. */
const CHUNK_SECONDS = 0.04
/** Encoders work on so many rows side by side. */
const ROWS_TOGETHER = 32
/** 4 MiB of float32: larger steps are no faster. */
const MAX_CHUNK_WEIGHTS = 2 ** 20

let loaded: Kernels | undefined

function kernels(): Kernels {
  loaded ??= loadKernels()
  return loaded
}

/** The next rows of a tensor, added to `stats` (to nothing, if absent). */
function tensorStats(input: { matrix: WeightMatrix; stats?: TensorStats; firstRow?: number }): TensorStats {
  return addToStats(input.stats ?? EMPTY_STATS, input.matrix, input.firstRow)
}

/** What a slice is encoded with: everything is the same for all slices of a tensor. */
function aidsOf(codec: Codec, files: AidFiles | undefined, cols: number): EncodeAids {
  const aids = loadAids({ ...files, uses: codec.aids })
  if (aids.columnWeights !== undefined && aids.columnWeights.length !== cols) throw otherColumns()
  if (aids.feedback !== undefined && aids.feedback.length !== cols * cols) throw otherColumns()
  return aids
}

function otherColumns(): VillageError {
  return new VillageError('INVALID_ARGUMENT', 'The calibration is of a weight with other columns.', {
    fields: { argument: 'calibration' },
  })
}

/** What errors are weighed by in the statistics; it does not depend on what the codec uses. */
function energyOf(files: AidFiles | undefined, cols: number): ((matrix: WeightMatrix) => number) | undefined {
  const calibration = files?.calibration === undefined ? null : loadCalibration(files.calibration)
  if (calibration === null) return undefined
  if (calibration.cols !== cols) throw otherColumns()
  return (matrix) => outputEnergy(matrix, calibration, kernels())
}

function codebookOf(files: { codebookPath?: string } | undefined): Uint8Array | undefined {
  return files?.codebookPath === undefined ? undefined : loadCodebook(files.codebookPath)
}

/** Rows of one step: whole groups, as many as fit in the time of a step, in multiples of what a kernel takes side by side. */
function chunkRowsOf(codec: Codec, params: CodecParams, cols: number, aids: EncodeAids): number {
  const group = codec.rowGroup(params)
  const shape = { rows: group, cols }
  const groups = CHUNK_SECONDS / encodeSeconds(codec.name, shape, aids.feedback !== undefined)
  const most = Math.max(1, Math.floor(MAX_CHUNK_WEIGHTS / (group * cols)))
  return group * Math.min(most, Math.ceil(groups / ROWS_TOGETHER) * ROWS_TOGETHER)
}

/**
 * Encodes one slice and measures what it lost. The bytes are those of Codec.encode. With a calibration the statistics
 * have the weighted error as well, whether the codec uses it or not.
 */
async function encodeSlice(
  input: { codec: string; params: CodecParams; matrix: WeightMatrix; aids?: AidFiles },
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<{ packed: Uint8Array; stats: EncodeStats }> {
  const codec = codecByName(input.codec)
  const { rows, cols, data } = input.matrix
  // Fitted once, so that the chunks encode alike.
  const params = codec.fit(codec.parseParams(input.params), statsOf(input.matrix))
  const aids = aidsOf(codec, input.aids, cols)
  const chunkRows = chunkRowsOf(codec, params, cols, aids)
  const chunks: Uint8Array[] = []
  for (let row = 0; row < rows; row += chunkRows) {
    await nextTurn()
    signal.throwIfAborted()
    const end = Math.min(rows, row + chunkRows)
    const matrix = { rows: end - row, cols, data: data.subarray(row * cols, end * cols) }
    chunks.push(codec.encode(matrix, params, kernels(), aids))
    progress(end / rows)
  }
  const packed = joinSlices(chunks)
  const decoded = codec.decode(packed, kernels(), codebookOf(input.aids))
  return { packed, stats: measure(input.matrix, decoded, packed.length, energyOf(input.aids, cols)) }
}

function decodeToMatrix(input: { packed: Uint8Array; codebookPath?: string }): WeightMatrix {
  return decodeSlice(input.packed, kernels(), codebookOf(input))
}

/**
 * Checks a slice that somebody else encoded: decodes it, measures the error again, and encodes anew the groups of rows
 * that hold `rows` (numbers within the slice). `wrongRows` are those of them whose group's bytes differ from what the
 * codec gives. Throws CODEC_MALFORMED where the blob is damaged, of another codec, of another shape or has other
 * parameters.
 */
async function checkSlice(
  input: {
    codec: string
    params: CodecParams
    matrix: WeightMatrix
    packed: Uint8Array
    rows: readonly number[]
    aids?: AidFiles
  },
  signal: AbortSignal,
): Promise<{ stats: EncodeStats; wrongRows: number[] }> {
  const codec = codecByName(input.codec)
  const { matrix, packed } = input
  const { rows, cols } = matrix
  const slice = readSlice(packed)
  const params = codec.fit(codec.parseParams(input.params), statsOf(matrix))
  const mismatch = (what: string): VillageError =>
    new VillageError('CODEC_MALFORMED', `The packed weights have ${what}.`)
  if (codecById(slice.codecId).name !== codec.name) throw mismatch('another codec')
  if (slice.rows !== rows || slice.cols !== cols) throw mismatch('another shape')
  const decoded = codec.decode(packed, kernels(), codebookOf(input.aids))
  const stats = measure(matrix, decoded, packed.length, energyOf(input.aids, cols))
  const aids = aidsOf(codec, input.aids, cols)
  const groupRows = codec.rowGroup(params)
  const groupBytes = slice.payload.length / Math.ceil(rows / groupRows)
  const isRight = new Map<number, boolean>()
  for (const row of input.rows) {
    const group = Math.floor(row / groupRows)
    if (isRight.has(group)) continue
    await nextTurn()
    signal.throwIfAborted()
    const start = group * groupRows
    const end = Math.min(rows, start + groupRows)
    const data = matrix.data.subarray(start * cols, end * cols)
    const again = readSlice(codec.encode({ rows: end - start, cols, data }, params, kernels(), aids))
    if (JSON.stringify(again.params) !== JSON.stringify(slice.params)) throw mismatch('other parameters')
    const claimed = slice.payload.subarray(group * groupBytes, (group + 1) * groupBytes)
    isRight.set(group, Buffer.compare(again.payload, claimed) === 0)
  }
  return { stats, wrongRows: input.rows.filter((row) => !isRight.get(Math.floor(row / groupRows))) }
}

export const CODEC_OPERATIONS = {
  'codec.stats': tensorStats,
  'codec.encode': encodeSlice,
  'codec.decode': decodeToMatrix,
  'codec.check': checkSlice,
}
