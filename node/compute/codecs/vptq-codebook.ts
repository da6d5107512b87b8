/**
 * The bytes of a codebook of `vptq`. Little-endian: "VCBK" · version u8 = 1 · rows a vector u8 · bits of an index u8 ·
 * bits of a residual index u8 (0: none) · 2^indexBits × vector half-precision numbers, entry by entry ·
 * 2^residualBits × vector of them for the residuals. A codebook is known by the SHA-256 of all its bytes.
 */
import { createHash } from 'node:crypto'
import { fromHalfBits, toHalfBits } from '../reference/f16.ts'
import { VPTQ_LAYOUTS, type VptqLayout } from './vptq-layouts.ts'
import { malformed } from './wire.ts'

const MAGIC = 0x4b424356 // "VCBK"
const VERSION = 1
const HEADER_BYTES = 8
/** A centroid times a scale, and the sum of two of them, then stay finite. */
export const MAX_CENTROID = 64

export interface ParsedCodebook {
  readonly layout: VptqLayout
  /** 2^indexBits × vector, exactly representable in half precision, at most MAX_CENTROID in size. */
  readonly entries: Float32Array
  /** 2^residualBits × vector; empty where the layout has no residuals. */
  readonly residuals: Float32Array
}

export function codebookBytes({ vector, indexBits, residualBits }: VptqLayout): number {
  const residuals = residualBits === 0 ? 0 : 2 ** residualBits
  return HEADER_BYTES + 2 * vector * (2 ** indexBits + residuals)
}

export function writeCodebook({ layout, entries, residuals }: ParsedCodebook): Uint8Array {
  const bytes = new Uint8Array(codebookBytes(layout))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint8(4, VERSION)
  view.setUint8(5, layout.vector)
  view.setUint8(6, layout.indexBits)
  view.setUint8(7, layout.residualBits)
  let at = HEADER_BYTES
  for (const values of [entries, residuals])
    for (const value of values) {
      view.setUint16(at, toHalfBits(value), true)
      at += 2
    }
  return bytes
}

/** Reads a codebook that may come from anybody. Throws CODEC_MALFORMED. */
export function readCodebook(bytes: Uint8Array): ParsedCodebook {
  if (bytes.length < HEADER_BYTES) throw malformed('the codebook is shorter than its header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== MAGIC) throw malformed('the codebook does not begin with VCBK')
  if (view.getUint8(4) !== VERSION) throw malformed(`version ${view.getUint8(4)} of codebooks is not known`)
  const layout = VPTQ_LAYOUTS.find(
    (row) =>
      row.vector === view.getUint8(5) &&
      row.indexBits === view.getUint8(6) &&
      row.residualBits === view.getUint8(7),
  )
  if (layout === undefined) throw malformed('the codebook has no known layout')
  if (bytes.length !== codebookBytes(layout)) throw malformed('the codebook has the wrong length')
  const first = layout.vector * 2 ** layout.indexBits
  const values = new Float32Array((bytes.length - HEADER_BYTES) / 2)
  for (let i = 0; i < values.length; i++) {
    values[i] = fromHalfBits(view.getUint16(HEADER_BYTES + 2 * i, true))
    // False for NaN as well.
    if (!(Math.abs(values[i]!) <= MAX_CENTROID)) throw malformed('a number of the codebook is out of range')
  }
  return { layout, entries: values.slice(0, first), residuals: values.slice(first) }
}

export function codebookHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
