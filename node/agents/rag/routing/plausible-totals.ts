/**
 * Whether what a record says of a segment can be so of any segment: its totals go into the scores of everybody who searches, and
 * nobody can count them without having the segment. Bounds follow from the files (segment/segment-format.ts).
 */
import { MAX_FILE_BYTES, MAX_SEGMENT_CHUNKS, SEGMENT_FILES } from '../segment/segment-format.ts'
import { sketchLayout } from './sketch.ts'

export interface ClaimedTotals {
  readonly chunks: number
  readonly documents: number
  /** Terms in all its chunks. */
  readonly totalLength: number
  /** Of its files. */
  readonly sizeBytes: number
  readonly sketchBytes: number
}

const MAX_SEGMENT_BYTES = SEGMENT_FILES.length * MAX_FILE_BYTES
/** Of the columns of a chunk. */
const MIN_CHUNK_BYTES = 16
/** Of the columns of a document. */
const MIN_DOCUMENT_BYTES = 24
/** The position of each occurrence of a term is written in a byte at least. */
const MIN_OCCURRENCE_BYTES = 1
const MIN_SKETCH_BYTES = sketchLayout(0, 1).sizeBytes
/** With fingerprints of 16 bits; a segment has no more different terms than terms. */
const MAX_SKETCH_BYTES_BY_TERM = 4

/** What cannot be, as a part of a sentence; null where all may be so. */
export function findImplausible(totals: ClaimedTotals): string | null {
  const { chunks, documents, totalLength, sizeBytes, sketchBytes } = totals
  if (chunks < 1 || chunks > MAX_SEGMENT_CHUNKS || documents < 1 || documents > chunks)
    return 'a segment has an impossible number of chunks'
  if (sizeBytes > MAX_SEGMENT_BYTES) return 'a segment is larger than its files can be'
  const leastBytes = Math.max(
    chunks * MIN_CHUNK_BYTES,
    documents * MIN_DOCUMENT_BYTES,
    totalLength * MIN_OCCURRENCE_BYTES,
  )
  if (sizeBytes < leastBytes) return 'a segment is too small for what is in it'
  if (
    sketchBytes < MIN_SKETCH_BYTES ||
    sketchBytes > MIN_SKETCH_BYTES + totalLength * MAX_SKETCH_BYTES_BY_TERM
  )
    return 'a sketch has no possible size'
  return null
}
