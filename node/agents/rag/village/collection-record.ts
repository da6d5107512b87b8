/**
 * The owner's signed word on a collection: which segments it consists of and who may search it. Pure functions: a record that
 * passes `parseCollectionRecord` is well formed, signed by its owner and of this village; whether its owner is a member, and
 * whether a newer one is known, is the catalogue's matter.
 */
import { VillageError } from '../../../errors.ts'
import { DAG_PB_CODEC, decodeCid, parseCid } from '../../../mesh/artifacts/cids.ts'
import { isSigned, PUBLIC_KEY_BYTES, peerOf, type Signer } from '../../../mesh/membership/keys.ts'
import { hashOf } from '../../../mesh/membership/records.ts'
import {
  ACCESS_CODES,
  COLLECTION_DOMAIN,
  CollectionRecordMessage,
  MAX_COLLECTION_RECORD_BYTES,
  MAX_COLLECTION_SEGMENTS,
  MAX_DELETIONS_BYTES,
  MAX_REPLICAS,
  type SegmentEntry,
} from '../../../mesh/protocols/collections.ts'
import { type CollectionAccess, checkCollectionName, collectionId } from '../collections/collection.ts'
import { findImplausible } from '../routing/plausible-totals.ts'
import { decodeDeletions, encodeDeletions } from './deletions.ts'

export interface RecordSegment {
  /** 64 hexadecimal digits. */
  readonly id: string
  /** Of its directory as an artifact. */
  readonly cid: string
  readonly sketchCid: string
  readonly sketchBytes: number
  readonly chunks: number
  readonly documents: number
  /** Terms in all its chunks. */
  readonly totalLength: number
  /** Of its files. */
  readonly sizeBytes: number
  /** Chunks that are deleted, rising. */
  readonly deletions: readonly number[]
}

export type PublishedAccess = Exclude<CollectionAccess, 'private'>

/** What the owner says of a collection that can be searched. */
export interface CollectionFacts {
  readonly name: string
  readonly access: PublishedAccess
  readonly encoder: string | null
  /** Length of its vectors, or null. */
  readonly dims: number | null
  readonly languages: readonly string[]
  readonly weight: number
  readonly replicas: number
  readonly keepsCopy: boolean
  readonly segments: readonly RecordSegment[]
}

export interface CollectionRecord {
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly hash: string
  readonly bytes: Uint8Array
  /** Peer ID. */
  readonly owner: string
  /** 32 hexadecimal digits. */
  readonly id: string
  readonly generation: number
  readonly timeMs: number
  /** Null: the collection is removed, or nobody else's business any more. */
  readonly facts: CollectionFacts | null
}

const NOTHING = new Uint8Array(0)
const ID_BYTES = 16
const SEGMENT_ID_BYTES = 32
/** A sketch of a segment of a million chunks is some 10 MB. */
export const MAX_SKETCH_BYTES = 64 * 2 ** 20
const MAX_DIMS = 4_096
const LANGUAGE = /^[a-z]{2,3}$/

function malformed(reason: string): VillageError {
  return new VillageError('PROTOCOL_MALFORMED', `A record of a collection is not valid: ${reason}`)
}

const unsigned = (value: CollectionRecordMessage) =>
  CollectionRecordMessage.encode({ ...value, signature: NOTHING })

/** `facts` null removes the collection. Throws PROTOCOL_MALFORMED when it does not fit into a record. */
export function createCollectionRecord(
  owner: Signer,
  init: { village: string; id: string; generation: number; timeMs: number; facts: CollectionFacts | null },
): CollectionRecord {
  const { village, id, generation, timeMs, facts } = init
  const value: CollectionRecordMessage = {
    village,
    owner: owner.publicKey,
    id: Buffer.from(id, 'hex'),
    generation,
    timeMs,
    removed: facts === null,
    name: facts?.name ?? '',
    access: facts === null ? 0 : ACCESS_CODES[facts.access],
    encoder: facts?.encoder ?? '',
    dims: facts?.dims ?? 0,
    languages: [...(facts?.languages ?? [])],
    weight: facts?.weight ?? 0,
    replicas: facts?.replicas ?? 0,
    keepsCopy: facts?.keepsCopy ?? false,
    segments: (facts?.segments ?? []).map(encodeSegment),
    signature: NOTHING,
  }
  const bytes = CollectionRecordMessage.encode({
    ...value,
    signature: owner.sign(COLLECTION_DOMAIN, unsigned(value)),
  })
  return parseCollectionRecord(bytes, village)
}

/** A segment takes at most some 160 bytes besides its deletions, and all that is said of the collection less than this. */
const SEGMENT_ENTRY_BYTES = 200
const HEAD_BYTES = 4_096

