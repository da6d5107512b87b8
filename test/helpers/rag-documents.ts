/** Documents for tests of segments and lexical search: few words, drawn unevenly, so that every list and phrase has hits. */
import { createHash } from 'node:crypto'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'

/** Mulberry32: small, seeded, the same everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface ChunkText {
  readonly title: string
  readonly headings: readonly string[]
  readonly text: string
}

/** A document in English with these chunks; `name` decides its id. */
export function documentOf(name: string, chunks: readonly ChunkText[]): IndexedDocument {
  const id = createHash('sha256').update(name).digest('hex').slice(0, 32)
  const text = chunks.map((chunk) => chunk.text).join('\n')
  return {
    record: {
      id,
      source: `${name}.md`,
      title: chunks[0]?.title ?? null,
      language: 'en',
      mediaType: 'text/markdown',
      contentHash: createHash('sha256').update(text).digest('hex'),
      sizeBytes: Buffer.byteLength(text),
      modifiedAtMs: 1_700_000_000_000,
      fields: {},
    },
    chunks: chunks.map((chunk, ordinal) => ({
      document: id,
      ordinal,
      ...chunk,
      page: null,
      start: ordinal * 1_000,
      end: ordinal * 1_000 + chunk.text.length,
    })),
    vectors: null,
  }
}

/** `w0` is in most of them, the last word of the vocabulary in few. */
export function randomDocuments(seed: number, count: number, vocabulary = 200): IndexedDocument[] {
  const random = seededRandom(seed)
  const words = (most: number): string =>
    Array.from(
      { length: Math.floor(random() * (most + 1)) },
      () => `w${Math.floor(vocabulary ** random()) - 1}`,
    ).join(' ')
  return Array.from({ length: count }, (_, number) =>
    documentOf(
      `document ${seed}/${number}`,
      Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
        title: words(3),
        headings: random() < 0.5 ? [] : [words(2), words(2)],
        text: words(40),
      })),
    ),
  )
}
