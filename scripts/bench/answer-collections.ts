/** Judged collections as real indexes in a temporary directory, and the same with some documents taken out. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import type { SearchBackend } from '../../node/agents/rag/search-types.ts'
import {
  type JudgedDocument,
  type JudgedQuery,
  judgedFiles,
  readJudgedDocuments,
  readJudgedQueries,
} from '../../node/compute/evaluate/judged-collection.ts'
import { openIndexed } from './indexed-collection.ts'

const DATA = fileURLToPath(new URL('../../../shared/data/ir/', import.meta.url))

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
  const known = new Set(documents.map(({ id }) => id))
  const queries = readJudgedQueries(files, (id) => known.has(id))
  log(`${name}: ${documents.length} documents, ${queries.length} queries; embedding`)
  const texts = documents.map(({ title, text }) => (title === '' ? text : `${title}\n${text}`))
  const { dims, vectors } = await embed(texts)
  const collection = openIndexed(
    name,
    documents.map((document, index) => indexed(document, vectors.slice(index * dims, (index + 1) * dims))),
    dims,
  )
  return {
    name,
    queries,
    chunks: documents.length,
    backend: collection.backend,
    without(removed) {
      const ids = new Set([...removed].map(documentId))
      return collection.keeping(({ document }) => !ids.has(document))
    },
    close: collection.close,
  }
}