/** Whether a record of so many segments with these deletions is small enough. */
export function fitsRecord(segments: number, deletions: Iterable<readonly number[]>): boolean {
  let sizeBytes = HEAD_BYTES + Math.min(segments, MAX_COLLECTION_SEGMENTS) * SEGMENT_ENTRY_BYTES
  for (const list of deletions) {
    const { byteLength } = encodeDeletions(list)
    if (byteLength > MAX_DELETIONS_BYTES) return false
    sizeBytes += byteLength
  }
  return sizeBytes <= MAX_COLLECTION_RECORD_BYTES
}

function encodeSegment(segment: RecordSegment): SegmentEntry {
  const { chunks, documents, totalLength, sizeBytes, sketchBytes } = segment
  return {
    id: Buffer.from(segment.id, 'hex'),
    cid: parseCid(segment.cid).bytes,
    sketchCid: parseCid(segment.sketchCid).bytes,
    sketchBytes,
    chunks,
    documents,
    totalLength,
    sizeBytes,
    deletions: encodeDeletions(segment.deletions),
  }
}

function parseSegment(entry: SegmentEntry): RecordSegment {
  const { chunks, documents, totalLength, sizeBytes, sketchBytes } = entry
  if (entry.id.byteLength !== SEGMENT_ID_BYTES) throw malformed('a segment has no id')
  if (sketchBytes > MAX_SKETCH_BYTES) throw malformed('a sketch has no possible size')
  const implausible = findImplausible({ chunks, documents, totalLength, sizeBytes, sketchBytes })
  if (implausible !== null) throw malformed(implausible)
  const cid = decodeCid(entry.cid)
  if (cid.code !== DAG_PB_CODEC) throw malformed('a segment is no directory')
  return {
    id: Buffer.from(entry.id).toString('hex'),
    cid: cid.toString(),
    sketchCid: decodeCid(entry.sketchCid).toString(),
    sketchBytes,
    chunks,
    documents,
    totalLength,
    sizeBytes,
    deletions: decodeDeletions(entry.deletions, chunks),
  }
}

function parseFacts(value: CollectionRecordMessage, owner: string, id: string): CollectionFacts {
  const access = (Object.keys(ACCESS_CODES) as PublishedAccess[]).find(
    (name) => ACCESS_CODES[name] === value.access,
  )
  if (access === undefined) throw malformed('its access is not known')
  if (checkName(value.name) !== value.name || collectionId(owner, value.name) !== id)
    throw malformed('its id is not that of its owner and name')
  if (!(value.weight >= 0 && value.weight <= 1) || value.replicas > MAX_REPLICAS || value.dims > MAX_DIMS)
    throw malformed('a setting is out of its range')
  if (!value.languages.every((language) => LANGUAGE.test(language))) throw malformed('a language has no code')
  const segments = value.segments.map(parseSegment)
  if (new Set(segments.map((segment) => segment.id)).size !== segments.length)
    throw malformed('it names a segment twice')
  return {
    name: value.name,
    access,
    encoder: value.encoder === '' ? null : value.encoder,
    dims: value.dims === 0 ? null : value.dims,
    languages: value.languages,
    weight: value.weight,
    replicas: value.replicas,
    keepsCopy: value.keepsCopy,
    segments,
  }
}

function checkName(name: string): string | null {
  try {
    return checkCollectionName(name)
  } catch {
    return null
  }
}

/** Throws PROTOCOL_MALFORMED or CID_INVALID. */
export function parseCollectionRecord(bytes: Uint8Array, village: string): CollectionRecord {
  if (bytes.byteLength > MAX_COLLECTION_RECORD_BYTES) throw malformed('it is too large')
  const value = CollectionRecordMessage.decode(bytes)
  // One meaning has one encoding: else one record could have two hashes.
  if (Buffer.compare(CollectionRecordMessage.encode(value), bytes) !== 0)
    throw malformed('it is not encoded in the one allowed way')
  if (value.village !== village) throw malformed('it is of another village')
  if (value.owner.byteLength !== PUBLIC_KEY_BYTES || value.id.byteLength !== ID_BYTES)
    throw malformed('it has no owner or id')
  if (value.generation < 1) throw malformed('it has no generation')
  if (!isSigned(value.owner, COLLECTION_DOMAIN, unsigned(value), value.signature))
    throw malformed('it is not signed by its owner')
  const owner = peerOf(value.owner)
  const id = Buffer.from(value.id).toString('hex')
  const isEmpty = value.segments.length === 0 && value.name === '' && value.access === 0
  if (value.removed && !isEmpty) throw malformed('it is removed and yet has something in it')
  return {
    hash: hashOf(bytes),
    // A copy: what came from the network is a view of a much larger buffer.
    bytes: Uint8Array.from(bytes),
    owner,
    id,
    generation: value.generation,
    timeMs: value.timeMs,
    facts: value.removed ? null : parseFacts(value, owner, id),
  }
}

/** The one that counts of two of the same owner and id: the newer, and of two that claim the same generation the one with the lower hash. */
export function supersedes(a: CollectionRecord, b: CollectionRecord): boolean {
  return a.generation === b.generation ? a.hash < b.hash : a.generation > b.generation
}
