/** Whether a document can go into an index: told when it is added, not when its segment is written. */
import { VillageError } from '../../../errors.ts'
import { readSections } from '../chunk-sections.ts'
import type { IndexedDocument } from '../document.ts'

/** A vector of length 1, give or take what an encoder's float32 arithmetic does to it. */
const MAX_SQUARE_ERROR = 0.02

/** About what it takes in memory: of a character two bytes, of an object or a text a hundred. */
export function bytesOfDocument({ chunks, vectors }: IndexedDocument): number {
  const texts = chunks.reduce(
    (sum, { text, title, headings, sections = [] }) =>
      sum +
      400 +
      200 * sections.length +
      2 * (text.length + title.length + headings.reduce((all, heading) => all + heading.length, 0)),
    500,
  )
  return texts + (vectors?.byteLength ?? 0)
}

/** Throws INVALID_ARGUMENT. */
export function checkDocument({ record, chunks, vectors }: IndexedDocument, dims: number | null): void {
  const refuse = (what: string): never => {
    throw new VillageError('INVALID_ARGUMENT', `A document cannot be indexed: ${what}.`, {
      fields: { document: record.id.slice(0, 32) },
    })
  }
  if (!/^[0-9a-f]{32}$/.test(record.id)) refuse('its id is not 32 hexadecimal digits')
  if (chunks.length === 0) refuse('it has no chunks')
  if (chunks.some((chunk) => chunk.document !== record.id)) refuse('a chunk belongs to another document')
  if (chunks.some((chunk) => chunk.sections !== undefined && readSections(chunk.sections, chunk) === null))
    refuse('a chunk has sections that are none of it')
  if (vectors === null) return
  if (dims === null) refuse('it has vectors, and the index has none')
  else if (vectors.length !== chunks.length * dims) refuse('its vectors do not fit its chunks')
  else
    for (let first = 0; first < vectors.length; first += dims) {
      let square = 0
      for (let at = first; at < first + dims; at++) square += vectors[at]! * vectors[at]!
      // Not `>`: a NaN fits nothing. A row of zeros is a chunk without a vector.
      if (square !== 0 && !(Math.abs(square - 1) <= MAX_SQUARE_ERROR)) refuse('a vector is not of length 1')
    }
}
