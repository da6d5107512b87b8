/**
 * `planes`: two trit planes after training, w ≈ α₁·t₁ + α₂·t₂ by block, with α₁ = 3·α₂. The nine values are
 * then the uniform grid −4·α₂ to 4·α₂, which runs as 4-bit integers exactly, needs one scale a block, and is
 * within 2% of the error of two free scales (found by alternating least squares) on Gaussian weights.
 */
import { VillageError } from '../../errors.ts'
import type { BlockwiseShape } from '../kernels/blockwise.ts'
import { checkScaleRoom, checkScales, fitScaleExponent, readScaleExponent } from './block-scales.ts'
import { blockwiseRuntimeForm } from './blockwise-runtime.ts'
import { checkAids } from './check-aids.ts'
import type { Codec, CodecParams } from './codec.ts'
import { readParams } from './params.ts'
import { statsOf, type TensorStats } from './tensor-stats.ts'
import { mergePlanes, type PlanesRow, planesRowBytes, splitPlanes } from './trit-planes.ts'
import { malformed, readSlice, writeSlice } from './wire.ts'

const ID = 7
const NAME = 'planes'
const BLOCK_SIZES = [32, 64, 128, 256] as const
const SCALE_BYTES = 2
/** Codes are 8 − 4 to 8 + 4. */
const CODE_LIMIT = 4

interface PlanesParams {
  readonly blockSize: (typeof BLOCK_SIZES)[number]
  readonly scaleExponent: number | undefined
}

function parse(input: unknown): PlanesParams {
  const reader = readParams(NAME, input)
  const params = {
    blockSize: reader.choice('blockSize', BLOCK_SIZES, 128),
    scaleExponent: readScaleExponent(NAME, reader),
  }
  reader.end()
  return params
}

function plain({ blockSize, scaleExponent }: PlanesParams): CodecParams {
  return scaleExponent === undefined ? { blockSize } : { blockSize, scaleExponent }
}

function fit(params: PlanesParams, stats: TensorStats): PlanesParams & { scaleExponent: number } {
  return { ...params, scaleExponent: params.scaleExponent ?? fitScaleExponent(stats) }
}

function shapeOf(rows: number, cols: number, { blockSize, scaleExponent = 0 }: PlanesParams): BlockwiseShape {
  return {
    rows,
    cols,
    bits: 4,
    blockSize,
    zeroPoints: false,
    scaleBytes: SCALE_BYTES,
    scaleExponent,
    codeLimit: CODE_LIMIT,
  }
}

function rowOf({ cols, blockSize }: BlockwiseShape): PlanesRow {
  return { scaleBytes: SCALE_BYTES * Math.ceil(cols / blockSize), cols }
}

/** The block-wise codes of a slice, with every byte accounted for and every scale finite. */
function open(packed: Uint8Array): { shape: BlockwiseShape; nibbles: Uint8Array } {
  const { codecId, rows, cols, params, payload } = readSlice(packed)
  if (codecId !== ID) throw malformed(`they are of codec ${codecId} instead of ${ID}`)
  const shape = shapeOf(rows, cols, parseFromWire(params))
  const row = rowOf(shape)
  const rowBytes = planesRowBytes(row)
  if (payload.length !== rows * rowBytes) throw malformed('the payload has the wrong length')
  checkScales(payload, shape, rowBytes)
  const nibbles = mergePlanes(payload, rows, row)
  if (nibbles === null) throw malformed('a code is not a trit')
  return { shape, nibbles }
}

function parseFromWire(json: CodecParams): PlanesParams {
  try {
    const params = parse(json)
    if (params.scaleExponent !== undefined && Object.keys(json).length === 2) return params
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
  }
  throw malformed('a parameter is missing or out of range')
}

export const planes: Codec = {
  id: ID,
  name: NAME,
  title: 'Two ternary planes after training',
  experimental: true,
  needsForce: false,
  runsAsGrid: true,
  aids: ['columnWeights', 'feedback'],
  parseParams: (input) => plain(parse(input)),
  fit: (params, stats) => plain(fit(parse(params), stats)),
  rowGroup: () => 1,
  encode(matrix, params, kernels, { columnWeights, feedback } = {}) {
    const stats = statsOf(matrix)
    checkAids(matrix, { ...(columnWeights && { columnWeights }), ...(feedback && { feedback }) })
    const fitted = fit(parse(params), stats)
    const { rows, cols } = matrix
    const shape = shapeOf(rows, cols, fitted)
    const codes = 2 * CODE_LIMIT + 1
    checkScaleRoom(NAME, stats, { ...shape, codes, feedback: feedback !== undefined })
    const nibbles = kernels.blockwiseEncode(matrix.data, shape, {
      ...(columnWeights && { columnWeights }),
      ...(feedback && { feedback }),
    })
    const payload = splitPlanes(nibbles, rows, rowOf(shape))
    return writeSlice({ codecId: ID, rows, cols, params: plain(fitted), payload })
  },
  decode(packed, kernels) {
    const { shape, nibbles } = open(packed)
    return { rows: shape.rows, cols: shape.cols, data: kernels.blockwiseDecode(nibbles, shape) }
  },
  runtimeForm(packed) {
    const { shape, nibbles } = open(packed)
    return blockwiseRuntimeForm(nibbles, shape)
  },
}
