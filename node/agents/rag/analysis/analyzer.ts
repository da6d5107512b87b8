/**
 * Text to terms. The same function reads documents and queries, on every peer: a segment names the version of the analyzer
 * that wrote it. Terms are in NFKC and lower case, stemmed by the rules of the language, without accents; there are no stop
 * words, for the ranking weighs a common word next to nothing and phrases need it.
 */
import {
  APOSTROPHE,
  classAt,
  EMOJI,
  HAN,
  MARK,
  SEPARATOR,
  SYLLABLE,
  UNDERSCORE,
  UNSPACED,
  unitsAt,
  WORD,
} from './character-class.ts'
import { gramsOf } from './character-grams.ts'
import { hasElision, rulesFor } from './stem.ts'
import { MAX_WORD_UNITS, type WordTerm, wordTerms } from './word-terms.ts'

/** Grows whenever a text would give other terms. */
export const ANALYZER_VERSION = 1

/** Offsets are UTF-16 units of the text as it was given; a token's index is its position. */
export interface Token {
  readonly term: string
  readonly start: number
  readonly end: number
}

/** A word of a query: the distinct terms that it has in the languages that are searched. */
export interface QueryWord {
  readonly terms: readonly string[]
  readonly start: number
  readonly end: number
}

export type EmitToken = (term: string, start: number, end: number) => void

/** `language` by ISO 639-1; null where it could not be told. */
export function analyze(text: string, language: string | null): Token[] {
  const tokens: Token[] = []
  eachToken(text, language, (term, start, end) => tokens.push({ term, start, end }))
  return tokens
}

/** As `analyze`, without a list. */
export function eachToken(text: string, language: string | null, emit: EmitToken): void {
  const rules = rulesFor(language)
  const length = text.length
  let at = 0
  while (at < length) {
    const kind = classAt(text, at)
    if (kind === WORD) {
      const end = endOfWord(text, at)
      emitWord(text, at, end, rules, emit)
      at = end
    } else if (kind === HAN || kind === SYLLABLE) {
      const end = endOfRun(text, at, HAN, SYLLABLE)
      gramsOf(text, at, end, emit)
      at = end
    } else if (kind === UNSPACED) {
      const end = endOfRun(text, at, UNSPACED, UNSPACED)
      emitUnspaced(text, at, end, rules, emit)
      at = end
    } else {
      const units = unitsAt(text, at)
      if (kind === EMOJI) emit(text.slice(at, at + units), at, at + units)
      at += units
    }
  }
}

/** No language: as one that could not be told. The order of words is that of the text; of terms, that of the languages. */
export function analyzeQuery(text: string, languages: readonly (string | null)[]): QueryWord[] {
  const words = new Map<string, { terms: string[]; start: number; end: number; order: number }>()
  for (const language of languages.length === 0 ? [null] : languages) {
    const seen = new Map<string, number>()
    for (const { term, start, end } of analyze(text, language)) {
      const span = `${start}:${end}`
      const count = seen.get(span) ?? 0
      seen.set(span, count + 1)
      const known = words.get(`${span}:${count}`)
      if (known === undefined) words.set(`${span}:${count}`, { terms: [term], start, end, order: words.size })
      else if (!known.terms.includes(term)) known.terms.push(term)
    }
  }
  return [...words.values()]
    .sort((a, b) => a.start - b.start || b.end - a.end || a.order - b.order)
    .map(({ terms, start, end }) => ({ terms, start, end }))
}

/** The distinct sequences of terms that a phrase has in the languages; empty where no word is in it. */
export function analyzePhrase(text: string, languages: readonly (string | null)[]): string[][] {
  const sequences = new Map<string, string[]>()
  for (const language of languages.length === 0 ? [null] : languages) {
    const terms = analyze(text, language).map((token) => token.term)
    if (terms.length > 0) sequences.set(terms.join('\n'), terms)
  }
  return [...sequences.values()]
}

/** Letters, digits and their marks; an apostrophe or underscores within. */
function endOfWord(text: string, start: number): number {
  let at = start
  while (at < text.length) {
    const kind = classAt(text, at)
    if (kind === WORD) at += unitsAt(text, at)
    else if (kind === MARK) at += unitsAt(text, at)
    else if (kind === APOSTROPHE && at + 1 < text.length && classAt(text, at + 1) === WORD) at++
    else if (kind === UNDERSCORE) {
      let next = at + 1
      while (next < text.length && classAt(text, next) === UNDERSCORE) next++
      if (next >= text.length || classAt(text, next) !== WORD) return at
      at = next
    } else return at
  }
  return at
}

function endOfRun(text: string, start: number, one: number, other: number): number {
  let at = start
  while (at < text.length) {
    const kind = classAt(text, at)
    if (kind !== one && kind !== other && kind !== MARK) return at
    at += unitsAt(text, at)
  }
  return at
}

/** The words that a text repeats most are most of it, so what they become is remembered by language. */
const MAX_REMEMBERED = 100_000
const remembered = new Map<string, Map<string, string | readonly WordTerm[]>>()

function emitWord(text: string, start: number, end: number, language: string, emit: EmitToken): void {
  if (hasElision(language)) {
    const apostrophe = /['\u2019]/.exec(text.slice(start, Math.min(end, start + MAX_WORD_UNITS)))
    if (apostrophe !== null && apostrophe.index > 0) {
      emitPlainWord(text, start, start + apostrophe.index, language, emit)
      emitPlainWord(text, start + apostrophe.index + 1, end, language, emit)
      return
    }
  }
  emitPlainWord(text, start, end, language, emit)
}

function emitPlainWord(text: string, start: number, end: number, language: string, emit: EmitToken): void {
  if (end <= start) return
  const raw = text.slice(start, Math.min(end, start + MAX_WORD_UNITS))
  let words = remembered.get(language)
  if (words === undefined) {
    words = new Map()
    remembered.set(language, words)
  }
  let terms = words.get(raw)
  if (terms === undefined) {
    terms = wordTerms(raw, language)
    if (words.size >= MAX_REMEMBERED) words.clear()
    // A slice would keep the whole text that it was cut from.
    words.set(Buffer.from(raw, 'utf16le').toString('utf16le'), terms)
  }
  if (typeof terms === 'string') emit(terms, start, end)
  else
    for (const part of terms)
      emit(part.term, start + part.start, part.end === raw.length ? end : start + part.end)
}

let segmenter: Intl.Segmenter | undefined
/** ICU keeps a table as long as what it is given. */
const MAX_SEGMENTED_UNITS = 4_096

function emitUnspaced(text: string, start: number, end: number, language: string, emit: EmitToken): void {
  segmenter ??= new Intl.Segmenter('th', { granularity: 'word' })
  for (let from = start; from < end; from += MAX_SEGMENTED_UNITS) {
    const part = text.slice(from, Math.min(end, from + MAX_SEGMENTED_UNITS))
    for (const { segment, index } of segmenter.segment(part))
      if (classAt(segment, 0) !== SEPARATOR)
        emitPlainWord(text, from + index, from + index + segment.length, language, emit)
  }
}
