/**
 * `/village/collections/1.0.0`: which collections members offer, the owner's signed record of each, and which segments of
 * them a member holds (docs/protocols/collections.md). The gossip topic `collections` says only that something has changed:
 * it reaches guests too, and what they may see is decided on the stream.
 */
import { bool, bytes, double, type Infer, list, message, nested, string, uint32, uint64 } from './message.ts'
import { SEGMENT_KEY_BYTES } from './segment-key.ts'
import type { ProtocolSpec } from './spec.ts'

export const COLLECTIONS_PROTOCOL: ProtocolSpec = {
  id: '/village/collections/1.0.0',
  /** A guest is told of public collections only. */
  access: 'guest',
  maxFrameBytes: 1024 * 1024,
  frameTimeoutMs: 15_000,
  maxStreamsByPeer: 4,
  streamsByMinute: 240,
}

export const COLLECTIONS_TOPIC = 'collections'
export const MAX_COLLECTIONS_GOSSIP_BYTES = 256
export const COLLECTIONS_EVERY_MS = 60_000
/** A member that has said nothing for this long is taken for away. */
export const COLLECTIONS_TTL_MS = 180_000

/** What the owner signs: the domain, a zero byte, and the record without its signature. */
export const COLLECTION_DOMAIN = 'village/collection/1'
export const MAX_COLLECTION_RECORD_BYTES = 512 * 1024
export const MAX_COLLECTION_SEGMENTS = 2_000
/** Deleted chunks of one segment, as distances in varints; one with more is compacted before it is published. */
export const MAX_DELETIONS_BYTES = 64 * 1024
export const MAX_COLLECTION_NAME_BYTES = 128
/** Live ones. */
export const MAX_COLLECTIONS_BY_OWNER = 256
/** Of more of them the oldest are forgotten. */
export const MAX_REMOVALS_BY_OWNER = 256
/**
 * A record counts for so long after its time, so that a removal need not be kept for ever: whatever it removed is over before it is. Owners
 * sign theirs anew in time.
 */
export const RECORD_VALID_MS = 90 * 86_400_000
export const RECORD_RENEWED_MS = 30 * 86_400_000
export const MAX_COLLECTION_RECORDS = 20_000
export const MAX_REPLICAS = 16

/** On the wire; a private collection has no record. */
export const ACCESS_CODES = { village: 1, public: 2 } as const

export const SegmentEntry = message('SegmentEntry', {
  /** SHA-256 of the segment's header file, which names the hashes of its other files. */
  id: [1, bytes(32)],
  /** Of the directory as an artifact. */
  cid: [2, bytes(64)],
  /** Of the sketch as an artifact. */
  sketchCid: [3, bytes(64)],
  sketchBytes: [4, uint32()],
  chunks: [5, uint32()],
  documents: [6, uint32()],
  totalLength: [7, uint64()],
  sizeBytes: [8, uint64()],
  deletions: [9, bytes(MAX_DELETIONS_BYTES)],
})
export type SegmentEntry = Infer<typeof SegmentEntry>

export const CollectionRecordMessage = message('CollectionRecord', {
  /** ID of the village: a record means nothing in another. */
  village: [1, string(96)],
  /** Ed25519 public key. */
  owner: [2, bytes(32)],
  id: [3, bytes(16)],
  /** The newest of an owner and id counts. */
  generation: [4, uint64()],
  timeMs: [5, uint64()],
  /** Nothing below is set then: copies of it are dropped. */
  removed: [6, bool()],
  name: [7, string(MAX_COLLECTION_NAME_BYTES)],
  access: [8, uint32()],
  /** Model that made the vectors; '' for none. */
  encoder: [9, string(160)],
  dims: [10, uint32()],
  languages: [11, list(string(16), 64)],
  /** Share of the vectors in the fused score, 0 to 1. */
  weight: [12, double()],
  replicas: [13, uint32()],
  /** Whether the owner keeps the text of what members hold. */
  keepsCopy: [14, bool()],
  segments: [15, list(nested(SegmentEntry, MAX_DELETIONS_BYTES + 512), MAX_COLLECTION_SEGMENTS)],
  signature: [16, bytes(64)],
})
export type CollectionRecordMessage = Infer<typeof CollectionRecordMessage>

/** Gossip: digests of what the sender would show to a member. */
export const CollectionsAnnouncement = message('CollectionsAnnouncement', {
  timeMs: [1, uint64()],
  /** SHA-256 over the hashes of all records, sorted. */
  catalogue: [2, bytes(32)],
  /** SHA-256 over the ids of all segments held, sorted. */
  holdings: [3, bytes(32)],
  /** SHA-256 over the hashes of the sender's own records, sorted; earlier versions do not say it. */
  own: [4, bytes(32)],
})

export const CollectionsRequestKind = { catalogue: 0, records: 1, holdings: 2 } as const
/** Entries of one frame, and hashes of one request. */
export const MAX_CATALOGUE_FRAME = 4_000
export const MAX_RECORDS_REQUEST = 256
export const MAX_HOLDINGS_FRAME = 16_000
/** The sender of records ends a frame at this. */
export const RECORDS_FRAME_BYTES = 512 * 1024

export const CollectionsRequest = message('CollectionsRequest', {
  kind: [1, uint32()],
  /** records: SHA-256 of each that is wanted. */
  hashes: [2, list(bytes(32), MAX_RECORDS_REQUEST)],
  /** catalogue, holdings: digests of what the asker knows, one by bucket, or none: then all is sent. */
  buckets: [3, list(bytes(16), 64)],
})

export const CatalogueEntry = message('CatalogueEntry', {
  owner: [1, bytes(32)],
  id: [2, bytes(16)],
  generation: [3, uint64()],
  hash: [4, bytes(32)],
})

/** Answers catalogue; the last frame has `more` false. */
export const CataloguePage = message('CataloguePage', {
  entries: [1, list(nested(CatalogueEntry, 128), MAX_CATALOGUE_FRAME)],
  more: [2, bool()],
})

/** Answers records: those of the wanted ones that the sender has and the asker may see. */
export const RecordsPage = message('RecordsPage', {
  records: [1, list(bytes(MAX_COLLECTION_RECORD_BYTES), MAX_RECORDS_REQUEST)],
  more: [2, bool()],
})

/** Answers holdings: keys of segments. */
export const HoldingsPage = message('HoldingsPage', {
  segments: [1, list(bytes(SEGMENT_KEY_BYTES), MAX_HOLDINGS_FRAME)],
  /** What the sender lends to the segments of others, and what of it is taken. */
  capacityBytes: [2, uint64()],
  usedBytes: [3, uint64()],
  more: [4, bool()],
  /** Only the segments of the buckets that differ are listed; the first page names these. */
  partial: [5, bool()],
  buckets: [6, list(uint32(), 64)],
})
export type HoldingsPage = Infer<typeof HoldingsPage>
