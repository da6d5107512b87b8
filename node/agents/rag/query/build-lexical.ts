/** From the parts of a query to what the index is asked: terms that rank, phrases that must or must not occur. */
import { analyzePhrase, analyzeQuery } from '../analysis/analyzer.ts'
import type { LexicalQuery, Phrase, Statistics, WeightedTerm } from '../search-types.ts'
import type { ParsedQuery, QueryPart } from './parse-query.ts'

/** Of which frequencies are asked for. */
const MAX_ASKED_TERMS = 256
/** Of which postings are read: of more, those that are rarest. */
const MAX_SCORED_TERMS = 64
const MAX_PHRASES = 16
/** One alternative of a phrase; what follows is left out of the condition. */
const MAX_PHRASE_TERMS = 32

export interface BuiltQuery {
  readonly lexical: LexicalQuery
  /** Words but those excluded, for the encoder. */
  readonly words: string
  readonly isTruncated: boolean
}

/** A word that is said twice counts twice, as BM25 has it. The order is that of the text: scores are added up in it. */
export function buildLexical(parsed: ParsedQuery, languages: readonly string[]): BuiltQuery {
  const terms = new Map<string, WeightedTerm>()
  const required: Phrase[] = []
  const excluded: Phrase[] = []
  let isTruncated = false
  for (const run of runs(parsed.parts)) {
    const { text, role, field } = run
    if (role !== 'excluded')
      for (const word of analyzeQuery(text, languages))
        for (const term of word.terms) {
          const key = `${field ?? ''} ${term}`
          const known = terms.get(key)
          if (known === undefined && terms.size >= MAX_ASKED_TERMS) isTruncated = true
          else terms.set(key, { term, field, weight: (known?.weight ?? 0) + 1 })
        }
    if (role === 'ranks') continue
    const alternatives = analyzePhrase(text, languages)
    if (alternatives.length === 0) continue
    const list = role === 'required' ? required : excluded
    const isWhole = alternatives.every((sequence) => sequence.length <= MAX_PHRASE_TERMS)
    if (required.length + excluded.length >= MAX_PHRASES || !isWhole) isTruncated = true
    if (required.length + excluded.length < MAX_PHRASES && (isWhole || role === 'required'))
      list.push({ alternatives: alternatives.map((sequence) => sequence.slice(0, MAX_PHRASE_TERMS)), field })
  }
  const words = parsed.parts.flatMap(({ role, text }) => (role === 'excluded' ? [] : [text]))
  return { lexical: { terms: [...terms.values()], required, excluded }, words: words.join(' '), isTruncated }
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
