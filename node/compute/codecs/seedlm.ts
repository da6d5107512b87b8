/**
 * `seedlm` (arXiv 2410.10714): a block of C weights is a seed of a 16-bit shift register, an exponent and P
 * coefficients of 4 bits; the register's states make the basis that the coefficients combine. 4 bits a weight
 * with C = 8 and P = 3, 3 bits with C = 12 and P = 4. The search looks at the seeds of an inverted file over
 * directions, or at all of them. The largest weights of a row may be kept beside, in half precision.
 */
import { VillageError } from '../../errors.ts'
import { canonicalJson } from '../../json.ts'
import type { SeedlmShape } from '../kernels/seedlm.ts'
import { outlierColumn, seedlmRow } from '../reference/seedlm.ts'
import { checkAids } from './check-aids.ts'
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

const MAX_OUTLIERS = 0.02
const INFINITE_HALF = 0x7c00

interface SeedlmParams {
  readonly bits: 3 | 4
  /** Share of each row's weights that are kept in half precision. */
  readonly outliers: number
  /** How the encoder looks for seeds; not stored. */
  readonly search: 'fast' | 'exact'
  /** float32; undefined until fitted. */
  readonly scale: number | undefined
}

function parse(input: unknown): SeedlmParams {
  const reader = readParams(NAME, input)
  const bits = reader.choice<3 | 4>('bits', [4, 3], 4)
  const outliers = reader.number('outliers', 0, MAX_OUTLIERS) ?? 0
  const search = reader.choice<'fast' | 'exact'>('search', ['fast', 'exact'], 'fast')
  const scale = reader.number('scale', MIN_SCALE, MAX_SCALE)
  reader.end()
  // Negative zero is zero: one value, one text.
  return { bits, outliers: outliers + 0, search, scale: scale === undefined ? undefined : Math.fround(scale) }
}

function plain({ scale, ...params }: SeedlmParams): CodecParams {
  return scale === undefined ? params : { ...params, scale }
}

/** What the decoder needs. */
function stored({ bits, outliers, scale }: SeedlmParams): CodecParams {
  return outliers === 0 ? { bits, scale: scale! } : { bits, outliers, scale: scale! }
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

function shapeOf(rows: number, cols: number, { bits, outliers, scale }: SeedlmParams): SeedlmShape {
  const common = { rows, cols, scale: scale!, outliers: Math.ceil(cols * outliers) }
  return bits === 4
    ? { ...common, blockWeights: 8, coefficients: 3 }
    : { ...common, blockWeights: 12, coefficients: 4 }
}

function parseFromWire(slice: Slice): SeedlmParams {
  try {
    const params = parse(slice.params)
    if (params.scale !== undefined && canonicalJson(stored(params)) === canonicalJson(slice.params))
      return params
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
  }
  throw malformed('a parameter is missing or out of range')
}

/** The slice with every byte accounted for, seeds that the register can have, and outliers in order. */
function open(packed: Uint8Array): { slice: Slice; shape: SeedlmShape } {
  const slice = readSlice(packed)
  if (slice.codecId !== ID) throw malformed(`they are of codec ${slice.codecId} instead of ${ID}`)
  const shape = shapeOf(slice.rows, slice.cols, parseFromWire(slice))
  const row = seedlmRow(shape)
  const { payload } = slice
  if (payload.length !== row.bytes * slice.rows) throw malformed('the payload has the wrong length')
  for (let start = 0; start < payload.length; start += row.bytes) {
    for (let at = start; at < start + row.nibblesAt; at += 2)
      if (payload[at] === 0 && payload[at + 1] === 0) throw malformed('a seed is zero')
    checkOutliers(payload, start, shape)
  }
  return { slice, shape }
}

function checkOutliers(payload: Uint8Array, start: number, shape: SeedlmShape): void {
  const row = seedlmRow(shape)
  let before = -1
  for (let i = 0; i < shape.outliers; i++) {
    const column = outlierColumn(payload, start, row, i)
    if (column <= before || column >= shape.cols) throw malformed('the columns of outliers are not in order')
    before = column
    const high = payload[start + row.valuesAt + i * 2 + 1]! << 8
    if ((high & INFINITE_HALF) === INFINITE_HALF) throw malformed('an outlier is not finite')
  }
}

export const seedlm: Codec = {
  id: ID,
  name: NAME,
  title: 'SeedLM: seeds of a shift register, 4 or 3 bits',
  experimental: false,
  needsForce: false,
  runsAsGrid: false,
  aids: ['columnWeights', 'feedback'],
  parseParams: (input) => plain(parse(input)),
  fit: (params, stats) => plain(fit(parse(params), stats)),
  rowGroup: () => 1,
  encode(matrix, params, kernels, aids = {}) {
    const stats = statsOf(matrix)
    checkAids(matrix, aids)
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
    const shape = shapeOf(matrix.rows, matrix.cols, fitted)
    const { columnWeights, feedback } = aids
    const exact = fitted.search === 'exact'
    const payload = kernels.seedlmEncode(matrix.data, shape, { exact, columnWeights, feedback })
    return writeSlice({
      codecId: ID,
      rows: matrix.rows,
      cols: matrix.cols,
      params: stored(fitted),
      payload,
    })
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
