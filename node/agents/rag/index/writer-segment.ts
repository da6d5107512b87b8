/** A segment in the hands of a writer: whole for good, its deletions growing. */

import type { IndexedDocument } from '../document.ts'
import { openSegment } from '../segment/open-segment.ts'
import type { Segment } from '../segment/segment.ts'
import type { SegmentSummary } from '../segment/write-segment.ts'
import type { ManifestSegment } from './manifest.ts'
import {
  type Bits,
  copyBits,
  countBits,
  createBits,
  hasBit,
  readTombstones,
  setBit,
  writeTombstones,
} from './tombstones.ts'

export interface WriterSegment {
  readonly entry: ManifestSegment
  readonly segment: Segment
  /** By chunk; null: none. */
  readonly deleted: Bits | null
}

/** Throws SEGMENT_CORRUPT, SEGMENT_VERSION_UNSUPPORTED, INDEX_CORRUPT. */
export function openWriterSegment(directory: string, entry: ManifestSegment): WriterSegment {
  const segment = openSegment(directory, entry.id)
  const deleted = readTombstones(directory, entry.tombstones, segment.header.chunks)
  return { entry, segment, deleted }
}

/** Of a segment that was just written: nothing in it is deleted. */
export function freshSegment(directory: string, { id, header, sizeBytes }: SegmentSummary): WriterSegment {
  const { chunks, documents, totalLength } = header
  const entry: ManifestSegment = {
    id,
    chunks,
    documents,
    totalLength,
    sizeBytes,
    deletedChunks: 0,
    deletedDocuments: 0,
    tombstones: null,
    isAway: false,
  }
  return { entry, segment: openSegment(directory, id), deleted: null }
}

/** Index of the document where it is live; -1 where it is not. */
export function liveDocument({ segment, deleted }: WriterSegment, id: string): number {
  const document = segment.findDocument(id)
  return document >= 0 && (deleted === null || !hasBit(deleted, segment.firstChunk(document))) ? document : -1
}

/** The same segment without these documents (indexes); what was given stays as it was. */
export function without(held: WriterSegment, documents: readonly number[]): WriterSegment {
  if (documents.length === 0) return held
  const { segment, entry } = held
  const deleted = held.deleted === null ? createBits(segment.header.chunks) : copyBits(held.deleted)
  let deletedDocuments = entry.deletedDocuments
  for (const document of documents) {
    const first = segment.firstChunk(document)
    if (hasBit(deleted, first)) continue
    deletedDocuments++
    for (let chunk = first; chunk < segment.firstChunk(document + 1); chunk++) setBit(deleted, chunk)
  }
  return { segment, deleted, entry: { ...entry, deletedChunks: countBits(deleted), deletedDocuments } }
}

export const isEmpty = ({ entry }: WriterSegment): boolean => entry.deletedChunks === entry.chunks

/** Writes its deletions under their name where they are not on the disk yet; the caller synchronises the directory. */
export function withTombstones(directory: string, held: WriterSegment): WriterSegment {
  if (held.deleted === null) return held
  const tombstones = writeTombstones(directory, held.deleted)
  return tombstones === held.entry.tombstones ? held : { ...held, entry: { ...held.entry, tombstones } }
}

/** All that is live in these segments, in their order, read one at a time. */
export function* liveDocuments(segments: readonly WriterSegment[]): Generator<IndexedDocument> {
  for (const { segment, deleted } of segments)
    for (let document = 0; document < segment.header.documents; document++)
      if (deleted === null || !hasBit(deleted, segment.firstChunk(document)))
        yield segment.indexedDocument(document)
}
