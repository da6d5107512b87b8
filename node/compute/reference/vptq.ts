/**
 * VPTQ (arXiv 2409.17066) in TypeScript: the twin of native/vptq*.cc, its oracle in tests and the fallback without a
 * compiler. Every operation is rounded to fp32 in the written order (least-squares sums are float64), so both give the
 * same bytes.
 */
import {
  readVptqIndex,
  VPTQ_OUTLIER_STEP,
  type VptqGroup,
  type VptqShape,
  vptqGroup,
  vptqKeptColumns,
  vptqScale,
  vptqScaleCode,
  writeVptqIndex,
} from './vptq-layout.ts'
import { nearestEntry, type VptqSearch, vptqSearch } from './vptq-search.ts'

export interface VptqCodebook {
  /** 2^indexBits × vector. */
  readonly entries: Float32Array
  /** 2^residualBits × vector; empty where residualBits is 0. */
  readonly residuals: Float32Array
}

export interface VptqAids {
  /** `cols`. */
  readonly columnWeights: Float32Array | null
  /** cols × cols, strictly upper triangular. */
  readonly feedback: Float32Array | null
}

const f = Math.fround
const ROUNDER = 12582912

export function vptqDecode(
  payload: Uint8Array,
  shape: VptqShape,
  { entries, residuals }: VptqCodebook,
): Float32Array {
  const { rows, cols, vector, indexBits, residualBits, outliers } = shape
  const layout = vptqGroup(shape)
  const kept = vptqKeptColumns(shape)
  const data = new Float32Array(rows * cols)
  for (let row = 0; row < rows; row++) {
    const at = Math.floor(row / vector) * layout.bytes
    const d = row % vector
    const scale = vptqScale(payload[at + 2 * d]! | (payload[at + 2 * d + 1]! << 8))
    for (let i = 0; i < kept.length; i++) {
      let value = entries[readVptqIndex(payload, at + layout.indicesAt, i, indexBits) * vector + d]!
      if (residualBits !== 0) {
        const residual = readVptqIndex(payload, at + layout.residualsAt, i, residualBits)
        value = f(value + residuals[residual * vector + d]!)
      }
      data[row * cols + kept[i]!] = value * scale
    }
    for (let i = 0; i < outliers.length; i++) {
      const code = (payload[at + layout.outliersAt + d * outliers.length + i]! << 24) >> 24
      data[row * cols + outliers[i]!] = code * VPTQ_OUTLIER_STEP * scale
    }
  }
  return data
}

function inverseOf(code: number): number {
  return code === 0 ? 0 : f(1 / vptqScale(code))
}

function outlierCode(weight: number, inverse: number): number {
  const x = f(f(weight * inverse) / VPTQ_OUTLIER_STEP)
  // False for NaN as well.
  if (!(x > -127)) return -127
  return f(f(Math.min(x, 127) + ROUNDER) - ROUNDER)
}

class Encoder {
  readonly shape: VptqShape
  readonly layout: VptqGroup
  readonly kept: Uint32Array
  readonly payload: Uint8Array
  readonly #codebook: VptqCodebook
  readonly #first: VptqSearch
  readonly #second: VptqSearch
  readonly #left: Float32Array

  constructor(shape: VptqShape, codebook: VptqCodebook) {
    this.shape = shape
    this.layout = vptqGroup(shape)
    this.kept = vptqKeptColumns(shape)
    this.payload = new Uint8Array(this.layout.bytes * this.layout.groups)
    this.#codebook = codebook
    this.#first = vptqSearch(codebook.entries, shape.vector)
    this.#second = vptqSearch(codebook.residuals, shape.vector)
    this.#left = new Float32Array(shape.vector)
  }

