/**
 * `vptq` (arXiv 2409.17066): rows are divided by a scale of their own, and vectors of neighbouring rows within a
 * column become the number of the nearest entry of a codebook that was trained on the tensors that share it. Columns
 * that count most may be kept as 8-bit integers; with a calibration, the error of each column moves those after it.
 */
import { VillageError } from '../../errors.ts'
import { canonicalJson } from '../../json.ts'
import type { VptqShape } from '../kernels/vptq.ts'
import type { Kernels } from '../kernels.ts'
import { isVptqScaleCode, vptqGroup } from '../reference/vptq-layout.ts'
import type { Codec, CodecParams, EncodeAids, WeightMatrix } from './codec.ts'
import { readParams } from './params.ts'
import { statsOf } from './tensor-stats.ts'
import { codebookHash, type ParsedCodebook, readCodebook } from './vptq-codebook.ts'
import { type VptqBits, type VptqLayout, type VptqLayoutName, vptqLayout } from './vptq-layouts.ts'
import { chooseOutliers, mostOutliers, outliersFromText, outliersToText } from './vptq-outliers.ts'
import { malformed, readSlice, type Slice, writeSlice } from './wire.ts'

const ID = 5
const NAME = 'vptq'
/** Scales reach 2^120, and a weight may be some times its row's scale. */
const LARGEST_WEIGHT = 2 ** 118
const MAX_OUTLIER_SHARE = 0.125
const DEFAULT_OUTLIER_SHARE = 0.01
const HASH = /^[0-9a-f]{64}$/
const MAX_OUTLIERS_TEXT = 700

interface VptqParams {
  readonly layout: VptqLayout
  /** At most this share of the columns is kept as 8-bit integers. */
  readonly outlierShare: number
  /** SHA-256 of the codebook; undefined until it is known. */
  readonly codebook: string | undefined
  /** The outlier columns as text; undefined where there are none or they are not chosen yet. */
  readonly outliers: string | undefined
}

function parse(input: unknown): VptqParams {
  const reader = readParams(NAME, input)
  const bits = reader.choice<VptqBits>('bits', [4, 3, 2], 4)
  const name = reader.choice<VptqLayoutName>('layout', ['large', 'small', 'residual'], 'large')
  const outlierShare = reader.number('outlierShare', 0, MAX_OUTLIER_SHARE) ?? DEFAULT_OUTLIER_SHARE
  const codebook = reader.text('codebook', HASH)
  const outliers = reader.text('outliers', /^[A-Za-z0-9+/]+={0,2}$/)
  reader.end()
  if (outliers !== undefined && outliers.length > MAX_OUTLIERS_TEXT)
    throw new VillageError('INVALID_ARGUMENT', 'The parameter outliers of vptq is too long.', {
      fields: { argument: 'params.outliers' },
    })
  const layout = vptqLayout(bits, name)
  if (layout === undefined)
    throw new VillageError('INVALID_ARGUMENT', `vptq has no layout ${name} of ${bits} bits.`, {
      fields: { argument: 'params.layout' },
    })
  // Negative zero is zero: one value, one text.
  return { layout, outlierShare: outlierShare + 0, codebook, outliers }
}

function plain({ layout, outlierShare, codebook, outliers }: VptqParams): CodecParams {
  return {
    bits: layout.bits,
    layout: layout.name,
    outlierShare,
    ...(codebook === undefined ? {} : { codebook }),
    ...(outliers === undefined ? {} : { outliers }),
  }
}

/** The layout that the parameters name: what a codebook for them must have. */
export function layoutOf(params: CodecParams): VptqLayout {
  return parse(params).layout
}

function shapeOf(rows: number, cols: number, layout: VptqLayout, outliers: Uint32Array): VptqShape {
  const { vector, indexBits, residualBits } = layout
  return { rows, cols, vector, indexBits, residualBits, outliers }
}

/** The largest payload of a weight: what is stored before a codebook is trained can be said of its size alone. */
export function mostPayloadBytes(params: CodecParams, shape: { rows: number; cols: number }): number {
  const { layout, outlierShare } = parse(params)
  const outliers = new Uint32Array(mostOutliers(shape.cols, outlierShare))
  const { bytes, groups } = vptqGroup(shapeOf(shape.rows, shape.cols, layout, outliers))
  return bytes * groups
}

interface KnownCodebook {
  readonly hash: string
  readonly parsed: ParsedCodebook
}

/** Slices of a tensor come with the same array: it is hashed and parsed once. */
const known = new WeakMap<Uint8Array, KnownCodebook>()

function openCodebook(bytes: Uint8Array): KnownCodebook {
  let codebook = known.get(bytes)
  if (codebook === undefined) {
    codebook = { hash: codebookHash(bytes), parsed: readCodebook(bytes) }
    known.set(bytes, codebook)
  }
  return codebook
}

