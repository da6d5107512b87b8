/** Documents for tests of an index: words and vectors from a seed, so that every process makes the same. */
import { createHash } from 'node:crypto'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import { seededRandom } from './rag-documents.ts'

export const documentId = (name: string): string =>
  createHash('sha256').update(name).digest('hex').slice(0, 32)

export function unitVector(dims: number, random: () => number): Float32Array {
  const vector = Float32Array.from({ length: dims }, () => random() + random() + random() - 1.5)
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  return vector.map((value) => value / length)
}

export interface MadeDocument {
  readonly name: string
  /** Changes text and hash, not the id. */
  readonly revision?: number
  readonly chunks?: number
  readonly words?: number
  /** Null: no vectors. */
  readonly dims?: number | null
  readonly fields?: Readonly<Record<string, string | number | boolean>>
}

/** Words `w0`, `w1`, … with small numbers far more often, as in text. */
export function madeText(words: number, random: () => number, vocabulary = 400): string {
  return Array.from({ length: words }, () => `w${Math.floor(vocabulary ** random()) - 1}`).join(' ')
}

export function madeDocument(wish: MadeDocument): IndexedDocument {
  const { name, revision = 0, chunks = 2, words = 12, dims = null, fields = {} } = wish
  const seed = createHash('sha256').update(`${name} ${revision}`).digest().readUInt32LE(0)
  const random = seededRandom(seed)
  const id = documentId(name)
  const texts = Array.from({ length: chunks }, () => madeText(words, random))
  const vectors = dims === null ? null : new Float32Array(chunks * dims)
  for (let chunk = 0; chunk < chunks && dims !== null; chunk++)
    vectors!.set(unitVector(dims, random), chunk * dims)
  return {
    record: {
      id,
      source: `${name}.md`,
      title: name,
      language: 'en',
      mediaType: 'text/markdown',
      contentHash: createHash('sha256').update(texts.join('\n')).digest('hex'),
      sizeBytes: texts.join('\n').length,
      modifiedAtMs: 1_000 + revision,
      fields,
    },
    chunks: texts.map((text, ordinal) => ({
      document: id,
      ordinal,
      title: name,
      headings: [`part ${ordinal}`],
      text,
      page: null,
      start: ordinal * 1_000,
      end: ordinal * 1_000 + text.length,
    })),
    vectors,
  }
}
