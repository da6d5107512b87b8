/** Reads an index in this thread: what the answering thread of an IndexHost does, and what tests, benches and simulations use. */
import { VillageError } from '../../../errors.ts'
import type { DocumentRecord } from '../document.ts'
import { buildSketch } from '../routing/sketch.ts'
import type {
  ChunkReference,
  SearchOutcome,
  SearchRequest,
  SegmentStatistics,
  Statistics,
  StoredChunk,
} from '../search-types.ts'
import { finish, SearchWork, type Steps } from '../search-work.ts'
import { closeSnapshot, type IndexSnapshot, openSnapshot, stampOf } from './index-snapshot.ts'
import { chunksOfDocument, listDocuments } from './list-documents.ts'
import { isDeleted, type LiveSegment } from './live-segment.ts'
import type { Manifest } from './manifest.ts'
import { searchSegments } from './search-segments.ts'
import { eachBit } from './tombstones.ts'

/** Each call sees the manifest as it is at that moment: what others commit shows without a word. */
export interface IndexReader {
  /** Segments that it has open: each holds a few files. */
  readonly openSegments: number
  manifest(): Manifest
  /** By segment, without those that are away. */
  statistics(terms: readonly string[], segments?: readonly string[]): SegmentStatistics[]
  /** `statistics` null: the index's own. */
  search(request: SearchRequest, statistics: Statistics | null, segments?: readonly string[]): SearchOutcome
  chunks(references: readonly ChunkReference[]): (StoredChunk | null)[]
  /**
   * The same three in steps. Between two of them anything may be done with the reader: a step after the manifest was replaced begins
   * again with the new one, and after `close` it throws INDEX_MISSING.
   */
  readonly inSteps: {
    statistics(
      terms: readonly string[],
      segments: readonly string[] | undefined,
      work: SearchWork,
    ): Steps<SegmentStatistics[]>
    search(
      request: SearchRequest,
      statistics: Statistics | null,
      segments: readonly string[] | undefined,
      work: SearchWork,
    ): Steps<SearchOutcome>
    chunks(references: readonly ChunkReference[], work: SearchWork): Steps<(StoredChunk | null)[]>
  }
  documents(page: { after?: string; limit: number }): DocumentRecord[]
  documentChunks(document: string): StoredChunk[]
  /** Throws NOT_FOUND, INDEX_SEGMENT_AWAY. */
  sketch(segment: string): Uint8Array
  /** Throws NOT_FOUND. */
  deletions(segment: string): number[]
  /** Lets go of files that the manifest names no more; every other call does so too. */
  refresh(): void
  close(): void
}

/** A writer that replaces the manifest faster than segments can be opened is no writer of ours. */
const ATTEMPTS = 8
/** Of work: to look up a term in a segment, and to read a passage. */
const TERM_UNITS = 256
const PASSAGE_UNITS = 16_384

/** Adds up what the segments say of themselves. */
export function sumStatistics(parts: readonly Statistics[]): Statistics {
  let chunks = 0
  let totalLength = 0
  const documentFrequency = new Map<string, number>()
  for (const part of parts) {
    chunks += part.chunks
    totalLength += part.totalLength
    for (const [term, df] of part.documentFrequency)
      documentFrequency.set(term, (documentFrequency.get(term) ?? 0) + df)
  }
  return { chunks, totalLength, documentFrequency }
}

function statisticsOf({ segment, entry }: LiveSegment, terms: readonly string[]): SegmentStatistics {
  const documentFrequency = new Map<string, number>()
  for (const term of terms) {
    const df = segment.df(term)
    if (df > 0) documentFrequency.set(term, df)
  }
  const { chunks, totalLength } = segment.header
  return { segment: entry.id, chunks, totalLength, documentFrequency }
}

