/**
 * Slices made ready to run before their model is written: requantised to 8 bits, each in a file of its own. A job does it while
 * other slices are still being encoded, so that less is left to do when all are there.
 */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { readSlice } from '../codecs/wire.ts'
import type { Kernels } from '../kernels.ts'
import { blocksPerRow, type NBits } from '../onnx/nbits.ts'
import { openModel } from '../onnx/read.ts'
import { quantizeTo8Bits, RUNTIME_BLOCK_SIZE, type RuntimeLoss } from '../onnx/requantize.ts'
import { listWeights } from '../onnx/weights.ts'
import { readCodebook, sliceForm } from './packed-slices.ts'
import { formatOf } from './weight-source.ts'

/** Where the form of a slice lies, and what running it so loses. */
export interface PreparedSlice extends JsonObject, Readonly<RuntimeLoss> {
  readonly file: string
}

export interface PrepareRequest {
  readonly modelPath: string
  /** Of the weight. */
  readonly name: string
  readonly packed: Uint8Array
  /** Path; null for codecs without one. */
  readonly codebook: string | null
  /** Must not be there yet. */
  readonly outPath: string
}

/** What must be known of a weight to make its slices ready. */
interface WeightFacts {
  readonly rows: number
  readonly cols: number
  readonly elementType: number
  readonly quantized: boolean
}

/** undefined for a name that is no weight, and where the model is no ONNX. */
export type WeightReader = (modelPath: string, name: string) => WeightFacts | undefined

/** Remembers the weights of the model that was asked for last: to read its graph takes as long as to requantise a slice. */
export function createWeightReader(): WeightReader {
  let latest: { key: string; weights: ReadonlyMap<string, WeightFacts> } | undefined
  return (modelPath, name) => {
    const { ino, size, mtimeMs } = statSync(modelPath)
    const key = JSON.stringify([modelPath, ino, size, mtimeMs])
    if (latest?.key !== key) latest = { key, weights: readWeights(modelPath) }
    return latest.weights.get(name)
  }
}

function readWeights(modelPath: string): Map<string, WeightFacts> {
  if (formatOf(modelPath) !== 'onnx') return new Map()
  using model = openModel(modelPath)
  return new Map(
    listWeights(model, { minElements: 1 }).map(({ name, rows, cols, runtime, tensor }) => {
      return [name, { rows, cols, elementType: tensor.type.code, quantized: runtime === 'quantized' }]
    }),
  )
}

/**
 * Writes the codes of a slice and behind them its scales as float32, both as quantizeTo8Bits() gives them. Null, and nothing
 * written, where the slice does not run in 8 bits made of its decoded values: the model is no ONNX, the weight has a reader
 * without a quantised operator, or its codec has a grid of its own. Throws CODEC_MALFORMED and what writing throws.
 */
export function prepareSlice(
  components: { kernels: Kernels; weightOf: WeightReader },
  { modelPath, name, packed, codebook, outPath }: PrepareRequest,
): PreparedSlice | null {
  const weight = components.weightOf(modelPath, name)
  if (weight?.quantized !== true) return null
  const { codecId, rows, cols } = readSlice(packed)
  if (cols !== weight.cols || rows > weight.rows)
    throw new VillageError('CODEC_MALFORMED', `A slice of "${name}" has another shape than the weight`)
  const slice = { index: 0, codecId, rows, packed, codebook: readCodebook(codebook) }
  const form = sliceForm(components, slice)
  if (form.kind !== 'dense') return null
  const loss: RuntimeLoss = { squaredError: 0, squaredNorm: 0 }
  const { packed: codes, scales } = quantizeTo8Bits(form.data, rows, cols, weight.elementType, loss)
  const fd = openSync(outPath, 'wx')
  try {
    for (const bytes of [codes, bytesOf(scales)])
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
  } finally {
    closeSync(fd)
  }
  return { file: outPath, ...loss }
}

/** Of the machine's own byte order: the files never leave it. */
const bytesOf = (floats: Float32Array) => new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)

/** Reads the form of a slice of that shape and removes its file, which is not needed again. Throws DATA_CORRUPT. */
export function takePrepared(file: string, rows: number, cols: number): NBits {
  const bytes = readFileSync(file)
  const blocks = rows * blocksPerRow(cols, RUNTIME_BLOCK_SIZE)
  const codeBytes = blocks * RUNTIME_BLOCK_SIZE
  const scales = new Float32Array(blocks)
  if (bytes.byteLength !== codeBytes + scales.byteLength)
    throw new VillageError(
      'DATA_CORRUPT',
      `${path.basename(file)} is not of a slice of ${rows} × ${cols} weights`,
    )
  bytesOf(scales).set(bytes.subarray(codeBytes))
  rmSync(file)
  const packed = bytes.subarray(0, codeBytes)
  return { kind: 'nbits', bits: 8, blockSize: RUNTIME_BLOCK_SIZE, packed, scales, zeroPoints: null }
}
