/**
 * The indexes of this node, on threads of their own: one that answers (search, chunks) and one that writes (add, commit,
 * merge), so that the event loop never waits. An index is a directory; it opens at its first use.
 */
import type { Service } from '../../../lifecycle.ts'
import type { DocumentRecord, IndexedDocument } from '../document.ts'
import type {
  ChunkReference,
  SearchOutcome,
  SearchRequest,
  SegmentStatistics,
  Statistics,
  StoredChunk,
} from '../search-types.ts'
import type { IndexSettings, Manifest } from './manifest.ts'

export interface IndexHost extends Service {
  /** Makes the directory with an empty manifest. Throws INDEX_EXISTS. */
  create(directory: string, settings: IndexSettings): Promise<Manifest>
  /** Throws INDEX_MISSING, INDEX_CORRUPT, INDEX_VERSION_UNSUPPORTED. */
  manifest(directory: string): Promise<Manifest>
  /** By segment, so that they can be cached and added up. All segments unless some are named. */
  statistics(
    directory: string,
    terms: readonly string[],
    segments?: readonly string[],
  ): Promise<SegmentStatistics[]>
  /** `statistics` null: the index's own. */
  search(
    directory: string,
    request: SearchRequest,
    statistics: Statistics | null,
    options?: { segments?: readonly string[]; signal?: AbortSignal },
  ): Promise<SearchOutcome>
  /** Null for what is deleted or unknown. */
  chunks(directory: string, references: readonly ChunkReference[]): Promise<(StoredChunk | null)[]>
  /** Records of live documents by id, from the one after `after`. */
  documents(directory: string, page: { after?: string; limit: number }): Promise<DocumentRecord[]>
  /** All chunks of a live document in their order; empty when it is unknown. */
  documentChunks(directory: string, document: string): Promise<StoredChunk[]>
  /** The serialised sketch of a segment (routing/sketch.ts). */
  sketch(directory: string, segment: string): Promise<Uint8Array>

  /** Buffered, and not found before commit; replaces documents of the same ids. */
  add(directory: string, documents: readonly IndexedDocument[]): Promise<void>
  /** From the next commit on. Returns how many of them were live. */
  remove(directory: string, ids: readonly string[]): Promise<number>
  /** Durable when it resolves: all that was added and removed, or, after a crash, none of it. */
  commit(directory: string): Promise<Manifest>
  /** Rewrites segments with deleted chunks so that their text is gone from the disk; `merge` also joins small ones. */
  compact(directory: string, options?: { merge?: boolean }): Promise<Manifest>
  /** Ends its use, and what was not committed. */
  close(directory: string): Promise<void>
  /** Closes it and removes its files. */
  drop(directory: string): Promise<void>
}
