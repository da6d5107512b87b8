/**
 * `int8` and `int4`: blocks of a row share a scale, w ≈ (code - zero point) · scale. The scale (and zero
 * point) of least squared error is searched among 32 clippings and refined by least squares, after rounding
 * to its stored precision; `scales: 'hqq'` goes on from there to a smaller sum of |error|^(3/4).
 */
import { VillageError } from '../../errors.ts'
import type { BlockwiseShape } from '../kernels/blockwise.ts'
import { blockwiseRow } from '../reference/blockwise-layout.ts'
import { checkScaleRoom, checkScales, fitScaleExponent, readScaleExponent } from './block-scales.ts'
import { blockwiseRuntimeForm } from './blockwise-runtime.ts'
import { checkAids } from './check-aids.ts'
import type { Codec, CodecParams } from './codec.ts'
import { readParams } from './params.ts'
import { statsOf, type TensorStats } from './tensor-stats.ts'
import { malformed, readSlice, type Slice, writeSlice } from './wire.ts'

const BLOCK_SIZES = [16, 32, 64, 128, 256] as const

interface BlockwiseParams {
  readonly blockSize: (typeof BLOCK_SIZES)[number]
  readonly zeroPoints: boolean
  readonly scaleType: 'fp16' | 'fp32'
  /** How scales are chosen: of encoding alone, so it is not on the wire. */
  readonly scales: 'mse' | 'hqq'
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
    const params = {
      blockSize: reader.choice('blockSize', BLOCK_SIZES, defaultBlockSize),
      zeroPoints: reader.choice('zeroPoints', [false, true], false),
      scaleType: reader.choice<'fp16' | 'fp32'>('scaleType', ['fp16', 'fp32'], 'fp16'),
      scales: reader.choice<'mse' | 'hqq'>('scales', ['mse', 'hqq'], 'mse'),
      scaleExponent: readScaleExponent(name, reader),
    }
    reader.end()
    return params
  }

  function plain({ scaleExponent, ...params }: BlockwiseParams): CodecParams {
    return scaleExponent === undefined ? params : { ...params, scaleExponent }
  }

  function fit(params: BlockwiseParams, stats: TensorStats): BlockwiseParams & { scaleExponent: number } {
    return { ...params, scaleExponent: params.scaleExponent ?? fitScaleExponent(stats) }
  }

  function shapeOf(rows: number, cols: number, params: Omit<BlockwiseParams, 'scales'>): BlockwiseShape {
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
    const { bytes } = blockwiseRow(shape)
    if (slice.payload.length !== bytes * slice.rows) throw malformed('the payload has the wrong length')
    checkScales(slice.payload, shape, bytes)
    return { slice, shape }
  }

  function parseFromWire(slice: Slice): BlockwiseParams {
    try {
      const params = parse(slice.params)
      const complete = params.scaleExponent !== undefined && Object.keys(slice.params).length === 4
      if (complete && slice.params.scales === undefined) return params
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
    runsAsGrid: true,
    aids: ['columnWeights', 'feedback'],
    parseParams: (input) => plain(parse(input)),
    fit: (params, stats) => plain(fit(parse(params), stats)),
    rowGroup: () => 1,
    encode(matrix, params, kernels, aids = {}) {
      const stats = statsOf(matrix)
      checkAids(matrix, aids)
      const { scales, ...fitted } = fit(parse(params), stats)
      const { rows, cols } = matrix
      const { columnWeights, feedback } = aids
      const shape = shapeOf(rows, cols, fitted)
      checkScaleRoom(name, stats, { ...shape, codes: 2 ** bits, feedback: feedback !== undefined })
      const payload = kernels.blockwiseEncode(matrix.data, shape, {
        ...(columnWeights && { columnWeights }),
        ...(feedback && { feedback }),
        halfQuadratic: scales === 'hqq',
      })
      return writeSlice({ codecId: id, rows, cols, params: fitted, payload })
    },
    decode(packed, kernels) {
      const { slice, shape } = open(packed)
      return { rows: slice.rows, cols: slice.cols, data: kernels.blockwiseDecode(slice.payload, shape) }
    },
    runtimeForm(packed) {
      const { slice, shape } = open(packed)
      return blockwiseRuntimeForm(slice.payload, shape)
    },
  }
}
