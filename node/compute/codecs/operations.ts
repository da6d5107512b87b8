/**
 * What a worker thread does with codecs. Rows of OPERATIONS: inputs and outputs cross a thread
 * boundary, so they are plain data. Long work yields between chunks of rows, so that a cancellation is heard.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import { type Kernels, loadKernels } from '../kernels.ts'
import type { CodecParams, RuntimeForm, WeightMatrix } from './codec.ts'
import { type EncodeStats, measure } from './encode-stats.ts'
import { codecById, codecByName, decodeSlice } from './table.ts'
import { addToStats, EMPTY_STATS, statsOf, type TensorStats } from './tensor-stats.ts'
import { joinSlices, readSlice } from './wire.ts'

/** About 40 ms of the slowest native codec. */
const CHUNK_WEIGHTS = 16_384

let loaded: Kernels | undefined

function kernels(): Kernels {
  loaded ??= loadKernels()
  return loaded
}

/** The next rows of a tensor, added to `stats` (to nothing, if absent). */
function tensorStats(input: { matrix: WeightMatrix; stats?: TensorStats; firstRow?: number }): TensorStats {
  return addToStats(input.stats ?? EMPTY_STATS, input.matrix, input.firstRow)
}

/** Encodes one slice and measures what it lost. The bytes are those of Codec.encode. */
async function encodeSlice(
  input: { codec: string; params: CodecParams; matrix: WeightMatrix },
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<{ packed: Uint8Array; stats: EncodeStats }> {
  const codec = codecByName(input.codec)
  const { rows, cols, data } = input.matrix
  // Fitted once, so that the chunks encode alike.
  const params = codec.fit(codec.parseParams(input.params), statsOf(input.matrix))
  const chunkRows = Math.max(1, Math.floor(CHUNK_WEIGHTS / cols))
  const chunks: Uint8Array[] = []
  for (let row = 0; row < rows; row += chunkRows) {
    await nextTurn()
    signal.throwIfAborted()
    const end = Math.min(rows, row + chunkRows)
    const matrix = { rows: end - row, cols, data: data.subarray(row * cols, end * cols) }
    chunks.push(codec.encode(matrix, params, kernels()))
    progress(end / rows)
  }
  const packed = joinSlices(chunks)
  return { packed, stats: measure(input.matrix, codec.decode(packed, kernels()), packed.length) }
}

function decodeToMatrix(input: { packed: Uint8Array }): WeightMatrix {
  return decodeSlice(input.packed, kernels())
}

/** What the packed slice lost of the original, found by decoding it. */
function measureSlice(input: { matrix: WeightMatrix; packed: Uint8Array }): EncodeStats {
  return measure(input.matrix, decodeSlice(input.packed, kernels()), input.packed.length)
}

/**
 * Checks a slice that somebody else encoded: decodes it, measures the error again, and encodes `rows`
 * (numbers within the slice) anew. `wrongRows` are those of them whose bytes differ from what the codec
 * gives. Throws CODEC_MALFORMED where the blob is damaged, of another codec, of another shape or has other
 * parameters.
 */
async function checkSlice(
  input: {
    codec: string
    params: CodecParams
    matrix: WeightMatrix
    packed: Uint8Array
    rows: readonly number[]
  },
  signal: AbortSignal,
): Promise<{ stats: EncodeStats; wrongRows: number[] }> {
  const codec = codecByName(input.codec)
  const { matrix, packed } = input
  const slice = readSlice(packed)
  const params = codec.fit(codec.parseParams(input.params), statsOf(matrix))
  const mismatch = (what: string): VillageError =>
    new VillageError('CODEC_MALFORMED', `The packed weights have ${what}.`)
  if (codecById(slice.codecId).name !== codec.name) throw mismatch('another codec')
  if (slice.rows !== matrix.rows || slice.cols !== matrix.cols) throw mismatch('another shape')
  const stats = measure(matrix, codec.decode(packed, kernels()), packed.length)
  const rowBytes = slice.payload.length / slice.rows
  const wrongRows: number[] = []
  for (const row of input.rows) {
    await nextTurn()
    signal.throwIfAborted()
    const data = matrix.data.subarray(row * matrix.cols, (row + 1) * matrix.cols)
    const again = readSlice(codec.encode({ rows: 1, cols: matrix.cols, data }, params, kernels()))
    if (JSON.stringify(again.params) !== JSON.stringify(slice.params)) throw mismatch('other parameters')
    const claimed = slice.payload.subarray(row * rowBytes, (row + 1) * rowBytes)
    if (Buffer.compare(again.payload, claimed) !== 0) wrongRows.push(row)
  }
  return { stats, wrongRows }
}

/** The slices of a tensor, in the order of their rows, as onnxruntime runs it. */
function tensorRuntimeForm(input: { slices: readonly Uint8Array[] }): RuntimeForm {
  const packed = joinSlices(input.slices)
  return codecById(readSlice(packed).codecId).runtimeForm(packed, kernels())
}

export const CODEC_OPERATIONS = {
  'codec.stats': tensorStats,
  'codec.encode': encodeSlice,
  'codec.decode': decodeToMatrix,
  'codec.measure': measureSlice,
  'codec.check': checkSlice,
  'codec.runtimeForm': tensorRuntimeForm,
}
