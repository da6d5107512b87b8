/**
 * Which chunks have what a query requires and lack what it excludes: phrases by positions, single words by their lists. What is
 * decided already is not looked at again: chunks that an earlier phrase ruled out, or that another reading of the phrase found.
 */
import type { LexicalQuery, Phrase, TextField } from '../search-types.ts'
import type { SearchWork, Steps } from '../search-work.ts'
import { NO_MORE, type PostingsCursor } from '../segment/postings-cursor.ts'
import type { Segment } from '../segment/segment.ts'
import { fieldSpan, frequencyIn } from './field-frequency.ts'

export interface FoundPhrases {
  readonly matches: (chunk: number) => boolean
  /** Rising; null when nothing is required. */
  readonly required: () => Iterable<number> | null
}

/** Chunks of the list that leads between two looks at the work; a chunk with all words counts as so many units a word. */
const CHUNKS_IN_A_GO = 64
const COMPARED_UNITS = 24
/** For a chunk of that list in which a word is looked for. */
const SOUGHT_UNITS = 4

/** Null: the query asks for neither. A phrase without terms is in no chunk. */
export function* findPhrases(
  segment: Segment,
  { required, excluded }: Pick<LexicalQuery, 'required' | 'excluded'>,
  work: SearchWork,
): Steps<FoundPhrases | null> {
  if (required.length === 0 && excluded.length === 0) return null
  const chunks = segment.header.chunks
  const possible = new Uint8Array((chunks + 7) >>> 3).fill(0xff)
  for (const phrase of distinct(required)) {
    const marked = yield* markPhrase(segment, phrase, possible, work)
    possible.set(marked)
  }
  for (const phrase of distinct(excluded)) {
    const marked = yield* markPhrase(segment, phrase, possible, work)
    for (let byte = 0; byte < possible.length; byte++) possible[byte]! &= ~marked[byte]!
  }
  return {
    matches: (chunk) => hasBit(possible, chunk),
    required: () => (required.length > 0 ? setBits(possible, chunks) : null),
  }
}

function distinct(phrases: readonly Phrase[]): Phrase[] {
  const byKey = new Map<string, Phrase>()
  for (const { alternatives, field } of phrases) {
    const readings = new Map(alternatives.map((terms) => [JSON.stringify(terms), terms]))
    const key = JSON.stringify([field, ...[...readings.keys()].sort()])
    byKey.set(key, { alternatives: [...readings.values()], field })
  }
  return [...byKey.values()]
}

function hasBit(bits: Uint8Array, chunk: number): boolean {
  return (bits[chunk >>> 3]! & (1 << (chunk & 7))) !== 0
}

function* setBits(bits: Uint8Array, count: number): Generator<number> {
  for (let byte = 0; byte < bits.length; byte++)
    for (let bit = 0; bits[byte] !== 0 && bit < 8; bit++)
      if ((bits[byte]! & (1 << bit)) !== 0 && byte * 8 + bit < count) yield byte * 8 + bit
}

/** A bit by chunk, of those that are `possible`. */
function* markPhrase(
  segment: Segment,
  { alternatives, field }: Phrase,
  possible: Uint8Array,
  work: SearchWork,
): Steps<Uint8Array> {
  const marked = new Uint8Array(possible.length)
  for (const terms of alternatives) {
    if (work.spend(possible.length)) yield
    // A word that is said twice has one cursor.
    const byTerm = new Map<string, PostingsCursor | null>()
    for (const term of terms) if (!byTerm.has(term)) byTerm.set(term, segment.postings(term))
    const cursors = terms.flatMap((term) => byTerm.get(term) ?? [])
    if (terms.length > 0 && cursors.length === terms.length)
      yield* markSequence(segment, cursors, field, { possible, marked }, work)
  }
  return marked
}

function* markSequence(
  segment: Segment,
  cursors: readonly PostingsCursor[],
  field: TextField | null,
  { possible, marked }: { possible: Uint8Array; marked: Uint8Array },
  work: SearchWork,
): Steps<void> {
  const own = [...new Set(cursors)]
  // The rarest term leads, so that the lists of the others are mostly skipped.
  const lead = own.reduce((rarest, cursor) => (cursor.df < rarest.df ? cursor : rarest))
  const others = own.filter((cursor) => cursor !== lead)
  let inGo = 0
  let counted = 0
  let units = 0
  const unitsOfGo = (): number => {
    const read = own.reduce((sum, cursor) => sum + cursor.work, 0)
    const all = read - counted + units
    counted = read
    units = 0
    return all
  }
  for (let chunk = lead.chunk; chunk !== NO_MORE; chunk = lead.next()) {
    if (++inGo === CHUNKS_IN_A_GO) {
      if (work.spend(unitsOfGo())) yield
      inGo = 0
    }
    if (!hasBit(possible, chunk) || hasBit(marked, chunk)) continue
    units += others.length * SOUGHT_UNITS
    if (others.some((cursor) => cursor.seek(chunk) !== chunk)) continue
    units += cursors.length * COMPARED_UNITS
    const isThere =
      cursors.length === 1
        ? frequencyIn(segment, lead, field) > 0
        : hasSequence(segment, cursors, chunk, field)
    if (isThere) marked[chunk >>> 3]! |= 1 << (chunk & 7)
  }
  if (work.spend(unitsOfGo())) yield
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
