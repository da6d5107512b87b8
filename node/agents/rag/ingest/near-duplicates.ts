/**
 * Documents that say nearly the same: MinHash of word shingles (Broder, "On the resemblance and containment of documents",
 * 1997) with one permutation and optimal densification (Shrivastava, "Optimal densification for fast and accurate minwise
 * hashing", 2017), and locality-sensitive hashing by bands to find candidates.
 */

/** Bins of a signature; the standard error of a similarity s is sqrt(s (1 − s) / 128), 0.035 at 0.8. */
const BINS = 128
const SHINGLE_WORDS = 4
/** With fewer words most shingles are shared or none are: chance decides. */
const MIN_WORDS = 20
/** 16 bands of 8 bins: a pair of similarity 0.8 shares a band with probability 0.95, one of 0.5 with 0.06. */
const BANDS = 16
const ROWS = BINS / BANDS

export const DEFAULT_THRESHOLD = 0.8

/** Finalizer of MurmurHash3 (Appleby, public domain): every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let hash = value >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** FNV-1a over UTF-16 units, mixed. */
function hashWord(word: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/** Words, and single characters of scripts without spaces. Case, marks and white space do not matter. */
const WORDS = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]|[\p{L}\p{N}]+/gu

/**
 * 128 bins of 16 bits, or null of a text of fewer than 20 words. Two signatures agree in about as many bins as their texts share
 * shingles of four words.
 */
export function signature(text: string): Uint16Array | null {
  const words: number[] = []
  for (const [word] of text.normalize('NFKC').toLowerCase().matchAll(WORDS)) words.push(hashWord(word))
  if (words.length < MIN_WORDS) return null
  const smallest = new Float64Array(BINS).fill(-1)
  for (let i = 0; i + SHINGLE_WORDS <= words.length; i++) {
    let shingle = 0
    for (let j = 0; j < SHINGLE_WORDS; j++) shingle = mix(Math.imul(shingle, 31) + words[i + j]!)
    const bin = shingle % BINS
    const rest = Math.floor(shingle / BINS)
    if (smallest[bin]! < 0 || rest < smallest[bin]!) smallest[bin] = rest
  }
  return densify(smallest)
}

/** An empty bin takes the value of a full one that a hash of the bin and the attempt chooses, the same in every signature. */
function densify(smallest: Float64Array): Uint16Array {
  const bins = new Uint16Array(BINS)
  for (let bin = 0; bin < BINS; bin++) {
    let from = bin
    for (let attempt = 1; smallest[from]! < 0; attempt++) from = mix(bin * 0x10001 + attempt) % BINS
    bins[bin] = mix(smallest[from]!) & 0xffff
  }
  return bins
}

/** Estimated Jaccard similarity of the shingles of two texts, 0 to 1. */
export function similarity(a: Uint16Array, b: Uint16Array): number {
  let equal = 0
  for (let i = 0; i < BINS; i++) if (a[i] === b[i]) equal++
  return equal / BINS
}

export interface NearDuplicate {
  readonly id: string
  /** Estimated Jaccard similarity of their word shingles, 0 to 1. */
  readonly similarity: number
}

export interface DuplicateFinder {
  /** The most similar one added before, of at least the threshold, or null; does not add. */
  find(signature: Uint16Array): NearDuplicate | null
  /** An id that is there is replaced. About 700 bytes a document. */
  add(id: string, signature: Uint16Array): void
  remove(id: string): void
  readonly size: number
}

/** A very common page (an empty form, a licence) must not make every look-up a comparison with all of them. */
const MAX_BUCKET = 64

function bandKey(signature: Uint16Array, band: number): number {
  let low = band
  let high = band
  for (let i = band * ROWS; i < (band + 1) * ROWS; i++) {
    low = mix(Math.imul(low, 31) + signature[i]!)
    high = mix(Math.imul(high, 37) ^ signature[i]!)
  }
  return (high & 0x1fffff) * 2 ** 32 + low
}

export function createDuplicateFinder(init: { readonly threshold?: number } = {}): DuplicateFinder {
  const threshold = init.threshold ?? DEFAULT_THRESHOLD
  const signatures = new Map<string, Uint16Array>()
  const buckets = new Map<number, string[]>()

  function remove(id: string): void {
    const old = signatures.get(id)
    if (old === undefined) return
    signatures.delete(id)
    for (let band = 0; band < BANDS; band++) {
      const key = bandKey(old, band)
      const rest = (buckets.get(key) ?? []).filter((other) => other !== id)
      if (rest.length === 0) buckets.delete(key)
      else buckets.set(key, rest)
    }
  }

  return {
    find(signature) {
      let best: NearDuplicate | null = null
      const seen = new Set<string>()
      for (let band = 0; band < BANDS; band++)
        for (const id of buckets.get(bandKey(signature, band)) ?? []) {
          if (seen.has(id)) continue
          seen.add(id)
          const found = similarity(signature, signatures.get(id)!)
          if (found >= threshold && (best === null || found > best.similarity))
            best = { id, similarity: found }
        }
      return best
    },
    add(id, signature) {
      remove(id)
      signatures.set(id, signature)
      for (let band = 0; band < BANDS; band++) {
        const key = bandKey(signature, band)
        const bucket = buckets.get(key)
        if (bucket === undefined) buckets.set(key, [id])
        else if (bucket.length < MAX_BUCKET) bucket.push(id)
      }
    },
    remove,
    get size() {
      return signatures.size
    },
  }
}
