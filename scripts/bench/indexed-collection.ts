/** Documents as a real index in a temporary directory, and the same as if only some of their passages had ever been indexed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { analyze } from '../../node/agents/rag/analysis/analyzer.ts'
import type { Chunk, IndexedDocument } from '../../node/agents/rag/document.ts'
import { createIndexReader } from '../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../node/agents/rag/index/manifest-file.ts'
import { createLocalBackend, type LocalHost } from '../../node/agents/rag/query/local-backend.ts'
import type { SearchBackend, Statistics } from '../../node/agents/rag/search-types.ts'

const SEGMENT_CHUNKS = 10_000
/** Any: one encoder is at work. */
export const ENCODER = 'encoder'

export interface IndexedCollection {
  readonly chunks: number
  readonly backend: SearchBackend
  /** As if the other passages had never been indexed: no passage, and no count of their words. */
  keeping(isKept: (chunk: Chunk) => boolean): SearchBackend
  close(): void
}

interface CountedChunk {
  readonly chunk: Chunk
  readonly terms: ReadonlySet<string>
  readonly length: number
}

function countedChunk(chunk: Chunk): CountedChunk {
  const terms = [chunk.title, ...chunk.headings, chunk.text].flatMap((part) =>
    analyze(part, 'en').map(({ term }) => term),
  )
  return { chunk, terms: new Set(terms), length: terms.length }
}

const keyOf = ({ document, ordinal }: Pick<Chunk, 'document' | 'ordinal'>): string => `${document} ${ordinal}`

export function openIndexed(
  name: string,
  documents: readonly IndexedDocument[],
  dims: number,
): IndexedCollection {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-answers-'))
  try {
    createIndex(directory, { maxSegmentChunks: SEGMENT_CHUNKS, dims })
    const writer = createIndexWriter(directory)
    writer.add(documents)
    writer.commit()
    writer.close()
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
  const reader = createIndexReader(directory)
  const host: LocalHost = {
    manifest: async () => reader.manifest(),
    statistics: async (_directory, terms, segments) => reader.statistics(terms, segments),
    search: async (_directory, request, statistics) => reader.search(request, statistics),
    chunks: async (_directory, references) => reader.chunks(references),
  }
  const indexes = [{ name, directory, encoder: ENCODER }]
  const backend = createLocalBackend({ host }, { indexes, peer: 'self' })
  const chunks = documents.flatMap((document) => document.chunks)
  let counted: readonly CountedChunk[] | null = null
  return {
    chunks: chunks.length,
    backend,
    keeping(isKept) {
      counted ??= chunks.map(countedChunk)
      return keptBackend(
        backend,
        counted.filter(({ chunk }) => isKept(chunk)),
        chunks.length,
      )
    },
    close() {
      reader.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function keptBackend(backend: SearchBackend, kept: readonly CountedChunk[], all: number): SearchBackend {
  const keys = new Set(kept.map(({ chunk }) => keyOf(chunk)))
  const totalLength = kept.reduce((sum, { length }) => sum + length, 0)
  const statisticsOf = (terms: Iterable<string>): Statistics => ({
    chunks: kept.length,
    totalLength,
    documentFrequency: new Map(
      [...terms]
        .map((term) => [term, kept.filter((one) => one.terms.has(term)).length] as const)
        .filter(([, count]) => count > 0),
    ),
  })
  return {
    ...backend,
    async statistics(terms) {
      return { value: statisticsOf(terms), missing: [] }
    },
    async search(request, statistics, signal) {
      const { limit } = request
      const more = { ...request, limit: limit + all - kept.length }
      const { value, missing } = await backend.search(more, statistics, signal)
      const those = (list: typeof value.lexical) => list.filter((one) => keys.has(keyOf(one))).slice(0, limit)
      return { value: { lexical: those(value.lexical), vectors: those(value.vectors) }, missing }
    },
  }
}
