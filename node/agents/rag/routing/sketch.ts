/**
 * The sketch of a segment: how many chunks of it have a term, and how much the term can at most add to a score, for every term,
 * in about 2.25 bytes a term. Peers choose by it whom to ask, and check by it what they are answered.
 *
 * Terms are kept as fingerprints in buckets (a static relative of Cleary's compact hash table, 1984): one bucket a term on
 * average, the bucket's size in unary, the fingerprint in 8 bits. A term that is there is always found; one that is not is
 * taken for another once in 256 times. docs/protocols/routing.md specifies the bytes.
 */
import { VillageError } from '../../../errors.ts'
import { averageLengthOf, impactOf } from '../lexical/bm25.ts'
import { documentFrequencyEdges, IMPACT_STEPS, impactEdges, LEVELS, levelOf } from './sketch-levels.ts'
import { hashTerm, saltedFingerprint, saltOf, type TermHash } from './term-hash.ts'

export const SKETCH_VERSION = 1
/** "VSK" and the version. */
export const SKETCH_MAGIC = [0x56, 0x53, 0x4b, SKETCH_VERSION] as const
export const DEFAULT_FINGERPRINT_BITS = 8
export const MAX_FINGERPRINT_BITS = 16
/** A segment with more terms has no sketch: 9 MiB would be gossip no more. */
export const MAX_SKETCH_TERMS = 4_194_304
export const MAX_BUCKETS = 1_048_576
/** Magic, chunks, length of all chunks, terms, salt, fingerprint bits, three bytes of 0. */
export const FREQUENCY_EDGES_AT = 28
export const IMPACT_EDGES_AT = FREQUENCY_EDGES_AT + LEVELS * 4
export const HEADER_BYTES = IMPACT_EDGES_AT + LEVELS * 2

export interface SketchTerm {
  readonly term: string
  /** Chunks of the segment with it, from 1. */
  readonly df: number
  /** Occurrences in the chunk where its impact is largest, and the length of that chunk (or bounds of both). */
  readonly maxFrequency: number
  readonly minLength: number
}

export interface SketchTotals {
  readonly chunks: number
  /** Terms in all chunks. */
  readonly totalLength: number
}

export interface SketchOptions {
  /** 1 to 16: a term that is not there is taken for another once in 2^bits times. */
  readonly fingerprintBits?: number
}

/** Throws INVALID_ARGUMENT for numbers that no segment has, and for more than MAX_SKETCH_TERMS terms. */
export function buildSketch(
  terms: Iterable<SketchTerm>,
  totals: SketchTotals,
  { fingerprintBits = DEFAULT_FINGERPRINT_BITS }: SketchOptions = {},
): Uint8Array {
  const { chunks, totalLength } = totals
  if (!Number.isInteger(fingerprintBits) || fingerprintBits < 1 || fingerprintBits > MAX_FINGERPRINT_BITS)
    throw new VillageError('INVALID_ARGUMENT', `Fingerprints of ${fingerprintBits} bits are not supported.`)
  const rows = collectRows(terms, totals)
  const count = rows.frequencies.length
  const frequencyEdges = documentFrequencyEdges(rows.frequencies.reduce((a, b) => Math.max(a, b), 1))
  const strongest = rows.impacts.reduce((a, b) => Math.max(a, b), 0)
  const edges = impactEdges(
    rows.impacts.reduce((a, b) => Math.min(a, b), strongest),
    strongest,
  )

  const salt = saltOf(chunks, totalLength, count)
  const buckets = bucketsFor(count)
  const keys = new Float64Array(count)
  for (let row = 0; row < count; row++) {
    const bucket = bucketOf(rows.hashes[row]!.bucket, buckets)
    const fingerprint = saltedFingerprint(rows.hashes[row]!, salt) & (2 ** fingerprintBits - 1)
    const levels =
      levelOf(frequencyEdges, rows.frequencies[row]!) * LEVELS + levelOf(edges, rows.impacts[row]!)
    keys[row] = (bucket * 65_536 + fingerprint) * 256 + levels
  }
  keys.sort()

  const layout = sketchLayout(count, fingerprintBits)
  const bytes = new Uint8Array(layout.sizeBytes)
  const view = new DataView(bytes.buffer)
  bytes.set(SKETCH_MAGIC)
  view.setUint32(4, chunks, true)
  view.setBigUint64(8, BigInt(totalLength), true)
  view.setUint32(16, count, true)
  view.setUint32(20, salt, true)
  view.setUint8(24, fingerprintBits)
  frequencyEdges.forEach((edge, level) => {
    view.setUint32(FREQUENCY_EDGES_AT + level * 4, edge, true)
  })
  edges.forEach((edge, level) => {
    view.setUint16(IMPACT_EDGES_AT + level * 2, edge, true)
  })

  let current = 0
  keys.forEach((key, row) => {
    const bucket = Math.floor(key / 16_777_216)
    current = bucket
    // Bucket b ends with its 0 bit: before the entry stand the 0 bits of all earlier buckets and the 1 bits of all earlier entries.
    setBit(bytes, layout.sizesAt, current + row)
    writeBits(
      bytes,
      layout.fingerprintsAt,
      row * fingerprintBits,
      Math.floor(key / 256) % 65_536,
      fingerprintBits,
    )
    bytes[layout.levelsAt + row] = key % 256
  })
  return bytes
}

