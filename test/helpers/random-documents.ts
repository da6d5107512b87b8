/** Documents for segments: written out, or random and the same for the same seed. */
import { createHash } from 'node:crypto'
import type { Chunk, DocumentRecord, IndexedDocument } from '../../node/agents/rag/document.ts'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'

export function documentId(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32)
}

export interface ChunkText {
  readonly title?: string
  readonly headings?: readonly string[]
  readonly text: string
}

export function documentOf(
  name: string,
  texts: readonly ChunkText[],
  record: Partial<DocumentRecord> = {},
): IndexedDocument {
  const known: DocumentRecord = {
    id: documentId(name),
    source: name,
    title: null,
    language: 'en',
    mediaType: 'text/plain',
    contentHash: createHash('sha256').update(`${name} content`).digest('hex'),
    sizeBytes: 1_234,
    modifiedAtMs: 1_700_000_000_000,
    fields: {},
    ...record,
  }
  let at = 0
  const chunks = texts.map(({ title, headings = [], text }, ordinal): Chunk => {
    const start = at
    at += text.length + 2
    return {
      document: known.id,
      ordinal,
      title: title ?? known.title ?? '',
      headings,
      text,
      page: null,
      start,
      end: start + text.length,
    }
  })
  return { record: known, chunks, vectors: null }
}

/** Words `w0`, `w1`, … of which the first are by far the commonest, as in a language. */
export function randomDocuments(seed: number, count: number, vocabulary = 300): IndexedDocument[] {
  const random = seededRandom(seed)
  const words = (most: number) =>
    Array.from(
      { length: Math.floor(random() * (most + 1)) },
      () => `w${Math.floor(vocabulary ** random() - 1)}`,
    ).join(' ')
  return Array.from({ length: count }, (_, index) => {
    const title = random() < 0.3 ? null : words(4)
    const texts = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
      headings: random() < 0.5 ? [] : [words(3), words(2)],
      text: words(30),
    }))
    return documentOf(`document ${seed} ${index}`, texts, { title })
  })
}
