/**
 * How likely it is that what was searched holds an answer: a logistic model on a handful of facts about the best passages. The facts are
 * shares, so that they mean the same in a collection of ten documents and of a million, and none needs vectors: cosines of different
 * encoders do not compare.
 */
import { inverseDocumentFrequency } from '../lexical/bm25.ts'
import type { SearchAnswer } from '../query/search-answer.ts'
import { CONFIDENCE_MODEL } from './confidence-model.ts'
import { isInterrogative } from './interrogative.ts'
import { coverage, type QuestionWord } from './question-words.ts'
import type { ReadPassage } from './read-passages.ts'

export interface Evidence {
  /**
   * Share of the question's words, by idf, in the passage that has most of them, of the first few; up to a half: the first words tell
   * far more than the last ones do.
   */
  readonly lowCoverage: number
  /** What is missing of that share, over ln(2 + number of words): one word in three says more than four in twelve. */
  readonly lack: number
  /**
   * Standard deviation of the BM25 scores of the passages, over the most that a passage could score (a query-performance predictor, after
   * NQC, Shtok et al. 2012): a find stands out, a topic is everywhere. 0 where nothing was ranked by words.
   */
  readonly spread: number
  /** Share of the words in title and headings of that passage: it is about the matter. */
  readonly titleCoverage: number
  /** 1 for a question, 0 for a statement or keywords. */
  readonly question: number
  /** `lack` of a question: it is short, and each of its words counts, where a statement has words that nobody else would choose. */
  readonly questionLack: number
  /** What other passages of one document add to that share: its words stand in several places. */
  readonly together: number
}

export interface ConfidenceModel {
  readonly intercept: number
  readonly weights: { readonly [K in keyof Evidence]: number }
}

/** What was asked, and what the search gave. */
export interface EvidenceGiven {
  readonly question: string
  readonly words: readonly QuestionWord[]
  /** In the order of the search, at least one. Those after EVIDENCE_PASSAGES do not count. */
  readonly passages: readonly ReadPassage[]
  readonly found: Pick<SearchAnswer, 'terms' | 'chunks'>
}

/** Passages whose best counts, and passages that it is held against. */
const FIRST = 5
export const EVIDENCE_PASSAGES = 10
const LOW_COVERAGE = 0.5
/**
 * In fewer passages than this, how many have a word says nothing of how rare it is: in a collection of one document each of its words is
 * in all passages. Words are weighed as if so many had been searched, the others without any of them.
 */
const LEAST_PASSAGES = 1_000
/** Words that an answer replaces: `how many fit into it`, `where do I take it`, `how large is it`. That they are missing says nothing. */
const LIGHT_VERBS = new Set('fit fits get gets go goes make makes made put puts take takes'.split(' '))
const DEGREES = new Set('big deep fast heavy high large long short small tall wide'.split(' '))
const HOW = /(?<!\p{L})how (\p{L}+)/giu

const shareOf = (words: readonly QuestionWord[], terms: ReadonlySet<string>): number =>
  coverage(words, (word) => (word.terms.some((term) => terms.has(term)) ? 1 : 0))

function steadyWords({
  words: given,
  question,
  found: { terms, chunks },
}: EvidenceGiven): readonly QuestionWord[] {
  const asked = new Set([...question.matchAll(HOW)].map((match) => match[1]!.toLowerCase()))
  const isLight = (word: string): boolean => LIGHT_VERBS.has(word) || (DEGREES.has(word) && asked.has(word))
  const telling = given.filter(({ text }) => !isLight(text.toLowerCase()))
  const words = telling.length > 0 ? telling : given
  if (terms.length === 0 || chunks >= LEAST_PASSAGES) return words
  const frequencies = new Map(terms.map(({ term, documentFrequency }) => [term, documentFrequency]))
  return words.map((word) => ({
    ...word,
    idf: inverseDocumentFrequency(
      LEAST_PASSAGES,
      Math.max(0, ...word.terms.map((term) => frequencies.get(term) ?? 0)),
    ),
  }))
}

function spreadOf(passages: readonly ReadPassage[], terms: SearchAnswer['terms']): number {
  const most = terms.reduce((sum, { isAdded, idf, weight }) => sum + (isAdded ? 0 : idf * weight), 0)
  const scores = passages.map(({ hit }) => hit.lexical ?? 0)
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length
  return most > 0 ? Math.min(1, Math.sqrt(variance) / most) : 0
}

/** Of the first passages, the document that has most of the words in all of its own among them. */
function sharedCoverage(words: readonly QuestionWord[], first: readonly ReadPassage[]): number {
  const documents = Map.groupBy(first, ({ hit }) => `${hit.collection} ${hit.document}`)
  return Math.max(
    ...[...documents.values()].map((those) =>
      shareOf(words, new Set(those.flatMap(({ terms }) => [...terms]))),
    ),
  )
}

export function evidenceOf(given: EvidenceGiven): Evidence {
  const words = steadyWords(given)
  const passages = given.passages.slice(0, EVIDENCE_PASSAGES)
  const shares = passages.slice(0, FIRST).map(({ terms }) => shareOf(words, terms))
  const best = Math.max(...shares)
  const together = sharedCoverage(words, passages.slice(0, FIRST)) - best
  const lack = (1 - best) / Math.log(2 + words.length)
  const question = isInterrogative(given.question) ? 1 : 0
  return {
    lowCoverage: Math.min(best, LOW_COVERAGE),
    lack,
    spread: spreadOf(passages, given.found.terms),
    titleCoverage: shareOf(words, passages[shares.indexOf(best)]!.sentences[0]?.aboveTerms ?? new Set()),
    question,
    questionLack: question * lack,
    together,
  }
}

export const EVIDENCE_NAMES = [
  'lowCoverage',
  'lack',
  'spread',
  'titleCoverage',
  'question',
  'questionLack',
  'together',
] as const

/** 0 to 1. */
export function confidenceOf(evidence: Evidence, model: ConfidenceModel = CONFIDENCE_MODEL): number {
  const sum = EVIDENCE_NAMES.reduce(
    (total, name) => total + model.weights[name] * evidence[name],
    model.intercept,
  )
  return 1 / (1 + Math.exp(-sum))
}
