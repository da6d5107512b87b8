/**
 * Scores as they are committed to and travel: whole steps, so that equal scores are equal bytes. One bit where an item is right or
 * wrong, eight where its score is a share.
 */
import { VillageError } from '../../errors.ts'

export type ScoreBits = 1 | 8

const stepsOf = (bits: ScoreBits): number => (bits === 1 ? 1 : 255)

/** Scores from 0 to 1 as whole steps, a byte an item. Throws INVALID_ARGUMENT for what is no share. */
export function quantise(scores: ArrayLike<number>, bits: ScoreBits): Uint8Array {
  const steps = stepsOf(bits)
  return Uint8Array.from(scores, (score) => {
    if (!(score >= 0 && score <= 1))
      throw new VillageError('INVALID_ARGUMENT', `A score lies from 0 to 1, not at ${score}.`)
    return Math.round(score * steps)
  })
}

export function dequantise(values: Uint8Array, bits: ScoreBits): number[] {
  const steps = stepsOf(bits)
  return Array.from(values, (value) => value / steps)
}

/** Bytes of so many items on the wire. */
export const packedBytes = (items: number, bits: ScoreBits): number =>
  bits === 1 ? Math.ceil(items / 8) : items

/** Quantised scores in as few bytes as they need: item 0 is the lowest bit of byte 0. */
export function packScores(values: Uint8Array, bits: ScoreBits): Uint8Array {
  if (bits === 8) return values.slice()
  const packed = new Uint8Array(packedBytes(values.length, bits))
  for (const [item, value] of values.entries()) if (value !== 0) packed[item >> 3]! |= 1 << (item & 7)
  return packed
}

/** Bytes of anybody. Throws INVALID_ARGUMENT where they are not those of so many items, unused bits included. */
export function unpackScores(packed: Uint8Array, items: number, bits: ScoreBits): Uint8Array {
  if (packed.length !== packedBytes(items, bits))
    throw new VillageError('INVALID_ARGUMENT', `${items} scores do not lie in ${packed.length} bytes.`)
  if (bits === 8) return packed.slice()
  const used = items & 7
  if (used !== 0 && packed.at(-1)! >> used !== 0)
    throw new VillageError('INVALID_ARGUMENT', 'Bits behind the last score are set.')
  return Uint8Array.from({ length: items }, (_, item) => (packed[item >> 3]! >> (item & 7)) & 1)
}
