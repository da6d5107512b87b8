/** What the answering thread does, on indexes that open at their first use. */
import type { ChunkReference, SearchRequest, Statistics } from '../search-types.ts'
import { SearchWork, type Steps } from '../search-work.ts'
import { createIndexReader, type IndexReader } from './index-reader.ts'

/** Each open segment holds some eight files; what was used last stays open. */
const MOST_OPEN_SEGMENTS = 96

export type ReaderOperations = ReturnType<typeof createReaderOperations>['operations']

export function createReaderOperations() {
  const readers = new Map<string, IndexReader>()
  /** How many calls are in the middle of their work, by directory. */
  const stepping = new Map<string, number>()

  function closeOne(directory: string): void {
    readers.get(directory)?.close()
    readers.delete(directory)
  }

  /** Closes what was not used for the longest time, never the one that is used now (the last), and none at work. */
  function makeRoom(): void {
    let open = 0
    for (const reader of readers.values()) open += reader.openSegments
    for (const [directory, reader] of [...readers].slice(0, -1)) {
      if (open <= MOST_OPEN_SEGMENTS) return
      if (stepping.has(directory)) continue
      open -= reader.openSegments
      closeOne(directory)
    }
  }

  function readerOf(directory: string): IndexReader {
    const reader = readers.get(directory) ?? createIndexReader(directory)
    readers.delete(directory)
    readers.set(directory, reader)
    return reader
  }

  function using<T>(directory: string, use: (reader: IndexReader) => T): T {
    const reader = readerOf(directory)
    try {
      return use(reader)
    } finally {
      makeRoom()
    }
  }

  function* usingInSteps<T>(directory: string, use: (reader: IndexReader) => Steps<T>): Steps<T> {
    const reader = readerOf(directory)
    stepping.set(directory, (stepping.get(directory) ?? 0) + 1)
    try {
      return yield* use(reader)
    } finally {
      const rest = stepping.get(directory)! - 1
      if (rest > 0) stepping.set(directory, rest)
      else stepping.delete(directory)
      makeRoom()
    }
  }

  return {
    operations: {
      manifest: (directory: string) => using(directory, (reader) => reader.manifest()),
      statistics: (directory: string, terms: readonly string[], segments?: readonly string[]) =>
        usingInSteps(directory, (reader) => reader.inSteps.statistics(terms, segments, new SearchWork())),
      search: (
        directory: string,
        request: SearchRequest,
        statistics: Statistics | null,
        segments: readonly string[] | undefined,
        workLimit: number,
      ) =>
        usingInSteps(directory, (reader) =>
          reader.inSteps.search(request, statistics, segments, new SearchWork(workLimit)),
        ),
      chunks: (directory: string, references: readonly ChunkReference[]) =>
        usingInSteps(directory, (reader) => reader.inSteps.chunks(references, new SearchWork())),
      documents: (directory: string, page: { after?: string; limit: number }) =>
        using(directory, (reader) => reader.documents(page)),
      documentChunks: (directory: string, document: string) =>
        using(directory, (reader) => reader.documentChunks(document)),
      sketch: (directory: string, segment: string) => using(directory, (reader) => reader.sketch(segment)),
      deletions: (directory: string, segment: string) =>
        using(directory, (reader) => reader.deletions(segment)),
      /** Lets go of files that were replaced, so that their text is gone; an index that is not open needs no word. */
      refresh: (directory: string) => readers.get(directory)?.refresh(),
      close: (directory: string) => closeOne(directory),
    },
    close() {
      for (const directory of [...readers.keys()]) closeOne(directory)
    },
  }
}
