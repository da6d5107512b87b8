/** Judged collections as real indexes in a temporary directory, and the same with some documents taken out. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { analyze } from '../../node/agents/rag/analysis/analyzer.ts'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import { createIndexReader } from '../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../node/agents/rag/index/manifest-file.ts'
import { createLocalBackend, type LocalHost } from '../../node/agents/rag/query/local-backend.ts'
import type { SearchBackend, Statistics } from '../../node/agents/rag/search-types.ts'
import {
  type JudgedDocument,
  type JudgedQuery,
  judgedFiles,
  readJudgedDocuments,
  readJudgedQueries,
} from '../../node/compute/evaluate/judged-collection.ts'

const DATA = fileURLToPath(new URL('../../../shared/data/ir/', import.meta.url))
const SEGMENT_CHUNKS = 10_000
/** Any: one encoder is at work. */
export const ENCODER = 'encoder'

export interface AnswerCollection {
  readonly name: string
  readonly queries: readonly JudgedQuery[]
  readonly chunks: number
  readonly backend: SearchBackend
  /** As if these documents had never been indexed: no passage, and no count of their words. */
  without(documents: Iterable<string>): SearchBackend
  close(): void
}

export type EmbedTexts = (texts: readonly string[]) => Promise<{ dims: number; vectors: Float32Array }>

const documentId = (id: string): string => createHash('sha256').update(id).digest('hex').slice(0, 32)

/** The source is the judged id. */
function indexed(document: JudgedDocument, vectors: Float32Array): IndexedDocument {
  const { title, text } = document
  const id = documentId(document.id)
  return {
    record: {
      id,
      source: document.id,
      title: title === '' ? null : title,
      language: 'en',
      mediaType: 'text/plain',
      contentHash: '0'.repeat(64),
      sizeBytes: Buffer.byteLength(text),
      modifiedAtMs: 0,
      fields: {},
    },
    chunks: [{ document: id, ordinal: 0, title, headings: [], text, page: null, start: 0, end: text.length }],
    vectors,
  }
}

/** Documents whose text is empty cannot be found, and are left out. Null where the data is not there. */
export async function openAnswerCollection(
  name: string,
  embed: EmbedTexts,
  log: (message: string) => void,
): Promise<AnswerCollection | null> {
  const source = path.join(DATA, name)
  if (!existsSync(source)) return null
  const files = judgedFiles(source, { needsCorpus: true })
  const documents = readJudgedDocuments(files.corpus).filter(({ text }) => text !== '')
  const known = new Map(documents.map((document) => [document.id, document]))
  const queries = readJudgedQueries(files, (id) => known.has(id))
  log(`${name}: ${documents.length} documents, ${queries.length} queries; embedding`)
  const directory = mkdtempSync(path.join(tmpdir(), 'village-answers-'))
  try {
    const texts = documents.map(({ title, text }) => (title === '' ? text : `${title}\n${text}`))
    const { dims, vectors } = await embed(texts)
    createIndex(directory, { maxSegmentChunks: SEGMENT_CHUNKS, dims })
    const writer = createIndexWriter(directory)
    writer.add(
      documents.map((document, index) => indexed(document, vectors.slice(index * dims, (index + 1) * dims))),
    )
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
  const backend = createLocalBackend(
    { host },
    { indexes: [{ name, directory, encoder: ENCODER }], peer: 'self' },
  )
  return {
    name,
    queries,
    chunks: documents.length,
    backend,
    without: (removed) =>
      withoutDocuments(
        backend,
        [...removed].flatMap((id) => known.get(id) ?? []),
      ),
    close() {
      reader.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function withoutDocuments(backend: SearchBackend, removed: readonly JudgedDocument[]): SearchBackend {
  const ids = new Set(removed.map(({ id }) => documentId(id)))
  const tokens = removed.map(({ title, text }) =>
    [title, text].flatMap((part) => analyze(part, 'en').map(({ term }) => term)),
  )
  const vocabularies = tokens.map((terms) => new Set(terms))
  const length = tokens.reduce((sum, terms) => sum + terms.length, 0)
  const reduced = ({ chunks, totalLength, documentFrequency }: Statistics): Statistics => ({
    chunks: chunks - removed.length,
    totalLength: totalLength - length,
    documentFrequency: new Map(
      [...documentFrequency]
        .map(([term, df]) => [term, df - vocabularies.filter((own) => own.has(term)).length] as const)
        .filter(([, df]) => df > 0),
    ),
  })
  return {
    ...backend,
    async statistics(terms, signal) {
      const { value, missing } = await backend.statistics(terms, signal)
      return { value: reduced(value), missing }
    },
    async search(request, statistics, signal) {
      const { limit } = request
      const more = { ...request, limit: limit + removed.length }
      const { value, missing } = await backend.search(more, statistics, signal)
      const kept = (list: typeof value.lexical) =>
        list.filter(({ document }) => !ids.has(document)).slice(0, limit)
      return { value: { lexical: kept(value.lexical), vectors: kept(value.vectors) }, missing }
    },
  }
}
