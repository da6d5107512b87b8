import type { IndexHost } from '../index/index-host.ts'
import type { IndexReader } from '../index/index-reader.ts'
import { combineStatistics } from '../routing/combine-statistics.ts'
import { mergeOutcomes } from '../routing/merge-outcomes.ts'
import type { ChunkReference, SearchBackend, StoredChunk } from '../search-types.ts'

/** An index of this node that a search looks into. */
export interface LocalIndex {
  /** Of the collection, as origins name it. */
  readonly name: string
  readonly directory: string
  readonly encoder: string | null
}

export type LocalHost = Pick<IndexHost, 'manifest' | 'statistics' | 'search' | 'chunks'>

/** A reader of this thread as a host of one index: for benches, tests and simulations. */
export function hostOfReader(
  reader: Pick<IndexReader, 'manifest' | 'statistics' | 'search' | 'chunks'>,
): LocalHost {
  return {
    manifest: async () => reader.manifest(),
    statistics: async (_directory, terms, segments) => reader.statistics(terms, segments),
    search: async (_directory, request, statistics, options) =>
      reader.search(request, statistics, options?.segments),
    chunks: async (_directory, references) => reader.chunks(references),
  }
}

/**
 * Searches indexes of this node as if they were one: frequencies are added up over all of them, and each ranks by the sum. Made
 * for one search or a few: it remembers which index a segment is of. Nothing is ever missing here, a failing index is an error.
 */
export function createLocalBackend(
  components: { host: LocalHost },
  init: { indexes: readonly LocalIndex[]; peer: string },
): SearchBackend {
  const { host } = components
  const indexOf = new Map<string, LocalIndex>()

  async function findSegments(): Promise<void> {
    const manifests = await Promise.all(init.indexes.map(({ directory }) => host.manifest(directory)))
    for (const [at, { segments }] of manifests.entries())
      for (const { id } of segments) if (!indexOf.has(id)) indexOf.set(id, init.indexes[at]!)
  }

  return {
    async statistics(terms, signal) {
      const parts = await Promise.all(
        init.indexes.map(async (index) => {
          const segments = await host.statistics(index.directory, terms)
          for (const { segment } of segments) indexOf.set(segment, index)
          return segments
        }),
      )
      signal.throwIfAborted()
      return { value: combineStatistics(terms, parts.flat()), missing: [] }
    },

    async search(request, statistics, signal) {
      const outcomes = await Promise.all(
        init.indexes.map(async (index) => {
          const knowsVector = request.encoder === undefined || request.encoder === index.encoder
          const own = knowsVector ? request : { ...request, vector: null }
          if (own.vector === null && own.lexical === null) return { lexical: [], vectors: [] }
          const outcome = await host.search(index.directory, own, statistics, { signal })
          for (const { segment } of [...outcome.lexical, ...outcome.vectors]) indexOf.set(segment, index)
          return outcome
        }),
      )
      return { value: mergeOutcomes(outcomes, request.limit), missing: [] }
    },

    async chunks(references, signal) {
      if (references.some(({ segment }) => !indexOf.has(segment))) await findSegments()
      const byIndex = new Map<LocalIndex, { at: number; reference: ChunkReference }[]>()
      for (const [at, { segment, chunk }] of references.entries()) {
        const index = indexOf.get(segment)
        if (index === undefined) continue
        const own = byIndex.get(index) ?? []
        own.push({ at, reference: { segment, chunk } })
        byIndex.set(index, own)
      }
      const value = references.map((): StoredChunk | null => null)
      await Promise.all(
        [...byIndex].map(async ([{ directory }, wanted]) => {
          const found = await host.chunks(
            directory,
            wanted.map(({ reference }) => reference),
          )
          for (const [index, { at }] of wanted.entries()) value[at] = found[index] ?? null
        }),
      )
      signal.throwIfAborted()
      return { value, missing: [] }
    },

    origin(segment) {
      return { collection: indexOf.get(segment)?.name ?? '', vouchedBy: [init.peer] }
    },
  }
}
