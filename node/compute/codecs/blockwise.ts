/**
 * `int8` and `int4`: blocks of a row share a scale, w ≈ (code - zero point) · scale. The scale (and zero
 * point) of least squared error is searched among 32 clippings and refined by least squares, after rounding
 * to its stored precision.
 */
import { VillageError } from '../../errors.ts'
import type { BlockwiseShape } from '../kernels/blockwise.ts'
import { blockwiseRow, readCode, readScale, writeCode } from '../reference/blockwise.ts'
import type { Codec, CodecParams, RuntimeForm } from './codec.ts'
import { readParams } from './params.ts'
import { statsOf, type TensorStats } from './tensor-stats.ts'
import { malformed, readSlice, type Slice, writeSlice } from './wire.ts'

const BLOCK_SIZES = [16, 32, 64, 128, 256] as const
/** Tensors with their largest weight in this range need no exponent. */
const PLAIN_MAX_ABS = { from: 2 ** -6, to: 2 ** 15 }
const LARGEST_HALF = 65504
/** Leaves room for squares of weights, and for the exponent. */
const LARGEST_SINGLE = 2 ** 27
const MAX_SCALE_EXPONENT = 100
/** 255 times this is still a float32. */
const MAX_SCALE = 2 ** 119

interface BlockwiseParams {
  readonly blockSize: (typeof BLOCK_SIZES)[number]
  readonly zeroPoints: boolean
  readonly scaleType: 'fp16' | 'fp32'
  readonly scaleExponent: number | undefined
}

interface BlockwiseRowOfTable {
  readonly id: number
  readonly name: string
  readonly title: string
  readonly bits: 4 | 8
  readonly defaultBlockSize: (typeof BLOCK_SIZES)[number]
}

export function blockwiseCodec({ id, name, title, bits, defaultBlockSize }: BlockwiseRowOfTable): Codec {
  function parse(input: unknown): BlockwiseParams {
    const reader = readParams(name, input)
    const blockSize = reader.choice('blockSize', BLOCK_SIZES, defaultBlockSize)
    const zeroPoints = reader.choice('zeroPoints', [false, true], false)
    const scaleType = reader.choice('scaleType', ['fp16', 'fp32'], 'fp16')
    const scaleExponent = reader.number('scaleExponent', -MAX_SCALE_EXPONENT, MAX_SCALE_EXPONENT)
    reader.end()
    if (scaleExponent !== undefined && !Number.isInteger(scaleExponent))
      throw new VillageError(
        'INVALID_ARGUMENT',
        `The parameter scaleExponent of ${name} must be a whole number.`,
        {
          fields: { argument: 'params.scaleExponent' },
        },
      )
    // Negative zero is zero: one value, one text.
    return {
      blockSize,
      zeroPoints,
      scaleType,
      scaleExponent: scaleExponent === undefined ? undefined : scaleExponent + 0,
    }
  }

  function plain({ scaleExponent, ...params }: BlockwiseParams): CodecParams {
    return scaleExponent === undefined ? params : { ...params, scaleExponent }
  }

  /**
   * A power of two that brings tensors with very small or large weights near 1, where scales and squares are
   * exact enough.
   */
  function fit(params: BlockwiseParams, stats: TensorStats): BlockwiseParams {
    if (params.scaleExponent !== undefined) return params
    const { maxAbs } = stats
    const isPlain = maxAbs === 0 || (maxAbs >= PLAIN_MAX_ABS.from && maxAbs <= PLAIN_MAX_ABS.to)
    const exponent = isPlain ? 0 : exponentOf(maxAbs)
    return { ...params, scaleExponent: Math.max(-MAX_SCALE_EXPONENT, Math.min(MAX_SCALE_EXPONENT, exponent)) }
  }

  function shapeOf(rows: number, cols: number, params: BlockwiseParams): BlockwiseShape {
    return {
      rows,
      cols,
      bits,
      blockSize: params.blockSize,
      zeroPoints: params.zeroPoints,
      scaleBytes: params.scaleType === 'fp16' ? 2 : 4,
      scaleExponent: params.scaleExponent ?? 0,
    }
  }

  /** The slice and its shape, with every byte accounted for and every scale finite. */
  function open(packed: Uint8Array): { slice: Slice; shape: BlockwiseShape } {
    const slice = readSlice(packed)
    if (slice.codecId !== id) throw malformed(`they are of codec ${slice.codecId} instead of ${id}`)
    const shape = shapeOf(slice.rows, slice.cols, parseFromWire(slice))
    const layout = blockwiseRow(shape)
    if (slice.payload.length !== layout.bytes * slice.rows)
      throw malformed('the payload has the wrong length')
    const { payload } = slice
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
    for (let row = 0; row < slice.rows; row++)
      for (let block = 0; block < layout.blocks; block++)
        // False for NaN as well.
        if (!(Math.abs(readScale(view, row * layout.bytes + block * shape.scaleBytes, shape)) <= MAX_SCALE))
          throw malformed('a scale is not finite')
    return { slice, shape }
  }

  function parseFromWire(slice: Slice): BlockwiseParams {
    try {
      const params = parse(slice.params)
      if (params.scaleExponent !== undefined && Object.keys(slice.params).length === 4) return params
    } catch (error) {
      if (!(error instanceof VillageError)) throw error
    }
    throw malformed('a parameter is missing or out of range')
  }

  return {
    id,
    name,
    title,
    experimental: false,
    needsForce: false,
    aids: [],
    parseParams: (input) => plain(parse(input)),
    fit: (params, stats) => plain(fit(parse(params), stats)),
    rowGroup: () => 1,
    encode(matrix, params, kernels) {
      const stats = statsOf(matrix)
      const fitted = fit(parse(params), stats)
      const largestScale = (2 * stats.maxAbs) / (2 ** bits - 2)
      const largestStored = fitted.scaleType === 'fp16' ? LARGEST_HALF : LARGEST_SINGLE
      if (largestScale > Math.min(largestStored * 2 ** fitted.scaleExponent!, MAX_SCALE / 4))
        throw new VillageError('INVALID_ARGUMENT', `The weights are too large for the scales of ${name}.`, {
          fields: { argument: 'params.scaleExponent', maxAbs: stats.maxAbs },
        })
      const shape = shapeOf(matrix.rows, matrix.cols, fitted)
      const payload = kernels.blockwiseEncode(matrix.data, shape)
      return writeSlice({ codecId: id, rows: matrix.rows, cols: matrix.cols, params: plain(fitted), payload })
    },
    decode(packed, kernels) {
      const { slice, shape } = open(packed)
      return { rows: slice.rows, cols: slice.cols, data: kernels.blockwiseDecode(slice.payload, shape) }
    },
    runtimeForm(packed) {
      const { slice, shape } = open(packed)
      return runtimeForm(slice.payload, shape)
    },
  }
}

