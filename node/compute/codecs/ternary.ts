/**
 * `ternary`: BitNet b1.58 (arXiv 2402.17764, equation 1). γ is the mean magnitude of the tensor and every
 * weight becomes γ · round(w / γ) held to -1, 0, 1. Models trained that way lose nothing; others collapse, so
 * encode wants `force` for them.
 */
import { VillageError } from '../../errors.ts'
import type { Codec, CodecParams, RuntimeForm, WeightMatrix } from './codec.ts'
import { readParams } from './params.ts'
import { isTernary, statsOf, type TensorStats } from './tensor-stats.ts'
import { malformed, readSlice, writeSlice } from './wire.ts'

const ID = 3
const NAME = 'ternary'
const MAX_SCALE = 2 ** 126
/** Blocks of the runtime form: all scales are γ, so they only need to be few. */
const RUNTIME_BLOCK_SIZE = 128

type Packing = '5in8' | '2bit'

interface TernaryParams {
  readonly packing: Packing
  /** γ as float32; undefined until fitted. */
  readonly scale: number | undefined
  readonly force: boolean
}

/**
 * How trits (0, 1, 2 for -1, 0, 1) share a byte; the first is the lowest digit, missing ones at the end of a
 * row are 1.
 */
const PACKINGS: Record<Packing, { readonly perByte: number; readonly base: number }> = {
  '5in8': { perByte: 5, base: 3 },
  '2bit': { perByte: 4, base: 4 },
}

function parse(input: unknown): TernaryParams {
  const reader = readParams(NAME, input)
  const packing = reader.choice<Packing>('packing', ['5in8', '2bit'], '5in8')
  const scale = reader.number('scale', 0, MAX_SCALE)
  const force = reader.choice('force', [false, true], false)
  reader.end()
  return { packing, scale: scale === undefined ? undefined : Math.fround(scale), force }
}

function plain({ packing, scale, force }: TernaryParams): CodecParams {
  return { packing, ...(scale === undefined ? {} : { scale }), ...(force ? { force } : {}) }
}

function lossy(): VillageError {
  return new VillageError(
    'CODEC_NEEDS_FORCE',
    'These weights were not trained to be ternary and would lose most of what they hold.',
    { fields: { codec: NAME } },
  )
}

/** γ for ordinary weights; the one magnitude there is for natively ternary ones, which then lose nothing. */
function fit(params: TernaryParams, stats: TensorStats): TernaryParams {
  const native = isTernary(stats)
  if (!native && !params.force) throw lossy()
  if (params.scale !== undefined) return params
  const scale = Math.fround(native ? stats.maxAbs : stats.sumAbs / stats.weights)
  if (scale > MAX_SCALE)
    throw new VillageError('INVALID_ARGUMENT', 'The weights are too large for ternary.', {
      fields: { argument: 'params.scale' },
    })
  return { ...params, scale }
}

function pack(matrix: WeightMatrix, scale: number, params: TernaryParams): Uint8Array {
  const { perByte, base } = PACKINGS[params.packing]
  const { rows, cols, data } = matrix
  const stride = Math.ceil(cols / perByte)
  const payload = new Uint8Array(rows * stride)
  for (let row = 0; row < rows; row++)
    for (let byte = 0; byte < stride; byte++) {
      let value = 0
      for (let digit = perByte - 1; digit >= 0; digit--) {
        const col = byte * perByte + digit
        const weight = col < cols ? data[row * cols + col]! : 0
        const trit = Math.abs(weight) > 0.5 * scale ? Math.sign(weight) : 0
        if (!params.force && trit * scale !== weight) throw lossy()
        value = value * base + trit + 1
      }
      payload[row * stride + byte] = value
    }
  return payload
}

interface Opened {
  readonly rows: number
  readonly cols: number
  readonly scale: number
  /** -1, 0, 1, row-major. */
  readonly trits: Int8Array
}

function open(packed: Uint8Array): Opened {
  const { codecId, rows, cols, params: json, payload } = readSlice(packed)
  if (codecId !== ID) throw malformed(`they are of codec ${codecId} instead of ${ID}`)
  const { packing, scale } = parseFromWire(json)
  const { perByte, base } = PACKINGS[packing]
  const stride = Math.ceil(cols / perByte)
  if (payload.length !== rows * stride) throw malformed('the payload has the wrong length')
  const trits = new Int8Array(rows * cols)
  for (let row = 0; row < rows; row++)
    for (let byte = 0; byte < stride; byte++) {
      let value = payload[row * stride + byte]!
      for (let digit = 0; digit < perByte; digit++) {
        const col = byte * perByte + digit
        const trit = (value % base) - 1
        value = Math.floor(value / base)
        if (trit > 1 || (col >= cols && trit !== 0)) throw malformed('a code is not a trit')
        if (col < cols) trits[row * cols + col] = trit
      }
      if (value !== 0) throw malformed('a code is not a trit')
    }
  return { rows, cols, scale, trits }
}

function parseFromWire(json: CodecParams): { packing: Packing; scale: number } {
  try {
    const { packing, scale } = parse(json)
    if (scale !== undefined && scale === json.scale && Object.keys(json).length === 2)
      return { packing, scale }
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
  }
  throw malformed('a parameter is missing or out of range')
}

function runtimeForm({ rows, cols, scale, trits }: Opened): RuntimeForm {
  const blocks = Math.ceil(cols / RUNTIME_BLOCK_SIZE)
  const stride = (blocks * RUNTIME_BLOCK_SIZE) / 4
  // Code 2 is the zero of two bits, so that padding is worth nothing.
  const packed = new Uint8Array(rows * stride).fill(0b10101010)
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) {
      const at = row * stride + (col >>> 2)
      packed[at] = packed[at]! + (trits[row * cols + col]! << ((col & 3) * 2))
    }
  return {
    kind: 'nbits',
    bits: 2,
    blockSize: RUNTIME_BLOCK_SIZE,
    packed,
    scales: new Float32Array(rows * blocks).fill(scale),
    zeroPoints: null,
  }
}

export const ternary: Codec = {
  id: ID,
  name: NAME,
  title: 'Ternary (BitNet b1.58), for models that were trained so',
  experimental: false,
  needsForce: true,
  aids: [],
  parseParams: (input) => plain(parse(input)),
  fit: (params, stats) => plain(fit(parse(params), stats)),
  rowGroup: () => 1,
  encode(matrix, params) {
    const fitted = fit(parse(params), statsOf(matrix))
    const scale = fitted.scale!
    const payload = pack(matrix, scale, fitted)
    const wireParams = { packing: fitted.packing, scale }
    return writeSlice({ codecId: ID, rows: matrix.rows, cols: matrix.cols, params: wireParams, payload })
  },
  decode(packed) {
    const { rows, cols, scale, trits } = open(packed)
    // Adding zero turns -0 into 0.
    return { rows, cols, data: Float32Array.from(trits, (trit) => trit * scale + 0) }
  },
  runtimeForm: (packed) => runtimeForm(open(packed)),
}
