/**
 * How well each sentence answers a question. A sum of parts that are all 0 to 1, with weights that add up to 1:
 *
 *     coverage    share of the question's words, by idf, that the sentence has; those that only its surroundings have (title,
 *                 headings, the sentence before) count for half
 *     cosine      of question and sentence, where there is an encoder
 *     passage     score of its passage relative to the best one
 *     answerType  whether it has a name, a date, a number or a place where the question asks for one
 */
import { type AnswerType, answerType, hasAnswerOf } from './answer-type.ts'
import { coverage, type QuestionWord } from './question-words.ts'
import type { ReadPassage, ReadSentence } from './read-passages.ts'

export interface SentenceWeights {
  readonly coverage: number
  readonly cosine: number
  readonly passage: number
  readonly answerType: number
}

/**
 * Chosen on forty questions over ten documents (test/helpers/small-library.ts): the best sentence answers all forty; without the
 * answer type 37, without the cosine 39. That the first sentence of a passage tends to say what it is about helped nowhere.
 */
export const SENTENCE_WEIGHTS: SentenceWeights = {
  coverage: 0.47,
  cosine: 0.19,
  passage: 0.14,
  answerType: 0.2,
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

const SURROUNDINGS = 0.5
/** A heading or a fragment: it names the matter and says nothing. */
const MIN_TOKENS = 4
const FRAGMENT_FACTOR = 0.5

const has = (terms: ReadonlySet<string>, word: QuestionWord): boolean =>
  word.terms.some((term) => terms.has(term))

/**
 * Sentences of all passages in their order, without a cosine: what to embed is chosen among them. A passage's sentence that repeats
 * the title or is a question itself answers nothing and counts for half.
 */
export function scoreByWords(
  question: string,
  words: readonly QuestionWord[],
  passages: readonly ReadPassage[],
  weights: SentenceWeights = SENTENCE_WEIGHTS,
): ScoredSentence[] {
  const type = answerType(question)
  const best = Math.max(...passages.map(({ hit }) => hit.score), Number.EPSILON)
  return passages.flatMap((passage, index) =>
    passage.sentences.map((sentence, place): ScoredSentence => {
      const before = passage.sentences[place - 1]?.terms
      const own = coverage(words, (word) => (has(sentence.terms, word) ? 1 : 0))
      const inContext = coverage(words, (word) =>
        has(sentence.terms, word)
          ? 1
          : has(sentence.aboveTerms, word) || (before !== undefined && has(before, word))
            ? SURROUNDINGS
            : 0,
      )
      const parts =
        weights.coverage * inContext +
        weights.passage * (Math.max(0, passage.hit.score) / best) +
        weights.answerType * typeFit(type, sentence.text)
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

/** Without a hint every sentence fits as well as any other. */
const typeFit = (type: AnswerType | null, text: string): number =>
  type === null || hasAnswerOf(type, text) ? 1 : 0

function isFragment(sentence: ReadSentence, passage: ReadPassage): boolean {
  return (
    sentence.length < MIN_TOKENS ||
    sentence.text.endsWith('?') ||
    sentence.text.toLowerCase() === passage.hit.title.trim().toLowerCase()
  )
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
