/** Sketches as they are asked: random access into the bytes of `buildSketch`, which may come from anybody. */
import { VillageError } from '../../../errors.ts'
import {
  bucketOf,
  bucketsFor,
  FREQUENCY_EDGES_AT,
  HEADER_BYTES,
  IMPACT_EDGES_AT,
  MAX_FINGERPRINT_BITS,
  MAX_SKETCH_TERMS,
  SKETCH_MAGIC,
  sketchLayout,
} from './sketch.ts'
import { IMPACT_STEPS, LEVELS } from './sketch-levels.ts'
import { hashTerm, saltedFingerprint, type TermHash } from './term-hash.ts'

/**
 * The document frequency lies from `dfLow` to `dfHigh`, or is 0: one time in 2^fingerprintBits a term that is not there looks
 * like one that is. Both are 0 when the term is certainly not there.
 */
export interface TermEstimate {
  readonly dfLow: number
  readonly dfHigh: number
  /** Upper bound of the impact (lexical/bm25.ts) with the segment's own average length; 0 when the term is not there. */
  readonly maxImpact: number
}

export interface Sketch {
  readonly chunks: number
  readonly totalLength: number
  readonly terms: number
  readonly sizeBytes: number
  /** Of a term that is not there: the probability that it looks like one that is. */
  readonly falseMatchRate: number
  estimate(term: string): TermEstimate
  /** The same, for who asks many sketches about one term. */
  estimateHash(hash: TermHash): TermEstimate
}

const ABSENT: TermEstimate = { dfLow: 0, dfHigh: 0, maxImpact: 0 }
/** Buckets between two remembered positions: half a byte of memory a term, and few bits to walk. */
const STRIDE = 8

/** Takes a copy. Throws SKETCH_MALFORMED: another version or length, numbers that no segment has, scales that do not rise. */
export function readSketch(input: Uint8Array): Sketch {
  if (input.length < HEADER_BYTES) throw malformed('is too short')
  // Not slice(): of a Buffer it copies nothing, and begins somewhere in a larger one.
  const bytes = new Uint8Array(input)
  const view = new DataView(bytes.buffer)
  if (SKETCH_MAGIC.some((byte, at) => bytes[at] !== byte))
    throw malformed('does not begin as one of version 1')
  const chunks = view.getUint32(4, true)
  const totalLength = Number(view.getBigUint64(8, true))
  const terms = view.getUint32(16, true)
  const salt = view.getUint32(20, true)
  const fingerprintBits = view.getUint8(24)
  if (fingerprintBits < 1 || fingerprintBits > MAX_FINGERPRINT_BITS || bytes[25] || bytes[26] || bytes[27])
    throw malformed('has fingerprints of a size that is not known')
  if (terms > MAX_SKETCH_TERMS || !Number.isSafeInteger(totalLength) || terms > totalLength)
    throw malformed('counts more terms than it may')
  if ((chunks === 0 && totalLength > 0) || bytes.length !== sketchLayout(terms, fingerprintBits).sizeBytes)
    throw malformed('has another length than it says')

  const frequencyEdges = Array.from({ length: LEVELS }, (_, level) =>
    view.getUint32(FREQUENCY_EDGES_AT + level * 4, true),
  )
  const impactEdges = Array.from({ length: LEVELS }, (_, level) =>
    view.getUint16(IMPACT_EDGES_AT + level * 2, true),
  )
  if (!isRising(frequencyEdges) || frequencyEdges[0]! < 1 || frequencyEdges.at(-1)! > Math.max(1, chunks))
    throw malformed('has a scale of document frequencies that does not rise')
  if (!isRising(impactEdges) || (terms > 0 && impactEdges[0]! < 1))
    throw malformed('has a scale of impacts that does not rise')

  const layout = sketchLayout(terms, fingerprintBits)
  const buckets = bucketsFor(terms)
  const positions = indexBuckets(bytes, layout.sizesAt, terms, buckets)
  const mask = 2 ** fingerprintBits - 1

  /** Position of the first bit of a bucket. */
  function bucketStart(bucket: number): number {
    let at = positions[Math.floor(bucket / STRIDE)]!
    for (let left = bucket % STRIDE; left > 0; at++) if (!hasBit(bytes, layout.sizesAt, at)) left--
    return at
  }

  function estimateHash(hash: TermHash): TermEstimate {
    const bucket = bucketOf(hash.bucket, buckets)
    const fingerprint = saltedFingerprint(hash, salt) & mask
    let dfLow = 0
    let dfHigh = 0
    let impact = 0
    const start = bucketStart(bucket)
    for (let at = start; hasBit(bytes, layout.sizesAt, at); at++) {
      const row = at - bucket
      if (readBits(bytes, layout.fingerprintsAt, row * fingerprintBits, fingerprintBits) !== fingerprint)
        continue
      const levels = bytes[layout.levelsAt + row]!
      const level = levels >>> 4
      const high = frequencyEdges[level]!
      const low = level === 0 ? 1 : Math.min(high, frequencyEdges[level - 1]! + 1)
      dfLow = dfLow === 0 ? low : Math.min(dfLow, low)
      dfHigh = Math.max(dfHigh, high)
      impact = Math.max(impact, impactEdges[levels & 15]!)
    }
    return dfHigh === 0 ? ABSENT : { dfLow, dfHigh, maxImpact: impact / IMPACT_STEPS }
  }

  return {
    chunks,
    totalLength,
    terms,
    sizeBytes: bytes.length,
    falseMatchRate: (terms / buckets) * 2 ** -fingerprintBits,
    estimate: (term) => estimateHash(hashTerm(term)),
    estimateHash,
  }
}

/** Positions of every STRIDE-th bucket. Checks that there are as many buckets and terms as there must be, and no bit besides. */
function indexBuckets(bytes: Uint8Array, at: number, terms: number, buckets: number): Uint32Array {
  const positions = new Uint32Array(Math.ceil(buckets / STRIDE))
  let bucket = 0
  for (let bit = 0; bit < terms + buckets; bit++) {
    if (hasBit(bytes, at, bit)) continue
    bucket++
    if (bucket % STRIDE === 0 && bucket < buckets) positions[bucket / STRIDE] = bit + 1
  }
  if (bucket !== buckets || hasBit(bytes, at, terms + buckets - 1))
    throw malformed('has other buckets than it says')
  return positions
}

function hasBit(bytes: Uint8Array, at: number, bit: number): boolean {
  return ((bytes[at + (bit >>> 3)]! >>> (bit & 7)) & 1) === 1
}

function readBits(bytes: Uint8Array, at: number, firstBit: number, bits: number): number {
  if (bits === 8) return bytes[at + (firstBit >>> 3)]!
  let value = 0
  for (let bit = 0; bit < bits; bit++) if (hasBit(bytes, at, firstBit + bit)) value |= 1 << bit
  return value
}

function isRising(edges: readonly number[]): boolean {
  return edges.every((edge, level) => level === 0 || edge >= edges[level - 1]!)
}

function malformed(what: string): VillageError {
  return new VillageError('SKETCH_MALFORMED', `A sketch ${what}.`)
}