  /** Codes the point, writes its indices as those of column `i` of the kept ones, and fills in what they stand for. */
  code(group: number, i: number, point: Float32Array, coded: Float32Array): void {
    const { vector, indexBits, residualBits } = this.shape
    const at = group * this.layout.bytes
    const index = nearestEntry(this.#first, point, 0)
    writeVptqIndex(this.payload, at + this.layout.indicesAt, i, indexBits, index)
    for (let d = 0; d < vector; d++) coded[d] = this.#codebook.entries[index * vector + d]!
    if (residualBits === 0) return
    for (let d = 0; d < vector; d++) this.#left[d] = point[d]! - coded[d]!
    const residual = nearestEntry(this.#second, this.#left, 0)
    writeVptqIndex(this.payload, at + this.layout.residualsAt, i, residualBits, residual)
    for (let d = 0; d < vector; d++) coded[d] = coded[d]! + this.#codebook.residuals[residual * vector + d]!
  }

  /** Root mean square of a row. */
  plainScale(data: Float32Array, row: number): number {
    const { cols } = this.shape
    let sum = 0
    for (let col = 0; col < cols; col++) sum += data[row * cols + col]! * data[row * cols + col]!
    return vptqScaleCode(Math.sqrt(sum / cols))
  }

  writeScale(row: number, code: number): void {
    const at = Math.floor(row / this.shape.vector) * this.layout.bytes + 2 * (row % this.shape.vector)
    this.payload[at] = code & 255
    this.payload[at + 1] = code >>> 8
  }

  writeOutlier(row: number, i: number, code: number): void {
    const { vector, outliers } = this.shape
    const at = Math.floor(row / vector) * this.layout.bytes + this.layout.outliersAt
    this.payload[at + (row % vector) * outliers.length + i] = code
  }
}

/** A group of rows without feedback: coded at the root mean square, then each row takes the scale of least error. */
function encodeGroup(
  encoder: Encoder,
  data: Float32Array,
  group: number,
  columnWeights: Float32Array | null,
): void {
  const { rows, cols, vector, outliers } = encoder.shape
  const { kept } = encoder
  const from = group * vector
  const count = Math.min(vector, rows - from)
  const codes = Array.from({ length: count }, (_, d) => encoder.plainScale(data, from + d))
  const inverses = codes.map(inverseOf)
  const point = new Float32Array(vector)
  const coded = new Float32Array(vector)
  const products = new Float64Array(count)
  const squares = new Float64Array(count)
  for (let i = 0; i < kept.length; i++) {
    const col = kept[i]!
    for (let d = 0; d < count; d++) point[d] = data[(from + d) * cols + col]! * inverses[d]!
    encoder.code(group, i, point, coded)
    const weight = columnWeights === null ? 1 : columnWeights[col]!
    for (let d = 0; d < count; d++) {
      products[d] = products[d]! + weight * data[(from + d) * cols + col]! * coded[d]!
      squares[d] = squares[d]! + weight * coded[d]! * coded[d]!
    }
  }
  for (let d = 0; d < count; d++) {
    let code = codes[d]!
    if (squares[d]! > 0 && products[d]! > 0) code = vptqScaleCode(products[d]! / squares[d]!)
    else if (outliers.length === 0) code = 0
    encoder.writeScale(from + d, code)
    const inverse = inverseOf(code)
    for (let i = 0; i < outliers.length; i++)
      encoder.writeOutlier(from + d, i, outlierCode(data[(from + d) * cols + outliers[i]!]!, inverse))
  }
}

/** A group of rows with feedback: column after column, the error of each goes on to those after it. */
function encodeFedGroup(encoder: Encoder, data: Float32Array, group: number, feedback: Float32Array): void {
  const { rows, cols, vector, outliers } = encoder.shape
  const from = group * vector
  const count = Math.min(vector, rows - from)
  const target = data.slice(from * cols, (from + count) * cols)
  const codes = Array.from({ length: count }, (_, d) => encoder.plainScale(target, d))
  const scales = codes.map(vptqScale)
  const inverses = codes.map(inverseOf)
  for (const [d, code] of codes.entries()) encoder.writeScale(from + d, code)
  const isOutlier = new Set(outliers)
  const point = new Float32Array(vector)
  const coded = new Float32Array(vector)
  const errors = new Float32Array(count)
  let keptAt = 0
  let outlierAt = 0
  for (let j = 0; j < cols; j++) {
    if (isOutlier.has(j)) {
      for (let d = 0; d < count; d++) {
        const wanted = target[d * cols + j]!
        const code = outlierCode(wanted, inverses[d]!)
        encoder.writeOutlier(from + d, outlierAt, code)
        errors[d] = wanted - f(code * VPTQ_OUTLIER_STEP * scales[d]!)
      }
      outlierAt++
    } else {
      for (let d = 0; d < count; d++) point[d] = target[d * cols + j]! * inverses[d]!
      encoder.code(group, keptAt++, point, coded)
      for (let d = 0; d < count; d++) errors[d] = target[d * cols + j]! - f(coded[d]! * scales[d]!)
    }
    for (let d = 0; d < count; d++)
      for (let k = j + 1; k < cols; k++)
        target[d * cols + k] = target[d * cols + k]! - f(errors[d]! * feedback[j * cols + k]!)
  }
}

export function vptqEncode(
  data: Float32Array,
  shape: VptqShape,
  codebook: VptqCodebook,
  aids: VptqAids,
): Uint8Array {
  const encoder = new Encoder(shape, codebook)
  for (let group = 0; group < encoder.layout.groups; group++)
    if (aids.feedback === null) encodeGroup(encoder, data, group, aids.columnWeights)
    else encodeFedGroup(encoder, data, group, aids.feedback)
  return encoder.payload
}