function exponentOf(positive: number): number {
  let exponent = 0
  while (2 ** (exponent + 1) <= positive) exponent++
  while (2 ** exponent > positive) exponent--
  return exponent
}

function runtimeForm(payload: Uint8Array, shape: BlockwiseShape): RuntimeForm {
  const { rows, cols, bits, blockSize } = shape
  const layout = blockwiseRow(shape)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const rowCodes = layout.blocks * blockSize
  const codeBytes = (rowCodes * bits) / 8
  const zeroPointBytes = Math.ceil((layout.blocks * bits) / 8)
  const packed = new Uint8Array(rows * codeBytes)
  const scales = new Float32Array(rows * layout.blocks)
  const zeroPoints = shape.zeroPoints ? new Uint8Array(rows * zeroPointBytes) : null
  const packedCodeBytes = Math.ceil((cols * bits) / 8)
  for (let row = 0; row < rows; row++) {
    const at = row * layout.bytes
    for (let block = 0; block < layout.blocks; block++)
      scales[row * layout.blocks + block] = readScale(view, at + block * shape.scaleBytes, shape)
    zeroPoints?.set(payload.subarray(at + layout.zeroPointsAt, at + layout.codesAt), row * zeroPointBytes)
    packed.set(payload.subarray(at + layout.codesAt, at + layout.codesAt + packedCodeBytes), row * codeBytes)
    const last = shape.zeroPoints
      ? readCode(payload, at + layout.zeroPointsAt, layout.blocks - 1, bits)
      : 2 ** (bits - 1)
    // A row with an odd number of nibbles ends in half a byte whose other half a peer may have filled.
    if (bits === 4 && cols % 2 === 1) packed[row * codeBytes + (cols >>> 1)]! &= 15
    for (let col = cols; col < rowCodes; col++) writeCode(packed, row * codeBytes, col, bits, last)
  }
  return { kind: 'nbits', bits, blockSize, packed, scales, zeroPoints }
}
