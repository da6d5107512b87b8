/** Random words in bulk: the numbers of compute/training/philox.ts, made a block at a time without an object by block. */

const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const M0_HIGH = MULTIPLIER_0 >>> 16
const M0_LOW = MULTIPLIER_0 & 0xffff
const M1_HIGH = MULTIPLIER_1 >>> 16
const M1_LOW = MULTIPLIER_1 & 0xffff
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85
const ROUNDS = 10

/**
 * Words `4 · block` and on of counterRandom(seed, stream) into `target`, whose length is a multiple of 4. `block` stays below 2^32: a
 * tensor has less than 2^34 elements.
 */
export function fillWords(seed: number, stream: number, block: number, target: Uint32Array): void {
  const key0 = seed | 0
  const key1 = Math.floor(seed / 2 ** 32) | 0
  const stream0 = stream | 0
  const stream1 = Math.floor(stream / 2 ** 32) | 0
  for (let at = 0; at < target.length; at += 4) {
    let a = (block + (at >>> 2)) | 0
    let b = 0
    let c = stream0
    let d = stream1
    let k0 = key0
    let k1 = key1
    for (let round = 0; round < ROUNDS; round++) {
      // The upper half of a product from 16-bit halves; no sum of these leaves 32 bits.
      const aHigh = a >>> 16
      const aLow = a & 0xffff
      const aMiddle = (Math.imul(aHigh, M0_LOW) + (Math.imul(aLow, M0_LOW) >>> 16)) | 0
      const aCross = (Math.imul(aLow, M0_HIGH) + (aMiddle & 0xffff)) | 0
      const high0 = (Math.imul(aHigh, M0_HIGH) + (aMiddle >>> 16) + (aCross >>> 16)) | 0
      const cHigh = c >>> 16
      const cLow = c & 0xffff
      const cMiddle = (Math.imul(cHigh, M1_LOW) + (Math.imul(cLow, M1_LOW) >>> 16)) | 0
      const cCross = (Math.imul(cLow, M1_HIGH) + (cMiddle & 0xffff)) | 0
      const high1 = (Math.imul(cHigh, M1_HIGH) + (cMiddle >>> 16) + (cCross >>> 16)) | 0
      const low0 = Math.imul(a, MULTIPLIER_0)
      const low1 = Math.imul(c, MULTIPLIER_1)
      a = high1 ^ b ^ k0
      b = low1
      c = high0 ^ d ^ k1
      d = low0
      k0 = (k0 + WEYL_0) | 0
      k1 = (k1 + WEYL_1) | 0
    }
    target[at] = a
    target[at + 1] = b
    target[at + 2] = c
    target[at + 3] = d
  }
}
