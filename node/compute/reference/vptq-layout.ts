/**
 * Where the parts of a packed group of rows lie: the scales of its rows (16 bits each), the codes of its outlier
 * columns (a byte a weight, row after row), the indices of the other columns, their residual indices. Indices are
 * packed lowest bits first; each part begins on a byte. Twin of native/vptq_layout.h.
 */
export const VPTQ_VECTORS = [2, 3, 4, 6, 8] as const

export interface VptqShape {
  readonly rows: number
  readonly cols: number
  /** Rows that are coded together. */
  readonly vector: (typeof VPTQ_VECTORS)[number]
  /** 4 to 16: the codebook has 2^indexBits entries. */
  readonly indexBits: number
  /** 0 (none) or 4 to 16: entries of the codebook of what the first leaves. */
  readonly residualBits: number
  /** Columns that are kept as 8-bit integers, ascending; fewer than `cols`. */
  readonly outliers: Uint32Array
}

export interface VptqGroup {
  readonly groups: number
  /** Columns that are coded by the codebook. */
  readonly kept: number
  readonly outliersAt: number
  readonly indicesAt: number
  readonly residualsAt: number
  readonly bytes: number
}

export function vptqGroup(shape: VptqShape): VptqGroup {
  const { rows, cols, vector, indexBits, residualBits, outliers } = shape
  const kept = cols - outliers.length
  const outliersAt = vector * 2
  const indicesAt = outliersAt + vector * outliers.length
  const residualsAt = indicesAt + Math.ceil((kept * indexBits) / 8)
  const bytes = residualsAt + Math.ceil((kept * residualBits) / 8)
  return { groups: Math.ceil(rows / vector), kept, outliersAt, indicesAt, residualsAt, bytes }
}

/** Columns that are not outliers, ascending. */
export function vptqKeptColumns(shape: VptqShape): Uint32Array {
  const outliers = new Set(shape.outliers)
  const kept = new Uint32Array(shape.cols - outliers.size)
  for (let col = 0, at = 0; col < shape.cols; col++) if (!outliers.has(col)) kept[at++] = col
  return kept
}

const MIN_SCALE = 2 ** -120
const MAX_SCALE = 2 ** 120
const MIN_SCALE_CODE = 7 << 8
const MAX_SCALE_CODE = 247 << 8

const word = new DataView(new ArrayBuffer(4))

/**
 * A scale is the upper 16 of a positive float's 31 bits: 8 of exponent, 8 of mantissa. 0 stands for a row of zeros,
 * others are from 2^-120 to 2^120, so that neither they nor their inverses overflow.
 */
export function vptqScaleCode(scale: number): number {
  const rounded = Math.fround(scale)
  if (!(rounded >= MIN_SCALE)) return 0
  if (rounded >= MAX_SCALE) return MAX_SCALE_CODE
  word.setFloat32(0, rounded)
  return (word.getUint32(0) + 0x4000) >>> 15
}

export function vptqScale(code: number): number {
  word.setUint32(0, code << 15)
  return word.getFloat32(0)
}

export function isVptqScaleCode(code: number): boolean {
  return code === 0 || (code >= MIN_SCALE_CODE && code <= MAX_SCALE_CODE)
}

/** `bytes` must be zero where nothing has been written. */
export function writeVptqIndex(
  bytes: Uint8Array,
  at: number,
  position: number,
  bits: number,
  index: number,
): void {
  const bit = position * bits
  let value = index << (bit & 7)
  for (let to = at + (bit >>> 3); value !== 0; value >>>= 8) bytes[to] = bytes[to++]! | (value & 255)
}

export function readVptqIndex(bytes: Uint8Array, at: number, position: number, bits: number): number {
  const bit = position * bits
  const shift = bit & 7
  const from = at + (bit >>> 3)
  let value = bytes[from]!
  if (shift + bits > 8) value |= bytes[from + 1]! << 8
  if (shift + bits > 16) value |= bytes[from + 2]! << 16
  return (value >>> shift) & (2 ** bits - 1)
}

/** Of an outlier column: sixteenths of the row's scale. */
export const VPTQ_OUTLIER_STEP = 1 / 16