function codebookFor(params: VptqParams, aids: EncodeAids): KnownCodebook {
  const fields = { argument: 'aids.codebook' }
  if (aids.codebook === undefined)
    throw new VillageError('INVALID_ARGUMENT', 'vptq cannot encode without a codebook.', { fields })
  const codebook = openCodebook(aids.codebook)
  if (params.codebook !== undefined && params.codebook !== codebook.hash)
    throw new VillageError('INVALID_ARGUMENT', 'The codebook is not the one that the parameters name.', {
      fields,
    })
  if (codebook.parsed.layout !== params.layout)
    throw new VillageError('INVALID_ARGUMENT', 'The codebook has another layout than the parameters name.', {
      fields,
    })
  return codebook
}

function encode(
  matrix: WeightMatrix,
  input: CodecParams,
  kernels: Kernels,
  aids: EncodeAids = {},
): Uint8Array {
  const params = parse(input)
  const { rows, cols, data } = matrix
  const { maxAbs } = statsOf(matrix)
  const codebook = codebookFor(params, aids)
  if (maxAbs > LARGEST_WEIGHT)
    throw new VillageError('INVALID_ARGUMENT', 'The weights are too large for the scales of vptq.', {
      fields: { argument: 'matrix', maxAbs },
    })
  const outliers =
    params.outliers === undefined
      ? chooseOutliers(aids.columnWeights, params.outlierShare)
      : outliersFromText(params.outliers, cols)
  const shape = shapeOf(rows, cols, codebook.parsed.layout, outliers)
  const payload = kernels.vptqEncode(data, shape, codebook.parsed, {
    columnWeights: aids.columnWeights ?? null,
    feedback: aids.feedback ?? null,
  })
  const fitted = {
    ...params,
    codebook: codebook.hash,
    outliers: outliers.length === 0 ? undefined : outliersToText(outliers),
  }
  return writeSlice({ codecId: ID, rows, cols, params: plain(fitted), payload })
}

function parseFromWire(slice: Slice): VptqParams {
  try {
    const params = parse(slice.params)
    if (params.codebook !== undefined && canonicalJson(plain(params)) === canonicalJson(slice.params))
      return params
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
  }
  throw malformed('a parameter is missing or out of range')
}

/** The slice and its codebook, with every byte accounted for and every scale in its range. */
function open(
  packed: Uint8Array,
  bytes: Uint8Array | undefined,
): { slice: Slice; shape: VptqShape; codebook: ParsedCodebook } {
  const slice = readSlice(packed)
  if (slice.codecId !== ID) throw malformed(`they are of codec ${slice.codecId} instead of ${ID}`)
  const params = parseFromWire(slice)
  if (bytes === undefined) throw malformed('their codebook is missing')
  const { hash, parsed } = openCodebook(bytes)
  if (hash !== params.codebook) throw malformed('the codebook is another than theirs')
  if (parsed.layout !== params.layout) throw malformed('their codebook has another layout than they have')
  const outliers =
    params.outliers === undefined ? new Uint32Array(0) : outliersFromText(params.outliers, slice.cols)
  const shape = shapeOf(slice.rows, slice.cols, parsed.layout, outliers)
  const layout = vptqGroup(shape)
  const { payload } = slice
  if (payload.length !== layout.bytes * layout.groups) throw malformed('the payload has the wrong length')
  for (let group = 0; group < layout.groups; group++)
    for (let at = group * layout.bytes; at < group * layout.bytes + 2 * shape.vector; at += 2)
      if (!isVptqScaleCode(payload[at]! | (payload[at + 1]! << 8))) throw malformed('a scale is out of range')
  return { slice, shape, codebook: parsed }
}

export const vptq: Codec = {
  id: ID,
  name: NAME,
  title: 'VPTQ: vectors from a trained codebook, 2, 3 or 4 bits',
  experimental: false,
  needsForce: false,
  runsAsGrid: false,
  aids: ['columnWeights', 'feedback', 'codebook'],
  parseParams: (input) => plain(parse(input)),
  fit: (params) => plain(parse(params)),
  rowGroup: (params) => layoutOf(params).vector,
  encode,
  decode(packed, kernels, bytes) {
    const { slice, shape, codebook } = open(packed, bytes)
    const { rows, cols, payload } = slice
    return { rows, cols, data: kernels.vptqDecode(payload, shape, codebook) }
  },
  runtimeForm(packed, kernels, bytes) {
    const { slice, shape, codebook } = open(packed, bytes)
    return { kind: 'dense', data: kernels.vptqDecode(slice.payload, shape, codebook) }
  },
}