/** Throws INDEX_MISSING, INDEX_CORRUPT, INDEX_VERSION_UNSUPPORTED; later also SEGMENT_CORRUPT. */
export function createIndexReader(directory: string): IndexReader {
  let snapshot: IndexSnapshot | null = null
  let isClosed = false

  /**
   * The writer removes segments as soon as no manifest names them: a file that is gone in the middle of a read says so, and the read
   * begins again with the manifest that is there now.
   */
  function withSnapshot<T>(read: (snapshot: IndexSnapshot) => T): T {
    if (isClosed) throw new VillageError('INTERNAL', 'The reader of an index was closed.')
    for (let attempt = 1; ; attempt++) {
      const stamp = stampOf(directory)
      try {
        if (snapshot === null || snapshot.stamp !== stamp) snapshot = openSnapshot(directory, snapshot)
        return read(snapshot)
      } catch (error) {
        if (attempt === ATTEMPTS || stampOf(directory) === stamp) throw error
      }
    }
  }

  /** As `withSnapshot`; what was replaced between two steps is not touched again. */
  function* stepping<T>(read: (snapshot: IndexSnapshot) => Steps<T>): Steps<T> {
    for (let attempt = 1; ; attempt++) {
      const state = withSnapshot((current) => current)
      try {
        // Within the attempt: making the steps reads already.
        const steps = read(state)
        for (let step = steps.next(); ; step = steps.next()) {
          if (step.done === true) return step.value
          yield
          if (isClosed) throw new VillageError('INDEX_MISSING', 'An index was closed while it was searched.')
          if (snapshot !== state) break
        }
      } catch (error) {
        if (isClosed || attempt === ATTEMPTS || stampOf(directory) === state.stamp) throw error
        continue
      }
      if (attempt === ATTEMPTS)
        throw new VillageError('PEER_BUSY', 'An index changes faster than it can be searched.')
    }
  }

  function chosen({ segments, byId }: IndexSnapshot, ids: readonly string[] | undefined): LiveSegment[] {
    const picked = ids === undefined ? segments : [...new Set(ids)].flatMap((id) => byId.get(id) ?? [])
    return picked.filter((live) => !live.entry.isAway)
  }

  function need({ byId }: IndexSnapshot, id: string): LiveSegment {
    const live = byId.get(id)
    if (live === undefined)
      throw new VillageError('NOT_FOUND', 'The index has no such segment.', { fields: { segment: id } })
    return live
  }

  const inSteps: IndexReader['inSteps'] = {
    statistics: (terms, segments, work) =>
      stepping(function* (state) {
        const parts: SegmentStatistics[] = []
        for (const live of chosen(state, segments)) {
          parts.push(statisticsOf(live, terms))
          if (work.spend(terms.length * TERM_UNITS)) yield
        }
        return parts
      }),
    search: (request, statistics, segments, work) =>
      stepping((state) => {
        const terms = request.lexical?.terms.map(({ term }) => term) ?? []
        const own = () => sumStatistics(chosen(state, undefined).map((live) => statisticsOf(live, terms)))
        return searchSegments(chosen(state, segments), request, statistics ?? own(), work)
      }),
    chunks: (references, work) =>
      stepping(function* ({ byId }) {
        const found: (StoredChunk | null)[] = []
        for (const { segment, chunk } of references) {
          const live = byId.get(segment)
          const isThere =
            live !== undefined &&
            !live.entry.isAway &&
            Number.isInteger(chunk) &&
            chunk >= 0 &&
            chunk < live.segment.header.chunks
          found.push(isThere && !isDeleted(live, chunk) ? live.segment.chunk(chunk) : null)
          if (work.spend(PASSAGE_UNITS)) yield
        }
        return found
      }),
  }

  withSnapshot(() => undefined)
  return {
    inSteps,
    get openSegments() {
      return snapshot?.segments.length ?? 0
    },
    manifest: () => withSnapshot((state) => state.manifest),
    statistics: (terms, segments) => finish(inSteps.statistics(terms, segments, new SearchWork())),
    search: (request, statistics, segments) =>
      finish(inSteps.search(request, statistics, segments, new SearchWork())),
    chunks: (references) => finish(inSteps.chunks(references, new SearchWork())),
    documents: (page) => withSnapshot(({ segments }) => listDocuments(segments, page)),
    documentChunks: (document) => withSnapshot(({ segments }) => chunksOfDocument(segments, document)),
    sketch: (id) =>
      withSnapshot((state) => {
        const { segment, entry } = need(state, id)
        if (entry.isAway) throw new VillageError('INDEX_SEGMENT_AWAY', undefined, { fields: { segment: id } })
        const { chunks, totalLength } = segment.header
        return buildSketch(segment.terms(), { chunks, totalLength })
      }),
    deletions: (id) =>
      withSnapshot((state) => {
        const { deleted } = need(state, id)
        return deleted === null ? [] : [...eachBit(deleted)]
      }),
    refresh() {
      withSnapshot(() => undefined)
    },
    close() {
      isClosed = true
      if (snapshot !== null) closeSnapshot(snapshot)
      snapshot = null
    },
  }
}
