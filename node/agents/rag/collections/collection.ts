/** What a collection is: documents of one owner under one name, with who may search them and how they are indexed. */
import { createHash } from 'node:crypto'
import { VillageError } from '../../../errors.ts'
import type { IndexedRoot } from './roots.ts'

/** `private`: nobody else learns of it. `village`: members may search it. `public`: guests of an open village too. */
export type CollectionAccess = 'private' | 'village' | 'public'

export const COLLECTION_ACCESS: readonly CollectionAccess[] = ['private', 'village', 'public']

/** A folder or file that is indexed, with the choices that were made for it. */
export interface WatchedRoot {
  /** Absolute. */
  readonly path: string
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** ISO 639-1, or null: told by document. */
  readonly language: string | null
}

/** What the owner may change. */
export interface CollectionSettings {
  readonly access: CollectionAccess
  /** Members that are to hold a copy of each segment, the owner not counted; of use where `access` is not private. */
  readonly replicas: number
  /** False: the text is spread, and leaves this node when `replicas` members hold it. */
  readonly keepsCopy: boolean
  /** Share of the vectors in the fused score of a search, 0 to 1. */
  readonly weight: number
  /** Whether its searches add words of the best passages to the query, where the search does not say. */
  readonly feedback: boolean
  /** How many passages each ranker puts up in its searches, where the search does not say; null: by the number of hits. */
  readonly candidates: number | null
}

export interface CollectionInfo extends CollectionSettings {
  /** 32 hexadecimal digits, see collectionId(). */
  readonly id: string
  readonly name: string
  /** Peer ID of the owner. */
  readonly owner: string
  /**
   * CID of the model that makes its vectors, which is the same on every node; null: it is searched by words alone. `models.need`
   * takes it as it takes an id.
   */
  readonly encoder: string | null
  /** Most chunks of a segment. */
  readonly segmentChunks: number
  readonly createdAtMs: number
  /** Live documents. */
  readonly documents: number
  /** Live chunks. */
  readonly chunks: number
  /** On this node's disk. */
  readonly sizeBytes: number
  /** Of its index: grows with each commit. */
  readonly generation: number
  /** ISO 639-1, sorted: those of its documents. */
  readonly languages: readonly string[]
  /** What was indexed, with the beginning of the sources that came of it: `notes/` of a folder, the whole source of a file. */
  readonly roots: readonly IndexedRoot[]
  /** Absolute paths that are watched. */
  readonly watched: readonly string[]
  /** Why its index cannot be read; its counts are then 0. */
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** One of which nothing is known but that it is there, and why: it can only be removed. */
export interface UnreadableCollection {
  readonly id: string
  /** As far as it can be made out. */
  readonly name: string | null
  readonly problem: { readonly code: string; readonly message: string }
}

/** As it is kept in `collection.json`. */
export interface StoredCollection extends CollectionSettings {
  readonly version: 1
  readonly id: string
  readonly name: string
  readonly owner: string
  readonly encoder: string | null
  readonly segmentChunks: number
  readonly createdAtMs: number
  /** What the ids of its documents are made with: its own id, or that of the collection that it was imported from. */
  readonly documentBase: string
  readonly languages: readonly string[]
  readonly roots: readonly IndexedRoot[]
  readonly watched: readonly WatchedRoot[]
  /** What was asked to be indexed and is not yet: where a stop or a crash came before the end, the next start goes on with it. */
  readonly unfinished: readonly WatchedRoot[]
}

export const DEFAULT_SETTINGS: CollectionSettings = {
  access: 'private',
  replicas: 2,
  keepsCopy: true,
  weight: 0.5,
  feedback: false,
  candidates: null,
}
export const MAX_SEARCH_CANDIDATES = 1_000
/** Vectors of a segment are compared one by one below this (DESIGN, section 11), which needs no graph. */
export const DEFAULT_SEGMENT_CHUNKS = 10_000
export const MIN_SEGMENT_CHUNKS = 16
export const MAX_SEGMENT_CHUNKS = 1_000_000
export const MAX_REPLICAS = 16

const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]{0,63}$/u
const ID = /^[0-9a-f]{32}$/

export const isCollectionId = (text: string): boolean => ID.test(text)

/**
 * Letters and digits of any script, dots, dashes and underscores; never what could be taken for an id. No `@`, which stands between
 * a name and its owner. Gives the name in Unicode's composed form (NFC). Throws INVALID_ARGUMENT.
 */
export function checkCollectionName(given: string): string {
  const name = given.normalize('NFC')
  if (NAME.test(name) && !isCollectionId(name)) return name
  throw new VillageError(
    'INVALID_ARGUMENT',
    'The name of a collection has 1 to 64 letters, digits, dots, dashes or underscores',
    { fields: { argument: 'name' } },
  )
}

/** The first 32 hexadecimal digits of SHA-256(owner, line feed, name): the same wherever it is made. */
export function collectionId(owner: string, name: string): string {
  return createHash('sha256').update(`${owner}\n${name}`).digest('hex').slice(0, 32)
}

/** The id of a document: a changed file gets the same, and so replaces itself. */
export function documentId(documentBase: string, source: string): string {
  return createHash('sha256').update(`${documentBase}\n${source}`).digest('hex').slice(0, 32)
}

export const isCandidates = (value: unknown): value is number | null =>
  value === null ||
  (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_SEARCH_CANDIDATES)

/** Throws INVALID_ARGUMENT. */
export function checkSettings(settings: Partial<CollectionSettings>): void {
  const { access, replicas, weight, candidates = null } = settings
  const refuse = (argument: string, message: string) =>
    new VillageError('INVALID_ARGUMENT', message, { fields: { argument } })
  if (access !== undefined && !COLLECTION_ACCESS.includes(access))
    throw refuse('access', `The access is one of ${COLLECTION_ACCESS.join(', ')}`)
  if (replicas !== undefined && !(Number.isInteger(replicas) && replicas >= 0 && replicas <= MAX_REPLICAS))
    throw refuse('replicas', `The number of replicas is a whole number from 0 to ${MAX_REPLICAS}`)
  if (weight !== undefined && !(weight >= 0 && weight <= 1))
    throw refuse('weight', 'The weight of the vectors is a number from 0 to 1')
  if (!isCandidates(candidates))
    throw refuse(
      'candidates',
      `The candidates are a whole number from 1 to ${MAX_SEARCH_CANDIDATES}, or null`,
    )
}

/** Throws INVALID_ARGUMENT. */
export function checkSegmentChunks(chunks: number): void {
  if (Number.isInteger(chunks) && chunks >= MIN_SEGMENT_CHUNKS && chunks <= MAX_SEGMENT_CHUNKS) return
  throw new VillageError(
    'INVALID_ARGUMENT',
    `A segment has ${MIN_SEGMENT_CHUNKS} to ${MAX_SEGMENT_CHUNKS} chunks`,
    { fields: { argument: 'segmentChunks' } },
  )
}
