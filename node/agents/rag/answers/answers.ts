/**
 * Answers to questions out of the collections: sentences of documents, word for word, each with its source; or that nothing was
 * found. A language model may put them into other words beside that, never in place of it.
 */
import type { Generation } from '../../../compute/generate/generation.ts'
import type { Embedding } from '../../../compute/models/embedding.ts'
import type { Config } from '../../../config.ts'
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { SearchAnswer } from '../query/search-answer.ts'
import type { Knowledge, KnowledgeSearchOptions } from '../village/knowledge.ts'
import type { Answer, AnswerSource, AnswerWarning, GeneratedText } from './answer.ts'
import { ASKS_FOR, answerType, mayAnswer } from './answer-type.ts'
import { chooseSentences } from './choose-sentences.ts'
import { type ComposedAnswer, composeAnswer } from './compose-answer.ts'
import { confidenceOf, evidenceOf } from './confidence.ts'
import { CONFIDENCE_THRESHOLD } from './confidence-model.ts'
import { embedSentences } from './embed-sentences.ts'
import { type GatheredPassages, gatherPassages } from './gather-passages.ts'
import { questionWords } from './question-words.ts'
import { scoreByWords, wordsMissing } from './score-sentences.ts'
import { writeAnswer } from './write-answer.ts'

export interface AskOptions
  extends Omit<KnowledgeSearchOptions, 'text' | 'syntax' | 'limit' | 'explain' | 'candidates'> {
  /** Sources that are returned, 1 to 20; 5 by default. More passages are read. */
  readonly sources?: number
  /** Sentences at most, 1 to 10; 4 by default. */
  readonly sentences?: number
  /** 0 to 1; by default the configured one, or the calibrated one. */
  readonly threshold?: number
  /** Id of a language model; null: none, whatever is configured. */
  readonly model?: string | null
  /** Searched beside the question, three at most: one side of a comparison, a quoted phrase. */
  readonly queries?: readonly string[]
}

export interface Answers {
  /** Throws INVALID_ARGUMENT, what Knowledge.search throws, and the signal's reason. A language model that fails is a warning. */
  ask(question: string, options: AskOptions, signal: AbortSignal): Promise<Answer>
}

interface Components {
  readonly knowledge: Pick<Knowledge, 'search' | 'collections'>
  readonly embedding: Pick<Embedding, 'embed'>
  readonly generation: Pick<Generation, 'generate'>
  readonly log: Log
}

interface Init {
  readonly config: Pick<Config, 'knowledge.answerModel' | 'knowledge.answerThreshold'>
  /** For tests. */
  readonly now?: () => number
}

export const MAX_QUESTION_CHARACTERS = 2_000
export const MAX_SOURCES = 20
export const MAX_SENTENCES = 10
const DEFAULT_SOURCES = 5
const DEFAULT_SENTENCES = 4
/** Passages that an answer is chosen from: a long page says much of the same matter before it comes to what was asked. */
const READ_PASSAGES = 20
const PER_DOCUMENT = 4

function checkQuestion(given: string): string {
  const question = given.trim()
  if (question !== '' && question.length <= MAX_QUESTION_CHARACTERS) return question
  throw new VillageError(
    'INVALID_ARGUMENT',
    `A question has 1 to ${MAX_QUESTION_CHARACTERS} characters; it is not repeated here`,
    { fields: { field: 'question' } },
  )
}

/** That a collection has no vectors is worth a word to whoever asked for them, not to whoever asked a question. */
function searchWarnings({ warnings }: SearchAnswer, isModeGiven: boolean): readonly AnswerWarning[] {
  return isModeGiven ? warnings : warnings.filter(({ code }) => code !== 'NO_VECTORS')
}

/** Covering the words of a question is not answering it: at least what it asks for can be looked for. */
function typeWarnings(question: string, { isFound, sentences }: ComposedAnswer): AnswerWarning[] {
  const type = answerType(question)
  if (type === null || !isFound || sentences.some(({ text }) => mayAnswer(type, text))) return []
  return [
    {
      code: 'ANSWER_TYPE_ABSENT',
      message: `The question seems to ask for ${ASKS_FOR[type]}, and no sentence here has one: it may not be answered`,
    },
  ]
}

