/** An index of the documents of a judged collection: each is one chunk, as in the published figures that one compares with. */
import { createHash } from 'node:crypto'
import type { JudgedDocument } from '../../../compute/evaluate/judged-collection.ts'
import type { IndexedDocument } from '../document.ts'
import type { Passage, PassageVectors } from '../vectors/embed-passages.ts'

export interface JudgedIndexTarget {
  add(documents: readonly IndexedDocument[]): Promise<void>
  commit(): Promise<unknown>
}

const BATCH = 64

export const judgedDocumentId = (id: string): string =>
  createHash('sha256').update(`judged\n${id}`).digest('hex').slice(0, 32)

/** `embed` null: without vectors. */
export async function indexJudgedDocuments(
  components: {
    target: JudgedIndexTarget
    embed: ((passages: readonly Passage[]) => Promise<PassageVectors>) | null
  },
  documents: readonly JudgedDocument[],
  init: { language: string | null; onDocuments?: (done: number) => void },
  signal: AbortSignal,
): Promise<void> {
  const { target, embed } = components
  for (let start = 0; start < documents.length; start += BATCH) {
    signal.throwIfAborted()
    const batch = documents.slice(start, start + BATCH)
    const passages = batch.map(({ title, text }) => ({ title, headings: [], text }))
    const embedded = embed === null ? null : await embed(passages)
    await target.add(
      batch.map((document, row) => ({
        ...indexedDocument(document, init.language),
        vectors:
          embedded === null ? null : embedded.vectors.slice(row * embedded.dims, (row + 1) * embedded.dims),
      })),
    )
    init.onDocuments?.(Math.min(documents.length, start + BATCH))
  }
  await target.commit()
}

function indexedDocument({ id, title, text }: JudgedDocument, language: string | null): IndexedDocument {
  const document = judgedDocumentId(id)
  const sizeBytes = Buffer.byteLength(text)
  return {
    record: {
      id: document,
      source: id,
      title: title === '' ? null : title,
      language,
      mediaType: 'text/plain',
      contentHash: createHash('sha256').update(`${title}\n${text}`).digest('hex'),
      sizeBytes,
      modifiedAtMs: 0,
      fields: {},
    },
    chunks: [{ document, ordinal: 0, title, headings: [], text, page: null, start: 0, end: text.length }],
    vectors: null,
  }
}
