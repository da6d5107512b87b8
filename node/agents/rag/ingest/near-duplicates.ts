/**
 * Documents that say nearly the same: MinHash of word shingles (Broder, "On the resemblance and containment of documents",
 * 1997) with one permutation and optimal densification (Shrivastava, "Optimal densification for fast and accurate minwise
 * hashing", 2017). Candidates are found in duplicate-finder.ts.
 */

/** Bins of a signature; the standard error of a similarity s is sqrt(s (1 − s) / 128), 0.035 at 0.8. */
export const SIGNATURE_BINS = 128
const SHINGLE_WORDS = 4
/** With fewer words most shingles are shared or none are: chance decides. */
const MIN_WORDS = 20

/** Finalizer of MurmurHash3 (Appleby, public domain): every bit of the input moves every bit of the output. */
export function mixBits(value: number): number {
  let hash = value >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

const FNV_START = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** 0: between words; 1: part of a word; 2: a word by itself, of a script without spaces. */
function characterClass(code: number): 0 | 1 | 2 {
  if (code < 0x80) return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) ? 1 : 0
  if (code < 0xc0) return code === 0xaa || code === 0xb5 || code === 0xba ? 1 : 0
  if (code < 0x0e00) return 1
  if (code <= 0x0eff) return 2
  if ((code >= 0x2000 && code <= 0x2bff) || (code >= 0x3000 && code <= 0x303f)) return 0
  if ((code >= 0x3040 && code <= 0x9fff) || (code >= 0xac00 && code <= 0xd7af)) return 2
  return 1
}

/** Takes the hashes of the words of a text in their order and keeps the smallest of each bin. */
function createShingles() {
  const smallest = new Float64Array(SIGNATURE_BINS).fill(-1)
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let words = 0
  return {
    smallest,
    words: () => words,
    add(word: number): void {
      a = b
      b = c
      c = d
      d = mixBits(word)
      words++
      if (words < SHINGLE_WORDS) return
      const shingle = mixBits(Math.imul(mixBits(Math.imul(mixBits(Math.imul(a, 31) + b), 31) + c), 31) + d)
      const bin = shingle % SIGNATURE_BINS
      const rest = Math.floor(shingle / SIGNATURE_BINS)
      const known = smallest[bin]!
      if (known < 0 || rest < known) smallest[bin] = rest
    },
  }
}

/**
 * 128 bins of 16 bits, or null of a text of fewer than 20 words. Two signatures agree in about as many bins as their texts share
 * shingles of four words. Case, marks and white space do not matter.
 */
export function signature(text: string): Uint16Array | null {
  const shingles = createShingles()
  const lower = text.normalize('NFKC').toLowerCase()
  let hash = FNV_START
  let isIn = false
  // By hand: a regular expression that knows all scripts takes four times as long over long texts.
  for (let i = 0; i < lower.length; i++) {
    const code = lower.charCodeAt(i)
    const kind = characterClass(code)
    if (kind === 1) {
      hash = Math.imul(hash ^ code, FNV_PRIME)
      isIn = true
      continue
    }
    if (isIn) shingles.add(hash)
    isIn = false
    hash = FNV_START
    if (kind === 2) shingles.add(Math.imul(FNV_START ^ code, FNV_PRIME))
  }
  if (isIn) shingles.add(hash)
  return shingles.words() < MIN_WORDS ? null : densify(shingles.smallest)
}

/** An empty bin takes the value of a full one that a hash of the bin and the attempt chooses, the same in every signature. */
function densify(smallest: Float64Array): Uint16Array {
  const bins = new Uint16Array(SIGNATURE_BINS)
  for (let bin = 0; bin < SIGNATURE_BINS; bin++) {
    let from = bin
    for (let attempt = 1; smallest[from]! < 0; attempt++)
      from = mixBits(bin * 0x10001 + attempt) % SIGNATURE_BINS
    bins[bin] = mixBits(smallest[from]!) & 0xffff
  }
  return bins
}

/** Estimated Jaccard similarity of the shingles of two texts, 0 to 1. */
export function similarity(a: Uint16Array, b: Uint16Array): number {
  let equal = 0
  for (let i = 0; i < SIGNATURE_BINS; i++) if (a[i] === b[i]) equal++
  return equal / SIGNATURE_BINS
}