export function createAnswers(components: Components, init: Init): Answers {
  const { knowledge, generation, log } = components
  const { config, now = () => performance.now() } = init

  /** The model's words, or why there are none. */
  async function generate(
    model: string,
    given: { question: string; sources: readonly AnswerSource[]; isFound: boolean },
    signal: AbortSignal,
  ): Promise<{ generated: GeneratedText | null; warnings: AnswerWarning[] }> {
    if (!given.isFound)
      return {
        generated: null,
        warnings: [
          {
            code: 'GENERATION_SKIPPED',
            message: 'The language model was not asked: there is too little evidence',
          },
        ],
      }
    try {
      const generated = await writeAnswer({ generation }, { model, ...given }, signal)
      const warnings: AnswerWarning[] = [
        {
          code: 'GENERATION_EXPERIMENTAL',
          message: 'What the language model wrote is not checked against the sources: read them',
        },
      ]
      if (generated.unknownCitations > 0)
        warnings.push({
          code: 'CITATIONS_REMOVED',
          message: `${generated.unknownCitations} citations of the language model named no source and were taken out`,
        })
      return { generated, warnings }
    } catch (error) {
      signal.throwIfAborted()
      const { code } = toVillageError(error)
      log.info({ model, code }, 'a language model wrote no answer')
      return {
        generated: null,
        warnings: [
          { code: 'GENERATION_FAILED', message: `The language model "${model}" wrote no answer (${code})` },
        ],
      }
    }
  }

  async function sentencesOf(
    question: string,
    { found, own, passages }: GatheredPassages,
    limit: number,
    signal: AbortSignal,
  ) {
    const languages = [...new Set(passages.flatMap(({ hit }) => hit.language ?? []))]
    const words = questionWords(question, languages, found)
    const confidence =
      own.length === 0 ? 0 : confidenceOf(evidenceOf({ question, words, passages: own, found }))
    return {
      confidence,
      async choose() {
        const scored = scoreByWords(question, words, passages)
        const { sentences, warnings } = await embedSentences(
          components,
          { question, scored, passages },
          signal,
        )
        const chosen = chooseSentences(sentences, { limit })
        return { chosen, missingWords: wordsMissing(words, passages, chosen), warnings }
      },
    }
  }

  return {
    async ask(given, options, signal) {
      const startedAt = now()
      const question = checkQuestion(given)
      const {
        sources = DEFAULT_SOURCES,
        sentences = DEFAULT_SENTENCES,
        queries = [],
        threshold,
        model,
        ...asked
      } = options
      const scope = {
        ...asked,
        perDocument: asked.perDocument ?? PER_DOCUMENT,
        limit: Math.max(READ_PASSAGES, sources),
      }
      const gathered = await gatherPassages({ knowledge }, { question, queries, scope }, signal)
      const { found, passages, missing } = gathered
      const { confidence, choose } = await sentencesOf(question, gathered, sentences, signal)
      const least = threshold ?? config['knowledge.answerThreshold'] ?? CONFIDENCE_THRESHOLD
      const isFound = passages.length > 0 && confidence >= least
      const { chosen, missingWords, warnings } = isFound
        ? await choose()
        : { chosen: [], missingWords: [], warnings: [] }
      const composed = composeAnswer(passages, chosen, {
        sources,
        isFound: isFound && chosen.length > 0,
        isPartial: missing.length > 0,
      })
      const writer = model === undefined ? config['knowledge.answerModel'] : model
      const { generated, warnings: ofModel } =
        writer === null
          ? { generated: null, warnings: [] }
          : await generate(writer, { question, sources: composed.sources, isFound: composed.isFound }, signal)
      return {
        question,
        ...composed,
        confidence,
        threshold: least,
        missingWords,
        generated,
        missing,
        queries: gathered.queries,
        parts: [],
        warnings: [
          ...searchWarnings(found, asked.mode !== undefined),
          ...warnings,
          ...typeWarnings(question, composed),
          ...ofModel,
        ],
        tookMs: now() - startedAt,
      }
    },
  }
}
