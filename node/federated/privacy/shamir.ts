/**
 * Secrets of 32 bytes in shares, any `threshold` of which rebuild it while fewer tell nothing (Shamir 1979, "How to share a secret", CACM 22).
 * A secret is 16 words of 16 bits, each the constant term of a polynomial of its own over the integers modulo the prime 65,537; the
 * share of holder x is the 16 values at x.
 */
import { VillageError } from '../../errors.ts'

const PRIME = 65_537
const WORDS = 16
const SECRET_BYTES = 32
/** 16 values of 16 bits, then a bit for each of them that is 65,536. */
export const SHARE_BYTES = 34
/** Holders are 1 to 65,536: 0 would be the secret itself. */
export const MAX_HOLDER = PRIME - 1

/** Fills with random bits: cryptographic ones, seeded only in tests. */
export type RandomBytes = (sizeBytes: number) => Uint8Array

/** a·b mod p, of elements below p. As 2^16 ≡ −1, high and low half of the product are subtracted; the product is exact in a float64. */
function multiply(a: number, b: number): number {
  const product = a * b
  const high = Math.floor(product / 65_536)
  const rest = product - high * 65_536 - high
  return rest < 0 ? rest + PRIME : rest
}

function inverse(value: number): number {
  // Fermat: value^(p − 2), and p − 2 = 0xffff.
  let result = value
  for (let bit = 0; bit < 15; bit++) result = multiply(multiply(result, result), value)
  return result
}

/** Uniform field elements: 2^32 − 1 is a multiple of p, so that only the largest word has to be drawn again. */
function randomElements(count: number, random: RandomBytes): Int32Array {
  const elements = new Int32Array(count)
  let made = 0
  while (made < count) {
    const bytes = Buffer.from(random((count - made) * 4))
    for (let at = 0; at < bytes.length; at += 4) {
      const word = bytes.readUInt32LE(at)
      if (word !== 0xffff_ffff) elements[made++] = word % PRIME
    }
  }
  return elements
}

function encodeShare(values: Int32Array): Uint8Array {
  const share = Buffer.alloc(SHARE_BYTES)
  let overflow = 0
  for (let word = 0; word < WORDS; word++) {
    if (values[word] === 65_536) overflow |= 1 << word
    else share.writeUInt16LE(values[word]!, word * 2)
  }
  share.writeUInt16LE(overflow, SECRET_BYTES)
  return share
}

/** Throws PROTOCOL_MALFORMED for bytes that `encodeShare` does not write. */
function decodeShare(share: Uint8Array): Int32Array {
  const bytes = Buffer.from(share.buffer, share.byteOffset, share.byteLength)
  const values = new Int32Array(WORDS)
  let isWhole = bytes.length === SHARE_BYTES
  const overflow = isWhole ? bytes.readUInt16LE(SECRET_BYTES) : 0
  for (let word = 0; isWhole && word < WORDS; word++) {
    const low = bytes.readUInt16LE(word * 2)
    const isOverflow = ((overflow >> word) & 1) === 1
    values[word] = isOverflow ? 65_536 : low
    isWhole = !isOverflow || low === 0
  }
  if (!isWhole) throw new VillageError('PROTOCOL_MALFORMED', 'A share of a secret is malformed')
  return values
}

/** One share for each holder, in their order. Holders are distinct, 1 to MAX_HOLDER. Throws INVALID_ARGUMENT. */
export function splitSecret(
  secret: Uint8Array,
  threshold: number,
  holders: readonly number[],
  random: RandomBytes,
): Uint8Array[] {
  const areValid = holders.every((holder) => Number.isInteger(holder) && holder >= 1 && holder <= MAX_HOLDER)
  if (
    secret.byteLength !== SECRET_BYTES ||
    !areValid ||
    new Set(holders).size !== holders.length ||
    !(threshold >= 1 && threshold <= holders.length)
  )
    throw new VillageError('INVALID_ARGUMENT', 'A secret cannot be shared like that')
  const words = Buffer.from(secret)
  const coefficients = randomElements((threshold - 1) * WORDS, random)
  return holders.map((holder) => {
    const values = new Int32Array(WORDS)
    for (let degree = threshold - 2; degree >= 0; degree--)
      for (let word = 0; word < WORDS; word++)
        values[word] = multiply((values[word]! + coefficients[degree * WORDS + word]!) % PRIME, holder)
    for (let word = 0; word < WORDS; word++)
      values[word] = (values[word]! + words.readUInt16LE(word * 2)) % PRIME
    return encodeShare(values)
  })
}

/** The factors with which the values at `holders` add up to the value at `at` (Lagrange). */
export function lagrangeFactors(holders: readonly number[], at: number): Int32Array {
  return Int32Array.from(holders, (holder, index) => {
    let above = 1
    let below = 1
    for (const [other, x] of holders.entries())
      if (other !== index) {
        above = multiply(above, (x - at + PRIME) % PRIME)
        below = multiply(below, (x - holder + PRIME) % PRIME)
      }
    return multiply(above, inverse(below))
  })
}

function combine(shares: readonly Int32Array[], factors: Int32Array): Int32Array {
  const values = new Int32Array(WORDS)
  for (const [index, share] of shares.entries())
    for (let word = 0; word < WORDS; word++)
      values[word] = (values[word]! + multiply(share[word]!, factors[index]!)) % PRIME
  return values
}

/** The secret from as many shares as the threshold, with `factors = lagrangeFactors(holders, 0)`; null when it is none. */
export function joinShares(shares: readonly Uint8Array[], factors: Int32Array): Uint8Array | null {
  const values = combine(shares.map(decodeShare), factors)
  if (values.includes(65_536)) return null // no word of a secret is that: a share is wrong
  const secret = Buffer.alloc(SECRET_BYTES)
  for (const [word, value] of values.entries()) secret.writeUInt16LE(value, word * 2)
  return secret
}

/** Whether a share lies on the polynomials through right ones, as many as the threshold. */
export function fitsShares(
  right: readonly Uint8Array[],
  holders: readonly number[],
  share: Uint8Array,
  holder: number,
): boolean {
  const expected = combine(right.map(decodeShare), lagrangeFactors(holders, holder))
  const given = decodeShare(share)
  return expected.every((value, word) => value === given[word])
}
