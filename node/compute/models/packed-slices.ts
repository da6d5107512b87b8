/** Packed slices of a weight, read from their file one at a time: what they hold together may be larger than memory. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { RuntimeForm, WeightMatrix } from '../codecs/codec.ts'
import { codecById } from '../codecs/table.ts'
import { readSlice } from '../codecs/wire.ts'
import type { Kernels } from '../kernels.ts'

/** A file of slices one after another, in the order of their rows. */
export interface SliceFile {
  readonly file: string
  readonly sliceBytes: readonly number[]
  /** Path of the codebook that the slices were encoded with; null for codecs without one. */
  readonly codebook: string | null
}

/** Slices of a weight as they are at hand: in a file, or the bytes of each. */
export type SliceSource =
  | SliceFile
  | { readonly slices: readonly Uint8Array[]; readonly codebook: string | null }

interface Shape {
  readonly name: string
  readonly rows: number
  readonly cols: number
}

/** A slice of the jobs is at most this large, decoded and packed: a packed model from a stranger gets no more memory. */
export const MAX_SLICE_WEIGHTS = 2 ** 26
const MAX_SLICE_BYTES = MAX_SLICE_WEIGHTS * 4 + 2 ** 16
const MAX_CODEBOOK_BYTES = 64 * 2 ** 20

const malformed = (what: string) => new VillageError('CODEC_MALFORMED', what)

function* blobs(source: SliceSource): Generator<Uint8Array> {
  if ('slices' in source) {
    yield* source.slices
    return
  }
  const name = path.basename(source.file)
  const fd = openSync(source.file, 'r')
  try {
    if (source.sliceBytes.reduce((sum, size) => sum + size, 0) !== fstatSync(fd).size)
      throw malformed(`${name} does not have the size that was announced`)
    let position = 0
    for (const sizeBytes of source.sliceBytes) {
      if (sizeBytes > MAX_SLICE_BYTES) throw malformed(`A slice of ${name} is too large`)
      const bytes = new Uint8Array(sizeBytes)
      for (let at = 0; at < sizeBytes; ) {
        const read = readSync(fd, bytes, at, sizeBytes - at, position + at)
        if (read === 0) throw malformed(`${name} became shorter while it was read`)
        at += read
      }
      position += sizeBytes
      yield bytes
    }
  } finally {
    closeSync(fd)
  }
}

export function readCodebook(file: string | null): Uint8Array | undefined {
  if (file === null) return undefined
  if (statSync(file).size > MAX_CODEBOOK_BYTES) throw malformed('A codebook is too large')
  return readFileSync(file)
}

/** One slice as it lies packed. */
export interface PackedSlice {
  /** Among those of its weight. */
  readonly index: number
  readonly codecId: number
  readonly rows: number
  readonly packed: Uint8Array
  readonly codebook: Uint8Array | undefined
}

/** One slice after another, held to the shape of their weight. Throws CODEC_MALFORMED. */
export function* packedSlices(weight: Shape, source: SliceSource): Generator<PackedSlice> {
  const { name, rows, cols } = weight
  const codebook = readCodebook(source.codebook)
  let row = 0
  let index = 0
  for (const packed of blobs(source)) {
    const slice = readSlice(packed)
    if (slice.cols !== cols) throw malformed(`A slice of "${name}" has ${slice.cols} columns, not ${cols}`)
    if (slice.rows * cols > MAX_SLICE_WEIGHTS) throw malformed(`A slice of "${name}" is too large`)
    row += slice.rows
    if (row > rows) throw malformed(`The slices of "${name}" have more than ${rows} rows`)
    yield { index: index++, codecId: slice.codecId, rows: slice.rows, packed, codebook }
  }
  if (row !== rows) throw malformed(`The slices of "${name}" have ${row} rows, not ${rows}`)
}

/** The decoded rows of a weight, slice by slice. Throws CODEC_MALFORMED. */
export function* decodeSlices(
  { kernels }: { kernels: Kernels },
  weight: Shape,
  source: SliceSource,
): Generator<WeightMatrix> {
  for (const { codecId, packed, codebook } of packedSlices(weight, source))
    yield codecById(codecId).decode(packed, kernels, codebook)
}

/** How a slice runs. Throws CODEC_MALFORMED. */
export function sliceForm({ kernels }: { kernels: Kernels }, slice: PackedSlice): RuntimeForm {
  return codecById(slice.codecId).runtimeForm(slice.packed, kernels, slice.codebook)
}
