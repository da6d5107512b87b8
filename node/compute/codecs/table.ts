/** The codecs. A row's id is on the wire and in stored files: never change or reuse one. */
import { VillageError } from '../../errors.ts'
import { nearest } from '../../nearest.ts'
import type { Kernels } from '../kernels.ts'
import { blockwiseCodec } from './blockwise.ts'
import type { Codec, WeightMatrix } from './codec.ts'
import { planes } from './planes.ts'
import { seedlm } from './seedlm.ts'
import { ternary } from './ternary.ts'
import { trellis } from './trellis.ts'
import { vptq } from './vptq.ts'
import { malformed, readSlice } from './wire.ts'

export const CODECS: readonly Codec[] = [
  blockwiseCodec({ id: 1, name: 'int8', title: '8-bit integers by block', bits: 8, defaultBlockSize: 128 }),
  blockwiseCodec({ id: 2, name: 'int4', title: '4-bit integers by block', bits: 4, defaultBlockSize: 32 }),
  ternary,
  seedlm,
  vptq,
  trellis,
  planes,
]

/** Throws INVALID_ARGUMENT with the name that was probably meant, or all there are; `also` are names that the caller knows. */
export function codecByName(name: string, also: readonly string[] = []): Codec {
  const codec = CODECS.find((row) => row.name === name)
  if (codec !== undefined) return codec
  const names = [...CODECS.map((row) => row.name), ...also]
  const meant = nearest(name, names)
  throw new VillageError(
    'INVALID_ARGUMENT',
    `There is no codec ${JSON.stringify(name.slice(0, 40))}; ${meant === null ? `there are ${names.join(', ')}` : `did you mean ${meant}?`}`,
    { fields: { argument: 'codec', suggestion: meant } },
  )
}

/** Throws CODEC_MALFORMED: ids come from packed weights. */
export function codecById(id: number): Codec {
  const codec = CODECS.find((row) => row.id === id)
  if (codec === undefined) throw malformed(`codec ${id} is not known`)
  return codec
}

/** Decodes a slice of any codec. Throws CODEC_MALFORMED. */
export function decodeSlice(packed: Uint8Array, kernels: Kernels, codebook?: Uint8Array): WeightMatrix {
  return codecById(readSlice(packed).codecId).decode(packed, kernels, codebook)
}
