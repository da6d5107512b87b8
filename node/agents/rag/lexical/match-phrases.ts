/** Which chunks have what a query requires and lack what it excludes: phrases by positions, single words by their lists. */
import type { LexicalQuery, Phrase, TextField } from '../search-types.ts'
import type { PostingsCursor } from '../segment/postings-cursor.ts'
import { NO_MORE } from '../segment/postings-cursor.ts'
import type { Segment } from '../segment/segment.ts'
import { fieldSpan, frequencyIn } from './field-frequency.ts'

export interface FoundPhrases {
  readonly matches: (chunk: number) => boolean
  /** Rising; null when nothing is required. */
  readonly required: () => Iterable<number> | null
}

/** Whether a chunk has what is required and nothing that is excluded; null: the query asks for neither. */
export function matchPhrases(
  segment: Segment,
  query: Pick<LexicalQuery, 'required' | 'excluded'>,
): ((chunk: number) => boolean) | null {
  return findPhrases(segment, query)?.matches ?? null
}

/** Null: the query asks for neither. A phrase without terms is in no chunk. */
export function findPhrases(
  segment: Segment,
  { required, excluded }: Pick<LexicalQuery, 'required' | 'excluded'>,
): FoundPhrases | null {
  if (required.length === 0 && excluded.length === 0) return null
  const chunks = segment.header.chunks
  let allowed: Uint8Array | null = null
  for (const phrase of required) {
    const marked = markPhrase(segment, phrase)
    if (allowed === null) allowed = marked
    else for (let byte = 0; byte < allowed.length; byte++) allowed[byte]! &= marked[byte]!
  }
  const hasRequired = allowed !== null
  const bits = allowed ?? new Uint8Array((chunks + 7) >>> 3).fill(0xff)
  for (const phrase of excluded) {
    const marked = markPhrase(segment, phrase)
    for (let byte = 0; byte < bits.length; byte++) bits[byte]! &= ~marked[byte]!
  }
  return {
    matches: (chunk) => (bits[chunk >>> 3]! & (1 << (chunk & 7))) !== 0,
    required: () => (hasRequired ? setBits(bits, chunks) : null),
  }
}

function* setBits(bits: Uint8Array, count: number): Generator<number> {
  for (let byte = 0; byte < bits.length; byte++)
    for (let bit = 0; bits[byte] !== 0 && bit < 8; bit++)
      if ((bits[byte]! & (1 << bit)) !== 0 && byte * 8 + bit < count) yield byte * 8 + bit
}

/** A bit by chunk. */
function markPhrase(segment: Segment, { alternatives, field }: Phrase): Uint8Array {
  const bits = new Uint8Array((segment.header.chunks + 7) >>> 3)
  for (const terms of alternatives) {
    const cursors = terms.map((term) => segment.postings(term))
    if (cursors.length > 0 && cursors.every((cursor) => cursor !== null))
      markSequence(segment, cursors, field, bits)
  }
  return bits
}

function markSequence(
  segment: Segment,
  cursors: readonly PostingsCursor[],
  field: TextField | null,
  bits: Uint8Array,
): void {
  // The rarest term leads, so that the lists of the others are mostly skipped.
  const lead = cursors.reduce((rarest, cursor) => (cursor.df < rarest.df ? cursor : rarest))
  for (let chunk = lead.chunk; chunk !== NO_MORE; chunk = lead.next()) {
    if (cursors.some((cursor) => cursor !== lead && cursor.seek(chunk) !== chunk)) continue
    const isThere =
      cursors.length === 1
        ? frequencyIn(segment, lead, field) > 0
        : hasSequence(segment, cursors, chunk, field)
    if (isThere) bits[chunk >>> 3]! |= 1 << (chunk & 7)
  }
}

/** All cursors stand at `chunk`. Fields are a gap apart, so a sequence that starts in a field lies in it. */
function hasSequence(
  segment: Segment,
  cursors: readonly PostingsCursor[],
  chunk: number,
  field: TextField | null,
): boolean {
  const positions = cursors.map((cursor) => cursor.positions())
  const at = new Uint32Array(cursors.length)
  const [start, end] = field === null ? [0, NO_MORE] : fieldSpan(segment, chunk, field)
  for (const first of positions[0]!) {
    if (first < start || first >= end) continue
    let isWhole = true
    for (let term = 1; term < positions.length && isWhole; term++) {
      const list = positions[term]!
      let index = at[term]!
      while (index < list.length && list[index]! < first + term) index++
      at[term] = index
      isWhole = list[index] === first + term
    }
    if (isWhole) return true
  }
  return false
}
