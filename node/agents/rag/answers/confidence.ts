/**
 * How likely it is that what was searched holds an answer: a logistic model on a handful of facts about the best passages. The
 * facts are shares, so that they mean the same in a collection of ten documents and of a million.
 */
import { CONFIDENCE_MODEL } from './confidence-model.ts'
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
  /** Share in the sentence that has most. */
  readonly sentenceCoverage: number
  /** By how much the passage's share exceeds the mean of the others: a find stands out, a topic is everywhere. */
  readonly contrast: number
}

export interface ConfidenceModel {
  readonly intercept: number
  readonly weights: { readonly [K in keyof Evidence]: number }
}

/** Passages whose best counts, and passages that it is held against. */
const FIRST = 5
export const EVIDENCE_PASSAGES = 10
const LOW_COVERAGE = 0.5

const shareOf = (words: readonly QuestionWord[], terms: ReadonlySet<string>): number =>
  coverage(words, (word) => (word.terms.some((term) => terms.has(term)) ? 1 : 0))

/** Passages in the order of the search, at least one. Those after EVIDENCE_PASSAGES do not count. */
export function evidenceOf(words: readonly QuestionWord[], passages: readonly ReadPassage[]): Evidence {
  const shares = passages.slice(0, EVIDENCE_PASSAGES).map(({ terms }) => shareOf(words, terms))
  const first = passages.slice(0, FIRST)
  const best = Math.max(...shares.slice(0, FIRST))
  const others = shares.length - 1
  const rest = others === 0 ? 0 : (shares.reduce((sum, share) => sum + share, 0) - best) / others
  return {
    lowCoverage: Math.min(best, LOW_COVERAGE),
    lack: (1 - best) / Math.log(2 + words.length),
    sentenceCoverage: Math.max(
      0,
      ...first.flatMap(({ sentences }) => sentences.map(({ terms }) => shareOf(words, terms))),
    ),
    contrast: best - rest,
  }
}

export const EVIDENCE_NAMES = ['lowCoverage', 'lack', 'sentenceCoverage', 'contrast'] as const

/** 0 to 1. */
export function confidenceOf(evidence: Evidence, model: ConfidenceModel = CONFIDENCE_MODEL): number {
  const sum = EVIDENCE_NAMES.reduce(
    (total, name) => total + model.weights[name] * evidence[name],
    model.intercept,
  )
  return 1 / (1 + Math.exp(-sum))
}
