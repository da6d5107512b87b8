/**
 * How well each sentence answers a question. A sum of parts that are all 0 to 1, with weights that add up to 1:
 *
 *     coverage    share of the question's words, by idf, that the sentence has; those that only its title and headings have count for
 *                 four fifths (a heading is said of all that stands under it), those of the sentence before for half
 *     cosine      of question and sentence under its last heading, where there is an encoder
 *     passage     10/(10 + rank) of its passage, from 0: scores of several searches do not compare
 *     answerType  how far it has the form of what is asked for: a name, a date, a number with its unit, a place, a reason (answer-fit.ts)
 */
import { answerFit } from './answer-fit.ts'
import { coverage, type QuestionWord } from './question-words.ts'
import type { ReadPassage, ReadSentence } from './read-passages.ts'

export interface SentenceWeights {
  readonly coverage: number
  readonly cosine: number
  readonly passage: number
  readonly answerType: number
}

/**
 * Chosen on the tuned half of the questions about this project's docs and on as many others (docs/knowledge/answers.md), and held to the
 * forty over ten documents of test/helpers/small-library.ts, of which the best sentence answers each.
 */
export const SENTENCE_WEIGHTS: SentenceWeights = {
  coverage: 0.36,
  cosine: 0.25,
  passage: 0.23,
  answerType: 0.16,
}

export interface ScoredSentence extends ReadSentence {
  /** Index of its passage. */
  readonly passage: number
  /** Index within the passage. */
  readonly place: number
  readonly score: number
  /** Share of the question's words that it has itself. */
  readonly coverage: number
  readonly vector: Float32Array | null
}

const ABOVE = 0.8
const BEFORE = 0.5
const RANK_CONSTANT = 10
/** A heading or a fragment: it names the matter and says nothing. */
const MIN_TOKENS = 4
const FRAGMENT_FACTOR = 0.5

const has = (terms: ReadonlySet<string>, word: QuestionWord): boolean =>
  word.terms.some((term) => terms.has(term))

/**
 * Sentences of all passages, the best passage first, without a cosine: what to embed is chosen among them. A sentence that is the title or a
 * heading, or is a question itself, answers nothing and counts for half.
 */
export function scoreByWords(
  question: string,
  words: readonly QuestionWord[],
  passages: readonly ReadPassage[],
  weights: SentenceWeights = SENTENCE_WEIGHTS,
): ScoredSentence[] {
  const fitOf = answerFit(question)
  return passages.flatMap((passage, index) =>
    passage.sentences.map((sentence, place): ScoredSentence => {
      const before = passage.sentences[place - 1]?.terms
      const own = coverage(words, (word) => (has(sentence.terms, word) ? 1 : 0))
      const inContext = coverage(words, (word) =>
        has(sentence.terms, word)
          ? 1
          : has(sentence.aboveTerms, word)
            ? ABOVE
            : before !== undefined && has(before, word)
              ? BEFORE
              : 0,
      )
      const parts =
        weights.coverage * inContext +
        weights.passage * (RANK_CONSTANT / (RANK_CONSTANT + index)) +
        weights.answerType * fitOf(sentence.text)
      const total = weights.coverage + weights.passage + weights.answerType
      const score = (parts / total) * (isFragment(sentence, passage) ? FRAGMENT_FACTOR : 1)
      return { ...sentence, passage: index, place, score, coverage: own, vector: null }
    }),
  )
}

/** Words that neither the best of the sentences has nor what stands around it: title, headings, the sentence before. */
export function wordsMissing(
  words: readonly QuestionWord[],
  passages: readonly ReadPassage[],
  sentences: readonly ScoredSentence[],
): string[] {
  const [best] = [...sentences].sort((a, b) => b.score - a.score)
  if (best === undefined) return []
  const before = passages[best.passage]?.sentences[best.place - 1]?.terms
  return words
    .filter(
      (word) =>
        !has(best.terms, word) && !has(best.aboveTerms, word) && (before === undefined || !has(before, word)),
    )
    .map(({ text }) => text)
}

const named = (text: string): string => text.trim().toLowerCase()

function isFragment({ text, length, section }: ReadSentence, { hit }: ReadPassage): boolean {
  const above = [hit.title, ...(hit.sections[section]?.headings ?? [])]
  return length < MIN_TOKENS || text.endsWith('?') || above.some((name) => named(name) === named(text))
}

/** The score with the cosine of question and sentence, which may be below 0. Vectors have length 1. */
export function withCosine(
  sentence: ScoredSentence,
  vector: Float32Array,
  question: Float32Array,
  weights: SentenceWeights = SENTENCE_WEIGHTS,
): ScoredSentence {
  const cosine = Math.max(0, dot(vector, question))
  return { ...sentence, vector, score: (1 - weights.cosine) * sentence.score + weights.cosine * cosine }
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!
  return sum
}
