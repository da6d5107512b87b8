/** From the parts of a query to what the index is asked: terms that rank, phrases that must or must not occur. */
import { SEARCH_LIMITS } from '../../../mesh/protocols/search.ts'
import { analyzePhrase, analyzeQuery } from '../analysis/analyzer.ts'
import type { LexicalQuery, Phrase, Statistics, TextField, WeightedTerm } from '../search-types.ts'
import type { ParsedQuery, QueryPart } from './parse-query.ts'

/** Of which frequencies are asked for. */
const MAX_ASKED_TERMS = 256
/** Of which postings are read: of more, those that are rarest. */
const MAX_SCORED_TERMS = 64
/** What others answer, so that a query means the same there. */
const { maxPhrases, maxPhraseTerms, maxAlternatives, maxTermsOfPhrases } = SEARCH_LIMITS

/** A word that was asked for, as it was written. */
export interface AskedWord {
  readonly text: string
  /** Any of them is the word: the stems of several languages. */
  readonly terms: readonly string[]
  readonly field: TextField | null
}

export interface BuiltQuery {
  readonly lexical: LexicalQuery
  /** Distinct, without those excluded, in their order. */
  readonly asked: readonly AskedWord[]
  /** Words but those excluded, for the encoder. */
  readonly words: string
  readonly isTruncated: boolean
}

/** A word that is said twice counts twice, as BM25 has it. The order is that of the text: scores are added up in it. */
export function buildLexical(parsed: ParsedQuery, languages: readonly string[]): BuiltQuery {
  const terms = new Map<string, WeightedTerm>()
  const asked = new Map<string, AskedWord>()
  const required: Phrase[] = []
  const excluded: Phrase[] = []
  let isTruncated = false
  let room: number = maxTermsOfPhrases
  for (const run of runs(parsed.parts)) {
    const { text, role, field } = run
    if (role !== 'excluded')
      for (const word of analyzeQuery(text, languages)) {
        const name = `${field ?? ''} ${word.terms.join(' ')}`
        if (word.terms.length > 0 && asked.size < MAX_ASKED_TERMS && !asked.has(name))
          asked.set(name, { text: text.slice(word.start, word.end), terms: word.terms, field })
        for (const term of word.terms) {
          const key = `${field ?? ''} ${term}`
          const known = terms.get(key)
          if (known === undefined && terms.size >= MAX_ASKED_TERMS) isTruncated = true
          else terms.set(key, { term, field, weight: (known?.weight ?? 0) + 1 })
        }
      }
    if (role === 'ranks') continue
    const alternatives = analyzePhrase(text, languages)
    if (alternatives.length === 0) continue
    const list = role === 'required' ? required : excluded
    const fitted = fitPhrase(alternatives, room)
    if (required.length + excluded.length >= maxPhrases || !fitted.isWhole) isTruncated = true
    // Cut short it would exclude more than was asked.
    const isUsed = fitted.isWhole || (role === 'required' && fitted.alternatives.length > 0)
    if (!isUsed || required.length + excluded.length >= maxPhrases) continue
    list.push({ alternatives: fitted.alternatives, field })
    room -= termsIn(fitted.alternatives)
  }
  const words = parsed.parts.flatMap(({ role, text }) => (role === 'excluded' ? [] : [text]))
  return {
    lexical: { terms: [...terms.values()], required, excluded },
    asked: [...asked.values()],
    words: words.join(' '),
    isTruncated,
  }
}

const termsIn = (sequences: readonly (readonly string[])[]): number =>
  sequences.reduce((sum, { length }) => sum + length, 0)

/** Its readings cut to the limits, of which `room` is what all of them together may have; none where they would have no word left. */
function fitPhrase(
  alternatives: readonly (readonly string[])[],
  room: number,
): { alternatives: readonly (readonly string[])[]; isWhole: boolean } {
  const kept = alternatives.slice(0, maxAlternatives)
  const cut = (most: number) => kept.map((sequence) => sequence.slice(0, most))
  const short = cut(maxPhraseTerms)
  const share = Math.floor(room / kept.length)
  const fitted = termsIn(short) <= room ? short : share > 0 ? cut(Math.min(maxPhraseTerms, share)) : []
  return { alternatives: fitted, isWhole: termsIn(fitted) === termsIn(alternatives) }
}

/** Plain words are analysed together with those beside them: a language may have to see where one ends. */
function runs(parts: readonly QueryPart[]): QueryPart[] {
  const joined: QueryPart[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (part.role === 'ranks' && last?.role === 'ranks' && part.field === last.field)
      joined[joined.length - 1] = { ...last, text: `${last.text} ${part.text}` }
    else joined.push(part)
  }
  return joined
}

/** The terms that are worth their postings: what occurs nowhere goes, and of very many those with the largest weight · idf stay. */
export function scoredTerms(
  query: LexicalQuery,
  statistics: Statistics,
  idfOf: (documentFrequency: number, chunks: number) => number,
): { query: LexicalQuery; isTruncated: boolean } {
  const frequency = ({ term }: WeightedTerm) => statistics.documentFrequency.get(term) ?? 0
  const found = query.terms.filter((term) => frequency(term) > 0)
  if (found.length <= MAX_SCORED_TERMS) return { query: { ...query, terms: found }, isTruncated: false }
  const worth = (term: WeightedTerm) => term.weight * idfOf(frequency(term), statistics.chunks)
  const kept = new Set([...found].sort((a, b) => worth(b) - worth(a)).slice(0, MAX_SCORED_TERMS))
  return { query: { ...query, terms: found.filter((term) => kept.has(term)) }, isTruncated: true }
}
