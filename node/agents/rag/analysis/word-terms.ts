/** A word as it stands in a text → its terms. */
import { splitIdentifier } from './identifiers.ts'
import { lowerCase, stem } from './stem.ts'

export interface WordTerm {
  readonly term: string
  /** UTF-16 offsets in the word. */
  readonly start: number
  readonly end: number
}

/** What is longer is cut: a term is a word, and not an encoded file. */
export const MAX_TERM_LENGTH = 64
/** No more of a word is looked at. */
export const MAX_WORD_UNITS = 256

const INVISIBLE = /\u00ad|\u200c|\u200d|\u2060|\ufeff|[\ufe00-\ufe0f]/g
/** What NFKC makes of one sign can be two words: `½` is `1⁄2`. */
const BETWEEN_WORDS = /[^\p{L}\p{N}\p{M}_']+/u

/** The single term of most words; for a name in code (and what NFKC takes apart) the whole and its parts, in that order. */
export function wordTerms(raw: string, language: string): string | readonly WordTerm[] {
  const plain = normalise(raw)
  if (BETWEEN_WORDS.test(plain)) {
    const pieces = plain.split(BETWEEN_WORDS).map((piece) => termOf(piece, language))
    return pieces.filter((term) => term !== '').map((term) => ({ term, start: 0, end: raw.length }))
  }
  const whole = termOf(plain, language)
  // Of a sign that only decorates letters (a tatweel alone) nothing is left.
  if (whole === '') return []
  const parts = raw.length > MAX_TERM_LENGTH ? null : splitIdentifier(plain)
  if (parts === null) return whole
  const isAligned = plain.length === raw.length
  return [
    { term: whole, start: 0, end: raw.length },
    ...parts
      .map((part) => ({
        term: termOf(part.text, language),
        start: isAligned ? part.start : 0,
        end: isAligned ? part.end : raw.length,
      }))
      .filter(({ term }) => term !== ''),
  ]
}

function normalise(raw: string): string {
  if (/^[\0-\x7f]*$/.test(raw)) return raw
  return raw
    .normalize('NFKC')
    .replace(INVISIBLE, '')
    .replace(/[\u2018\u2019]/g, "'")
}

function termOf(word: string, language: string): string {
  const term = stem(lowerCase(word, language), language)
  if (term.length <= MAX_TERM_LENGTH) return term
  const lastUnit = term.charCodeAt(MAX_TERM_LENGTH - 1)
  const splitsPair = lastUnit >= 0xd800 && lastUnit < 0xdc00
  return term.slice(0, splitsPair ? MAX_TERM_LENGTH - 1 : MAX_TERM_LENGTH)
}
