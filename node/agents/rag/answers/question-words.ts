/** What a question is about: its words but for those that only make it a question, with the weight that each has. */
import { analyzeQuery } from '../analysis/analyzer.ts'
import { inverseDocumentFrequency } from '../lexical/bm25.ts'
import type { SearchAnswer } from '../query/search-answer.ts'
import { isFunctionWord } from './function-words.ts'

export interface QuestionWord {
  /** As it stands in the question. */
  readonly text: string
  /** As terms of the index; any of them will do: the stems of several languages. */
  readonly terms: readonly string[]
  /** How rare it is in what was searched, above 0. */
  readonly idf: number
}

const MAX_WORDS = 64

/**
 * A word with several terms is as rare as the most common one; one that occurs nowhere is not among the terms of the answer, and is the
 * rarest. What was searched by vectors alone has no statistics: all words weigh the same. Where all are function words, they are what
 * is left: all are returned.
 */
export function questionWords(
  question: string,
  languages: readonly string[],
  found: Pick<SearchAnswer, 'terms' | 'chunks'>,
): QuestionWord[] {
  const idfs = new Map(found.terms.map(({ term, idf }) => [term, idf]))
  const rarest = idfs.size === 0 ? 1 : inverseDocumentFrequency(found.chunks, 0)
  const seen = new Set<string>()
  const all: (QuestionWord & { isFunction: boolean })[] = []
  for (const { terms, start, end } of analyzeQuery(question, languages)) {
    const key = terms.join(' ')
    if (terms.length === 0 || seen.has(key)) continue
    seen.add(key)
    const known = terms.flatMap((term) => idfs.get(term) ?? [])
    const idf = known.length === 0 ? rarest : Math.max(Math.min(...known), Number.EPSILON)
    const text = question.slice(start, end)
    const isFunction = isFunctionWord(text.toLowerCase(), languages)
    all.push({ text, terms, idf, isFunction })
  }
  const content = all.filter(({ isFunction }) => !isFunction)
  return (content.length > 0 ? content : all).slice(0, MAX_WORDS)
}

/** Share of the words' weight that is found, 0 to 1; `share` says how far a word is, from 0 to 1. */
export function coverage(words: readonly QuestionWord[], share: (word: QuestionWord) => number): number {
  let [found, total] = [0, 0]
  for (const word of words) {
    found += word.idf * share(word)
    total += word.idf
  }
  return total === 0 ? 0 : found / total
}
