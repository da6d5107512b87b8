/**
 * `seedlm` (arXiv 2410.10714): a block of C weights is a seed of a 16-bit shift register, an exponent and P
 * coefficients of 4 bits; the register's states make the basis that the coefficients combine. 4 bits a weight
 * with C = 8 and P = 3, 3 bits with C = 12 and P = 4. The search over all seeds is exhaustive.
 */
import { VillageError } from '../../errors.ts'
import type { SeedlmShape } from '../kernels/seedlm.ts'
import { seedlmRowBytes } from '../reference/seedlm.ts'
import type { Codec, CodecParams } from './codec.ts'
import { readParams } from './params.ts'
import { statsOf, type TensorStats } from './tensor-stats.ts'
import { malformed, readSlice, type Slice, writeSlice } from './wire.ts'

const ID = 4
const NAME = 'seedlm'
/**
 * The largest weight is divided down to this: exponents from -8 to 7 then reach 10 powers of two below it.
 */
const LARGEST_SCALED = 64
/** A slice may hold weights this much beyond its scale before it is called a mistake. */
const MAX_SCALED = 4096
const MIN_SCALE = 2 ** -110
const MAX_SCALE = 2 ** 110

interface SeedlmParams {
  readonly bits: 3 | 4
  /** float32; undefined until fitted. */
  readonly scale: number | undefined
}

function parse(input: unknown): SeedlmParams {
  const reader = readParams(NAME, input)
  const bits = reader.choice<3 | 4>('bits', [4, 3], 4)
  const scale = reader.number('scale', MIN_SCALE, MAX_SCALE)
  reader.end()
  return { bits, scale: scale === undefined ? undefined : Math.fround(scale) }
}

function plain({ bits, scale }: SeedlmParams): CodecParams {
  return scale === undefined ? { bits } : { bits, scale }
}

function fit(params: SeedlmParams, stats: TensorStats): SeedlmParams {
  if (params.scale !== undefined) return params
  if (stats.maxAbs === 0) return { ...params, scale: 1 }
  const scale = Math.fround(stats.maxAbs / LARGEST_SCALED)
  if (scale > MAX_SCALE)
    throw new VillageError('INVALID_ARGUMENT', 'The weights are too large for seedlm.', {
      fields: { argument: 'params.scale' },
    })
  return { ...params, scale: Math.max(MIN_SCALE, scale) }
}

function shapeOf(rows: number, cols: number, bits: 3 | 4, scale: number): SeedlmShape {
  return bits === 4
    ? { rows, cols, blockWeights: 8, coefficients: 3, scale }
    : { rows, cols, blockWeights: 12, coefficients: 4, scale }
}

function parseFromWire(slice: Slice): { bits: 3 | 4; scale: number } {
  try {
    const { bits, scale } = parse(slice.params)
    if (scale !== undefined && scale === slice.params.scale && Object.keys(slice.params).length === 2)
      return { bits, scale }
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
  }
  throw malformed('a parameter is missing or out of range')
}

/** The slice with every byte accounted for and every seed a state that the register can have. */
function open(packed: Uint8Array): { slice: Slice; shape: SeedlmShape } {
  const slice = readSlice(packed)
  if (slice.codecId !== ID) throw malformed(`they are of codec ${slice.codecId} instead of ${ID}`)
  const { bits, scale } = parseFromWire(slice)
  const shape = shapeOf(slice.rows, slice.cols, bits, scale)
  const stride = seedlmRowBytes(shape.cols, shape.blockWeights, shape.coefficients)
  const { payload } = slice
  if (payload.length !== stride * slice.rows) throw malformed('the payload has the wrong length')
  const blocks = Math.ceil(shape.cols / shape.blockWeights)
  for (let row = 0; row < slice.rows; row++)
    for (let at = row * stride; at < row * stride + blocks * 2; at += 2)
      if (payload[at] === 0 && payload[at + 1] === 0) throw malformed('a seed is zero')
  return { slice, shape }
}

export const seedlm: Codec = {
  id: ID,
  name: NAME,
  title: 'SeedLM: seeds of a shift register, 4 or 3 bits',
  experimental: false,
  needsForce: false,
  aids: [],
  parseParams: (input) => plain(parse(input)),
  fit: (params, stats) => plain(fit(parse(params), stats)),
  rowGroup: () => 1,
  encode(matrix, params, kernels) {
    const stats = statsOf(matrix)
    const fitted = fit(parse(params), stats)
    const scale = fitted.scale!
    if (stats.maxAbs > scale * MAX_SCALED)
      throw new VillageError(
        'INVALID_ARGUMENT',
        'The parameter scale of seedlm is too small for these weights.',
        {
          fields: { argument: 'params.scale', maxAbs: stats.maxAbs },
        },
      )
    const payload = kernels.seedlmEncode(matrix.data, shapeOf(matrix.rows, matrix.cols, fitted.bits, scale))
    return writeSlice({ codecId: ID, rows: matrix.rows, cols: matrix.cols, params: plain(fitted), payload })
  },
  decode(packed, kernels) {
    const { slice, shape } = open(packed)
    return { rows: slice.rows, cols: slice.cols, data: kernels.seedlmDecode(slice.payload, shape) }
  },
  runtimeForm(packed, kernels) {
    const { slice, shape } = open(packed)
    return { kind: 'dense', data: kernels.seedlmDecode(slice.payload, shape) }
  },
}