interface Rows {
  hashes: TermHash[]
  frequencies: number[]
  /** In steps, rounded up. */
  impacts: number[]
}

function collectRows(terms: Iterable<SketchTerm>, totals: SketchTotals): Rows {
  const { chunks, totalLength } = totals
  if (!isCount(chunks) || chunks >= 2 ** 32 || !isCount(totalLength))
    throw new VillageError('INVALID_ARGUMENT', 'The totals of a sketch must be whole numbers of at least 0.')
  const averageLength = averageLengthOf(totals)
  const rows: Rows = { hashes: [], frequencies: [], impacts: [] }
  for (const { term, df, maxFrequency, minLength } of terms) {
    if (
      !isCount(df) ||
      df < 1 ||
      df > chunks ||
      !isCount(maxFrequency) ||
      maxFrequency < 1 ||
      !(minLength >= 1)
    )
      throw new VillageError('INVALID_ARGUMENT', 'A term of a sketch has numbers that no segment has.')
    if (rows.hashes.length === MAX_SKETCH_TERMS)
      throw new VillageError('INVALID_ARGUMENT', `A sketch holds at most ${MAX_SKETCH_TERMS} terms.`)
    rows.hashes.push(hashTerm(term))
    rows.frequencies.push(df)
    rows.impacts.push(Math.ceil(impactOf(maxFrequency, minLength, averageLength) * IMPACT_STEPS))
  }
  return rows
}

export interface SketchLayout {
  /** Bucket sizes in unary: as many 1 bits as the bucket has terms, then a 0. */
  readonly sizesAt: number
  readonly fingerprintsAt: number
  /** A byte a term: the level of its document frequency times 16, and that of its impact. */
  readonly levelsAt: number
  readonly sizeBytes: number
}

export function bucketsFor(terms: number): number {
  return Math.min(Math.max(terms, 1), MAX_BUCKETS)
}

/** Exact: the product stays below 2^53. */
export function bucketOf(hash: number, buckets: number): number {
  return Math.floor((hash * buckets) / 4_294_967_296)
}

export function sketchLayout(terms: number, fingerprintBits: number): SketchLayout {
  const fingerprintsAt = HEADER_BYTES + Math.ceil((terms + bucketsFor(terms)) / 8)
  const levelsAt = fingerprintsAt + Math.ceil((terms * fingerprintBits) / 8)
  return { sizesAt: HEADER_BYTES, fingerprintsAt, levelsAt, sizeBytes: levelsAt + terms }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function setBit(bytes: Uint8Array, at: number, bit: number): void {
  bytes[at + (bit >>> 3)]! |= 1 << (bit & 7)
}

function writeBits(bytes: Uint8Array, at: number, firstBit: number, value: number, bits: number): void {
  for (let bit = 0; bit < bits; bit++) if ((value >>> bit) & 1) setBit(bytes, at, firstBit + bit)
}
