/**
 * The hash by which sketches know a term: MurmurHash3 for 32 bits (Austin Appleby, public domain) over the UTF-8 bytes,
 * once with each of two seeds. The first gives the bucket, the second the fingerprint. It is not cryptographic: who
 * makes terms collide only spoils the routing to his own documents.
 */

const BUCKET_SEED = 0x76696c6c
const FINGERPRINT_SEED = 0x61676521
/** Terms longer than this take a buffer of their own. */
const SHARED_BYTES = 1_024

export interface TermHash {
  /** 32 bits, unsigned. */
  readonly bucket: number
  /** 32 bits, unsigned. */
  readonly fingerprint: number
}

/**
 * The fingerprint of a term in one sketch. Sketches have different salts, so that a term that looks like another in one segment
 * does not in the next: false matches are independent.
 */
export function saltedFingerprint({ fingerprint }: TermHash, salt: number): number {
  return finish(fingerprint ^ salt)
}

/** The salt of a sketch of these totals. */
export function saltOf(chunks: number, totalLength: number, terms: number): number {
  return finish(finish(finish(chunks) ^ (totalLength % 4_294_967_296)) ^ terms)
}

const encoder = new TextEncoder()
const sharedBytes = new Uint8Array(SHARED_BYTES)

export function hashTerm(term: string): TermHash {
  // A UTF-16 unit takes at most three bytes.
  const bytes = term.length * 3 <= SHARED_BYTES ? sharedBytes : new Uint8Array(term.length * 3)
  const length = encoder.encodeInto(term, bytes).written
  return {
    bucket: murmur3(bytes, length, BUCKET_SEED),
    fingerprint: murmur3(bytes, length, FINGERPRINT_SEED),
  }
}

function murmur3(bytes: Uint8Array, length: number, seed: number): number {
  let hash = seed
  const whole = length - (length % 4)
  for (let at = 0; at < whole; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    hash ^= scramble(word)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let at = length - 1; at >= whole; at--) tail = (tail << 8) | bytes[at]!
  if (whole < length) hash ^= scramble(tail)

  return finish(hash ^ length)
}

/** The finalizer of MurmurHash3: every bit of the input changes half of those of the output. 32 bits, unsigned. */
function finish(value: number): number {
  const once = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return (twice ^ (twice >>> 16)) >>> 0
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}
