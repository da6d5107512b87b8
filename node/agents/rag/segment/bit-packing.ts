/** 128 integers of the same number of bits each, low bits first: `width` 32-bit words for every 32 of them, little-endian. */
import { BLOCK_SIZE } from './segment-format.ts'

/** Bits that hold the largest of the numbers; 0 when all are 0. */
export function bitsFor(values: Uint32Array, count: number): number {
  let all = 0
  for (let index = 0; index < count; index++) all |= values[index]!
  return 32 - Math.clz32(all)
}

export function packedBytes(width: number): number {
  return (BLOCK_SIZE / 8) * width
}

export function pack(values: Uint32Array, width: number, out: Uint8Array, at: number): void {
  let byte = at
  let held = 0
  let bits = 0
  for (let index = 0; index < BLOCK_SIZE; index++) {
    // At most 7 bits wait, so a value of up to 32 is taken in two steps that each fit in 32.
    let value = values[index]!
    let left = width
    while (left > 0) {
      const taken = Math.min(left, 24)
      held |= (value & ((1 << taken) - 1)) << bits
      bits += taken
      left -= taken
      value >>>= taken
      while (bits >= 8) {
        out[byte++] = held
        held >>>= 8
        bits -= 8
      }
    }
  }
}

/** `bytes` must hold packedBytes(width) from `at` on. */
export function unpack(bytes: Uint8Array, at: number, width: number, out: Uint32Array): void {
  if (width === 0) {
    out.fill(0, 0, BLOCK_SIZE)
    return
  }
  if (width === 8) {
    for (let index = 0; index < BLOCK_SIZE; index++) out[index] = bytes[at + index]!
    return
  }
  if (width <= 6) {
    unpackNarrow(bytes, at, width, out)
    return
  }
  if (width > 24) {
    unpackWide(bytes, at, width, out)
    return
  }
  const mask = (1 << width) - 1
  let byte = at
  let held = 0
  let bits = 0
  for (let index = 0; index < BLOCK_SIZE; index++) {
    while (bits < width) {
      held |= bytes[byte++]! << bits
      bits += 8
    }
    out[index] = held & mask
    held >>>= width
    bits -= width
  }
}

/** Four at a time: they and the bits before them in their first byte are at most 31 bits. */
function unpackNarrow(bytes: Uint8Array, at: number, width: number, out: Uint32Array): void {
  const mask = (1 << width) - 1
  const lastByte = at + packedBytes(width) - 1
  const step = width * 4
  let position = 0
  for (let index = 0; index < BLOCK_SIZE; index += 4) {
    const byte = at + (position >>> 3)
    let held = bytes[byte]!
    if (byte < lastByte) held |= bytes[byte + 1]! << 8
    if (byte + 1 < lastByte) held |= bytes[byte + 2]! << 16
    if (byte + 2 < lastByte) held |= bytes[byte + 3]! << 24
    held >>>= position & 7
    out[index] = held & mask
    held >>>= width
    out[index + 1] = held & mask
    held >>>= width
    out[index + 2] = held & mask
    out[index + 3] = (held >>> width) & mask
    position += step
  }
}

function unpackWide(bytes: Uint8Array, at: number, width: number, out: Uint32Array): void {
  for (let index = 0; index < BLOCK_SIZE; index++) {
    let value = 0
    let scale = 1
    let position = index * width
    let left = width
    while (left > 0) {
      const inByte = position & 7
      const taken = Math.min(left, 8 - inByte)
      value += ((bytes[at + (position >>> 3)]! >>> inByte) & ((1 << taken) - 1)) * scale
      scale *= 2 ** taken
      position += taken
      left -= taken
    }
    out[index] = value
  }
}
