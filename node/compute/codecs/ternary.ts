/**
 * `ternary`: BitNet b1.58 (arXiv 2402.17764, equation 1): every weight is γ times -1, 0 or 1. Models trained that
 * way lose nothing, whether γ is of the tensor or of the row; others collapse, so encode wants `force` for
 * them.
 */
import { VillageError } from '../../errors.ts'
import type { TernaryShape } from '../kernels/ternary.ts'
import { ternaryCodes, ternaryIsValid, ternaryRowBytes, ternaryRowScale } from '../reference/ternary.ts'
import type { Codec, CodecParams, RuntimeForm } from './codec.ts'
import { readParams } from './params.ts'
import { hasTernaryRows, isTernary, statsOf, type TensorStats, ternaryCastError } from './tensor-stats.ts'
import { malformed, readSlice, type Slice, writeSlice } from './wire.ts'

const ID = 3
const NAME = 'ternary'
const MAX_SCALE = 2 ** 126
/** Blocks of the runtime form: all scales of a row are γ, so they only need to be few. */
const RUNTIME_BLOCK_SIZE = 128

type Packing = '5in8' | '2bit'
const PER_BYTE = { '5in8': 5, '2bit': 4 } as const satisfies Record<Packing, number>

interface TernaryParams {
  readonly packing: Packing
  /** One γ by row, or one for all; `auto` until fitted. */
  readonly scales: 'auto' | 'tensor' | 'row'
  /** γ of all as float32; undefined until fitted, and with scales by row. */
  readonly scale: number | undefined
  readonly force: boolean
}

function parse(input: unknown): TernaryParams {
  const reader = readParams(NAME, input)
  const packing = reader.choice<Packing>('packing', ['5in8', '2bit'], '5in8')
  const scales = reader.choice<TernaryParams['scales']>('scales', ['auto', 'tensor', 'row'], 'auto')
  const scale = reader.number('scale', 0, MAX_SCALE)
  const force = reader.choice('force', [false, true], false)
  reader.end()
  if (scale !== undefined && scales === 'row')
    throw new VillageError('INVALID_ARGUMENT', 'With scales by row, ternary takes no scale.', {
      fields: { argument: 'params.scale' },
    })
  return { packing, scales, scale: scale === undefined ? undefined : Math.fround(scale), force }
}

function plain({ packing, scales, scale, force }: TernaryParams): CodecParams {
  return {
    packing,
    ...(scales === 'row' || (scales === 'tensor' && scale === undefined) ? { scales } : {}),
    ...(scale === undefined ? {} : { scale }),
    ...(force ? { force } : {}),
  }
}

function lossy(stats: TensorStats): VillageError {
  const normalisedError = ternaryCastError(stats)
  return new VillageError(
    'CODEC_NEEDS_FORCE',
    `These weights were not trained to be ternary: a plain cast loses ${(100 * normalisedError).toFixed(1)}% of their squared norm.`,
    { fields: { codec: NAME, normalisedError } },
  )
}

/**
 * The one magnitude there is for natively ternary weights, of the tensor or by row; BitNet's mean magnitude
 * for others, which must be forced.
 */
function fit(params: TernaryParams, stats: TensorStats): TernaryParams {
  const native = isTernary(stats)
  const nativeRows = stats.ternaryRows && (params.scales === 'row' || hasTernaryRows(stats))
  const lossless = params.scales === 'row' ? nativeRows : native || (params.scales === 'auto' && nativeRows)
  if (!lossless && !params.force) throw lossy(stats)
  if (params.scale !== undefined || params.scales === 'row') return params
  if (params.scales === 'auto' && !native && nativeRows) return { ...params, scales: 'row' }
  const scale = Math.fround(native ? stats.maxAbs : stats.sumAbs / stats.weights)
  if (scale > MAX_SCALE)
    throw new VillageError('INVALID_ARGUMENT', 'The weights are too large for ternary.', {
      fields: { argument: 'params.scale' },
    })
  return { ...params, scale }
}

function shapeOf(rows: number, cols: number, params: Omit<TernaryParams, 'force'>): TernaryShape {
  const { packing, scales, scale } = params
  return { rows, cols, perByte: PER_BYTE[packing], rowScales: scales === 'row', scale: scale ?? 0 }
}

function open(packed: Uint8Array): { slice: Slice; shape: TernaryShape } {
  const slice = readSlice(packed)
  if (slice.codecId !== ID) throw malformed(`they are of codec ${slice.codecId} instead of ${ID}`)
  const shape = shapeOf(slice.rows, slice.cols, parseFromWire(slice.params))
  if (slice.payload.length !== slice.rows * ternaryRowBytes(shape))
    throw malformed('the payload has the wrong length')
  return { slice, shape }
}

/** On the wire: packing and either `scale` or `scales: 'row'`. */
function parseFromWire(json: CodecParams): TernaryParams {
  try {
    const params = parse(json)
    const complete = params.scales === 'row' || (params.scale !== undefined && params.scale === json.scale)
    if (complete && json.packing !== undefined && Object.keys(json).length === 2) return params
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
  }
  throw malformed('a parameter is missing or out of range')
}

function runtimeForm({ payload }: Slice, shape: TernaryShape): RuntimeForm {
  const { rows, cols } = shape
  const blocks = Math.ceil(cols / RUNTIME_BLOCK_SIZE)
  const scales = new Float32Array(rows * blocks)
  for (let row = 0; row < rows; row++)
    scales.fill(ternaryRowScale(payload, shape, row) ?? 0, row * blocks, (row + 1) * blocks)
  return {
    kind: 'nbits',
    bits: 2,
    blockSize: RUNTIME_BLOCK_SIZE,
    packed: ternaryCodes(payload, shape, (blocks * RUNTIME_BLOCK_SIZE) / 4),
    scales,
    zeroPoints: null,
  }
}

export const ternary: Codec = {
  id: ID,
  name: NAME,
  title: 'Ternary (BitNet b1.58), for models that were trained so',
  experimental: false,
  needsForce: true,
  runsAsGrid: true,
  aids: [],
  parseParams: (input) => plain(parse(input)),
  fit: (params, stats) => plain(fit(parse(params), stats)),
  rowGroup: () => 1,
  encode(matrix, params, kernels) {
    const { rows, cols } = matrix
    const stats = statsOf(matrix)
    const { force, ...fitted } = fit(parse(params), stats)
    const { payload, exact } = kernels.ternaryEncode(matrix.data, shapeOf(rows, cols, fitted))
    if (!force && !exact) throw lossy(stats)
    return writeSlice({ codecId: ID, rows, cols, params: plain({ ...fitted, force: false }), payload })
  },
  decode(packed, kernels) {
    const { slice, shape } = open(packed)
    const data = kernels.ternaryDecode(slice.payload, shape)
    if (data === null) throw malformed('a code is not a trit, or a scale is not finite')
    return { rows: slice.rows, cols: slice.cols, data }
  },
  runtimeForm(packed) {
    const { slice, shape } = open(packed)
    if (!ternaryIsValid(slice.payload, shape))
      throw malformed('a code is not a trit, or a scale is not finite')
    return runtimeForm(slice, shape)
  },
}
