/**
 * Random numbers by counter: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011,
 * section 3.4). The number at a position depends on key and position alone, so that any part of a sequence can be made
 * again without what comes before it. Only integer arithmetic and IEEE 754 operations that every machine rounds alike are
 * used: the same seed gives the same bits everywhere. Not for secrets.
 */
const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85
const ROUNDS = 10

/** The upper 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16
  const aLow = a & 0xffff
  const bHigh = b >>> 16
  const bLow = b & 0xffff
  const low = aLow * bLow
  const middle = aHigh * bLow + (low >>> 16)
  const carry = aLow * bHigh + (middle % 0x10000)
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0
}

export type Words = [number, number, number, number]

/** One block of four 32-bit words for a counter of four words and a key of two. */
export function philox(counter: Readonly<Words>, key: readonly [number, number]): Words {
  let [a, b, c, d] = counter
  let [k0, k1] = key
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, a)
    const high1 = multiplyHigh(MULTIPLIER_1, c)
    const low0 = Math.imul(MULTIPLIER_0, a) >>> 0
    const low1 = Math.imul(MULTIPLIER_1, c) >>> 0
    a = (high1 ^ b ^ k0) >>> 0
    b = low1
    c = (high0 ^ d ^ k1) >>> 0
    d = low0
    k0 = (k0 + WEYL_0) >>> 0
    k1 = (k1 + WEYL_1) >>> 0
  }
  return [a, b, c, d]
}

/** A sequence of 32-bit words that is fixed by seed and stream. */
export interface CounterRandom {
  /** The word at a position. */
  word(index: number): number
}

/** `stream` tells sequences of one seed apart: tensors, epochs. Both are taken modulo 2^53. */
export function counterRandom(seed: number, stream: number): CounterRandom {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] as const
  const high = [stream >>> 0, Math.floor(stream / 2 ** 32) >>> 0] as const
  let at = -1
  let block: Words = [0, 0, 0, 0]
  const word = (index: number): number => {
    const wanted = Math.floor(index / 4)
    if (wanted !== at) {
      block = philox([wanted >>> 0, Math.floor(wanted / 2 ** 32) >>> 0, ...high], key)
      at = wanted
    }
    return block[index % 4]!
  }
  return { word }
}

/** A stream number for a text, so that what is called otherwise gets other numbers: FNV-1a over its UTF-8 bytes. */
export function streamOf(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}
