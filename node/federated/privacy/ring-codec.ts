/** Ring elements on the wire: `bits` each, least significant bit first, without gaps; the last byte is filled up with zeros. */
import { VillageError } from '../../errors.ts'

export const MIN_RING_BITS = 8
export const MAX_RING_BITS = 32

/** The largest element: all bits set. */
export function ringMask(bits: number): number {
  return 2 ** bits - 1
}

/** Takes the low `bits` of each value. */
export function packRing(values: Uint32Array, bits: number): Uint8Array {
  const packed = new Uint8Array(Math.ceil((values.length * bits) / 8))
  let pending = 0 // bits that are not written yet: at most 7, and their count
  let count = 0
  let at = 0
  for (const value of values) {
    // At most 7 + 32 bits: arithmetic instead of shifts, which stop at 32.
    let word = pending + (bits === 32 ? value : value % 2 ** bits) * 2 ** count
    count += bits
    while (count >= 8) {
      packed[at++] = word % 256
      word = Math.floor(word / 256)
      count -= 8
    }
    pending = word
  }
  if (count > 0) packed[at] = pending
  return packed
}

/** Throws PROTOCOL_MALFORMED for another length or bits set after the last element. */
export function unpackRing(packed: Uint8Array, bits: number, length: number): Uint32Array {
  if (packed.byteLength !== Math.ceil((length * bits) / 8))
    throw new VillageError('PROTOCOL_MALFORMED', `A masked vector has ${packed.byteLength} bytes`)
  const values = new Uint32Array(length)
  let pending = 0
  let count = 0
  let at = 0
  for (let index = 0; index < length; index++) {
    while (count < bits) {
      pending += packed[at++]! * 2 ** count
      count += 8
    }
    const high = Math.floor(pending / 2 ** bits)
    values[index] = pending - high * 2 ** bits
    pending = high
    count -= bits
  }
  if (pending !== 0) throw new VillageError('PROTOCOL_MALFORMED', 'A masked vector has bits after its end')
  return values
}
