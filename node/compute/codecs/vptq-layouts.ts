/**
 * How `vptq` spends its bits: rows a vector, bits of an index, bits of a residual index. Measured on the codebooks
 * that the shared sizes allow (docs/compression.md).
 */
export type VptqBits = 2 | 3 | 4
/**
 * `large`: one codebook of 4,096 entries (24 to 48 KiB), for models of a few million weights or more; `small`: one of
 * 256 or 512 (1 to 3 KiB), for less; `residual` (3 and 4 bits): the 2-bit codebook and one for what it leaves.
 */
export type VptqLayoutName = 'large' | 'small' | 'residual'

export interface VptqLayout {
  readonly bits: VptqBits
  readonly name: VptqLayoutName
  readonly vector: 2 | 3 | 4 | 6 | 8
  readonly indexBits: number
  readonly residualBits: number
}

export const VPTQ_LAYOUTS: readonly VptqLayout[] = [
  { bits: 2, name: 'large', vector: 6, indexBits: 12, residualBits: 0 },
  { bits: 2, name: 'small', vector: 4, indexBits: 8, residualBits: 0 },
  { bits: 3, name: 'large', vector: 4, indexBits: 12, residualBits: 0 },
  { bits: 3, name: 'small', vector: 3, indexBits: 9, residualBits: 0 },
  { bits: 3, name: 'residual', vector: 6, indexBits: 12, residualBits: 6 },
  { bits: 4, name: 'large', vector: 3, indexBits: 12, residualBits: 0 },
  { bits: 4, name: 'small', vector: 2, indexBits: 8, residualBits: 0 },
  { bits: 4, name: 'residual', vector: 6, indexBits: 12, residualBits: 12 },
]

/** Undefined where there is none: 2 bits have no residuals. */
export function vptqLayout(bits: VptqBits, name: VptqLayoutName): VptqLayout | undefined {
  return VPTQ_LAYOUTS.find((layout) => layout.bits === bits && layout.name === name)
}
