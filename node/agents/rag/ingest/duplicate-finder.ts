/**
 * Finds the documents of a collection that are nearly equal to a new one: locality-sensitive hashing of signatures by bands
 * (Leskovec, Rajaraman, Ullman, "Mining of massive datasets", section 3.4), in typed arrays of about 600 bytes a document.
 */
import { VillageError } from '../../../errors.ts'
import { mixBits, SIGNATURE_BINS, similarity } from './near-duplicates.ts'

/** 16 bands of 8 bins: a pair of similarity 0.8 shares a band with probability 0.95, one of 0.9 with 0.9999. */
const BANDS = 16
const ROWS = SIGNATURE_BINS / BANDS
const DEFAULT_THRESHOLD = 0.8
const DEFAULT_MAX_DOCUMENTS = 200_000
/** A page that everybody has (a licence, an empty form) must not make a look-up a comparison with all of them. */
const MAX_CHAIN = 64
const FIRST_CAPACITY = 256
const SIGNATURE_BYTES = SIGNATURE_BINS * 2
const MAX_ID_BYTES = 0xffff
const FORMAT_VERSION = 1

export interface NearDuplicate {
  readonly id: string
  /** Estimated Jaccard similarity of their word shingles, 0 to 1. */
  readonly similarity: number
}

export interface DuplicateFinder {
  /** The most similar document of at least the threshold, or null. Does not add. */
  find(signature: Uint16Array): NearDuplicate | null
  /** One of the same id is replaced. When the finder is full, nothing: what is like it is then not found. */
  add(id: string, signature: Uint16Array): void
  remove(id: string): void
  readonly size: number
  /** For a file beside the index; readDuplicates takes it. */
  encode(): Uint8Array
}

export interface DuplicateFinderInit {
  /** 0.8 if absent. */
  readonly threshold?: number
  /** 200,000 if absent, which take about 120 MB. */
  readonly maxDocuments?: number
}

function bandHash(signatures: Uint16Array, offset: number, band: number): number {
  let hash = band
  for (let i = offset + band * ROWS; i < offset + (band + 1) * ROWS; i++)
    hash = mixBits(Math.imul(hash, 31) + signatures[i]!)
  return hash
}

export function createDuplicateFinder(init: DuplicateFinderInit = {}): DuplicateFinder {
  const threshold = init.threshold ?? DEFAULT_THRESHOLD
  const maxDocuments = init.maxDocuments ?? DEFAULT_MAX_DOCUMENTS
  const slots = new Map<string, number>()
  const free: number[] = []
  let ids: (string | null)[] = []
  let capacity = FIRST_CAPACITY
  let signatures = new Uint16Array(capacity * SIGNATURE_BINS)
  /** First slot of a bucket, and the next slot in it, each plus one; 0 is none. A bucket is a band and some bits of its hash. */
  let heads = new Int32Array(capacity * BANDS)
  let nexts = new Int32Array(capacity * BANDS)

  function bucketOf(source: Uint16Array, offset: number, band: number): number {
    return (bandHash(source, offset, band) & (capacity - 1)) * BANDS + band
  }

  function link(slot: number): void {
    for (let band = 0; band < BANDS; band++) {
      const bucket = bucketOf(signatures, slot * SIGNATURE_BINS, band)
      nexts[slot * BANDS + band] = heads[bucket]!
      heads[bucket] = slot + 1
    }
  }

  function unlink(slot: number): void {
    for (let band = 0; band < BANDS; band++) {
      const bucket = bucketOf(signatures, slot * SIGNATURE_BINS, band)
      const after = nexts[slot * BANDS + band]!
      if (heads[bucket] === slot + 1) {
        heads[bucket] = after
        continue
      }
      let at = heads[bucket]! - 1
      while (at >= 0 && nexts[at * BANDS + band] !== slot + 1) at = nexts[at * BANDS + band]! - 1
      if (at >= 0) nexts[at * BANDS + band] = after
    }
  }

  function grow(): void {
    capacity *= 2
    const wider = new Uint16Array(capacity * SIGNATURE_BINS)
    wider.set(signatures)
    signatures = wider
    heads = new Int32Array(capacity * BANDS)
    nexts = new Int32Array(capacity * BANDS)
    for (const slot of slots.values()) link(slot)
  }

  function remove(id: string): void {
    const slot = slots.get(id)
    if (slot === undefined) return
    unlink(slot)
    slots.delete(id)
    ids[slot] = null
    free.push(slot)
    if (slots.size > 0) return
    ids = []
    free.length = 0
  }

  function add(id: string, signature: Uint16Array): void {
    remove(id)
    if (slots.size >= maxDocuments || signature.length !== SIGNATURE_BINS) return
    const slot = free.pop() ?? ids.length
    if (slot >= capacity) grow()
    signatures.set(signature, slot * SIGNATURE_BINS)
    ids[slot] = id
    slots.set(id, slot)
    link(slot)
  }

  function find(signature: Uint16Array): NearDuplicate | null {
    let best: NearDuplicate | null = null
    const seen = new Set<number>()
    for (let band = 0; band < BANDS; band++) {
      let slot = heads[bucketOf(signature, 0, band)]! - 1
      for (let steps = 0; slot >= 0 && steps < MAX_CHAIN; steps++) {
        if (!seen.has(slot)) {
          seen.add(slot)
          const found = similarity(signature, signatures.subarray(slot * SIGNATURE_BINS))
          if (found >= threshold && (best === null || found > best.similarity))
            best = { id: ids[slot]!, similarity: found }
        }
        slot = nexts[slot * BANDS + band]! - 1
      }
    }
    return best
  }

  /** Version, then for each document: length of the id, the id in UTF-8, 128 little-endian values of 16 bits. */
  function encode(): Uint8Array {
    const pieces: Uint8Array[] = [Uint8Array.of(FORMAT_VERSION)]
    for (const [id, slot] of slots) {
      const name = Buffer.from(id, 'utf8')
      if (name.length > MAX_ID_BYTES) continue
      const row = Buffer.alloc(2 + name.length + SIGNATURE_BYTES)
      row.writeUInt16LE(name.length, 0)
      name.copy(row, 2)
      for (let i = 0; i < SIGNATURE_BINS; i++)
        row.writeUInt16LE(signatures[slot * SIGNATURE_BINS + i]!, 2 + name.length + 2 * i)
      pieces.push(row)
    }
    return Buffer.concat(pieces)
  }

  return {
    find,
    add,
    remove,
    get size() {
      return slots.size
    },
    encode,
  }
}

/** Throws DATA_CORRUPT. */
export function readDuplicates(bytes: Uint8Array, init: DuplicateFinderInit = {}): DuplicateFinder {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const finder = createDuplicateFinder(init)
  const corrupt = () => new VillageError('DATA_CORRUPT', 'The list of signatures of a collection is damaged.')
  if (source[0] !== FORMAT_VERSION) throw corrupt()
  let at = 1
  while (at < source.length) {
    if (at + 2 > source.length) throw corrupt()
    const start = at + 2 + source.readUInt16LE(at)
    if (start + SIGNATURE_BYTES > source.length) throw corrupt()
    const signature = new Uint16Array(SIGNATURE_BINS)
    for (let i = 0; i < SIGNATURE_BINS; i++) signature[i] = source.readUInt16LE(start + 2 * i)
    finder.add(source.toString('utf8', at + 2, start), signature)
    at = start + SIGNATURE_BYTES
  }
  return finder
}
