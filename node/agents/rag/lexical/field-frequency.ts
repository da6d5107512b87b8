/** How often a term stands in one field of a chunk: positions run from title to headings to body, FIELD_GAP apart. */
import type { TextField } from '../search-types.ts'
import type { PostingsCursor } from '../segment/postings-cursor.ts'
import type { Segment } from '../segment/segment.ts'
import { FIELD_GAP } from '../segment/segment-format.ts'

/** First position of the field, and the first behind it. */
export function fieldSpan(segment: Segment, chunk: number, field: TextField): [number, number] {
  const { title, heading, body } = segment.fieldLengths(chunk)
  const headingAt = title + FIELD_GAP
  const bodyAt = headingAt + heading + FIELD_GAP
  if (field === 'title') return [0, title]
  return field === 'heading' ? [headingAt, headingAt + heading] : [bodyAt, bodyAt + body]
}

/** Of the chunk that the cursor stands at. */
export function frequencyIn(segment: Segment, cursor: PostingsCursor, field: TextField | null): number {
  if (field === null) return cursor.frequency
  const [start, end] = fieldSpan(segment, cursor.chunk, field)
  let count = 0
  for (const position of cursor.positions()) if (position >= start && position < end) count++
  return count
}
