/**
 * `trellis`: the project's own codec without calibration. A row is a string of 2, 3 or 4 bits a weight, chosen
 * by a Viterbi search; a window of 12 bits slides over it and each of its positions stands for a value that a
 * few integer operations generate. One byte a block holds its scale. See reference/trellis.ts for the maths and
 * docs/decisions/0002-trellis.md for what was tried.
 */
import { VillageError } from '../../errors.ts'
import type { TrellisShape } from '../kernels/trellis.ts'
import { trellisRow } from '../reference/trellis.ts'
import { checkAids } from './check-aids.ts'
import type { Codec, CodecParams } from './codec.ts'
import { readParams } from './params.ts'
import { statsOf, type TensorStats } from './tensor-stats.ts'
import { malformed, readSlice, type Slice, writeSlice } from './wire.ts'

const ID = 6
const NAME = 'trellis'
const MIN_EXPONENT = -100
/** The largest value at the largest scale is then still a float32. */
const MAX_EXPONENT = 120
/** A slice may hold weights this much beyond its largest scale before it is called a mistake. */
const MAX_SCALED = 2 ** 20
/** Their mean is 1. */
const MAX_COLUMN_WEIGHT = 2 ** 28

interface TrellisParams {
  readonly bits: 2 | 3 | 4
  readonly blockSize: 32 | 64 | 128 | 256
  /** undefined until fitted. */
  readonly scaleExponent: number | undefined
}

function parse(input: unknown): TrellisParams {
  const reader = readParams(NAME, input)
  const bits = reader.choice<2 | 3 | 4>('bits', [4, 3, 2], 4)
  const blockSize = reader.choice<32 | 64 | 128 | 256>('blockSize', [128, 32, 64, 256], 128)
  const scaleExponent = reader.number('scaleExponent', MIN_EXPONENT, MAX_EXPONENT)
  reader.end()
  if (scaleExponent !== undefined && !Number.isInteger(scaleExponent))
    throw new VillageError('INVALID_ARGUMENT', 'The parameter scaleExponent of trellis must be an integer.', {
      fields: { argument: 'params.scaleExponent' },
    })
  // Adding 0 turns -0, which is not canonical, into 0.
  return { bits, blockSize, scaleExponent: scaleExponent === undefined ? undefined : scaleExponent + 0 }
}

function plain({ bits, blockSize, scaleExponent }: TrellisParams): CodecParams {
  return scaleExponent === undefined ? { bits, blockSize } : { bits, blockSize, scaleExponent }
}

/** The largest scale is at least twice the largest weight: a block of one weight may need as much. */
function fit(params: TrellisParams, stats: TensorStats): TrellisParams {
  if (params.scaleExponent !== undefined) return params
  if (stats.maxAbs === 0) return { ...params, scaleExponent: 0 }
  let exponent = MIN_EXPONENT
  while (2 ** (exponent - 1) < stats.maxAbs) exponent++
  if (exponent > MAX_EXPONENT) throw tooLarge('The weights are too large for trellis.', stats)
  return { ...params, scaleExponent: exponent }
}

function tooLarge(message: string, stats: TensorStats): VillageError {
  return new VillageError('INVALID_ARGUMENT', message, {
    fields: { argument: 'params.scaleExponent', maxAbs: stats.maxAbs },
  })
}

/** The slice with every byte accounted for. */
function open(packed: Uint8Array): { slice: Slice; shape: TrellisShape } {
  const slice = readSlice(packed)
  if (slice.codecId !== ID) throw malformed(`they are of codec ${slice.codecId} instead of ${ID}`)
  const { bits, blockSize, scaleExponent } = parseFromWire(slice)
  const shape = { rows: slice.rows, cols: slice.cols, bits, blockSize, scaleExponent }
  const { bytes } = trellisRow(shape)
  const { payload } = slice
  if (payload.length !== bytes * slice.rows) throw malformed('the payload has the wrong length')
  const unused = 2 ** ((8 - ((slice.cols * bits) % 8)) % 8) - 1
  if (unused !== 0)
    for (let end = bytes - 1; end < payload.length; end += bytes)
      if ((payload[end]! & unused) !== 0) throw malformed('the padding of a row is not zero')
  return { slice, shape }
}

function parseFromWire({ params }: Slice): TrellisParams & { scaleExponent: number } {
  try {
    const { scaleExponent, ...rest } = parse(params)
    if (scaleExponent !== undefined && Object.keys(params).length === 3) return { ...rest, scaleExponent }
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
  }
  throw malformed('a parameter is missing or out of range')
}

export const trellis: Codec = {
  id: ID,
  name: NAME,
  title: 'Trellis: a sliding window of generated values, 4, 3 or 2 bits',
  experimental: false,
  needsForce: false,
  runsAsGrid: false,
  aids: ['columnWeights', 'feedback'],
  parseParams: (input) => plain(parse(input)),
  fit: (params, stats) => plain(fit(parse(params), stats)),
  rowGroup: () => 1,
  encode(matrix, params, kernels, aids = {}) {
    const stats = statsOf(matrix)
    const { bits, blockSize, scaleExponent } = fit(parse(params), stats)
    checkAids(matrix, aids)
    if (aids.columnWeights?.some((weight) => !(weight >= 0 && weight <= MAX_COLUMN_WEIGHT)))
      throw new VillageError('INVALID_ARGUMENT', 'A column weight is negative or not finite.', {
        fields: { argument: 'aids.columnWeights' },
      })
    if (stats.maxAbs > MAX_SCALED * 2 ** scaleExponent!)
      throw tooLarge('The parameter scaleExponent of trellis is too small for these weights.', stats)
    const { rows, cols } = matrix
    const shape = { rows, cols, bits, blockSize, scaleExponent: scaleExponent! }
    const { columnWeights, feedback } = aids
    const payload = kernels.trellisEncode(matrix.data, shape, {
      ...(columnWeights && { columnWeights }),
      ...(feedback && { feedback }),
    })
    return writeSlice({
      codecId: ID,
      rows,
      cols,
      params: { bits, blockSize, scaleExponent: scaleExponent! },
      payload,
    })
  },
  decode(packed, kernels) {
    const { slice, shape } = open(packed)
    return { rows: slice.rows, cols: slice.cols, data: kernels.trellisDecode(slice.payload, shape) }
  },
  runtimeForm(packed, kernels) {
    const { slice, shape } = open(packed)
    return { kind: 'dense', data: kernels.trellisDecode(slice.payload, shape) }
  },
}
