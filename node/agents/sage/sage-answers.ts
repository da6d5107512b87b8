/**
 * Sage's answer to whatever was asked: the question is planned, each part is answered by itself with its own evidence, and the parts become one
 * answer whose citations are numbered through. What a part does not know is said for that part.
 */
import type {
  Answer,
  AnswerPart,
  AnswerSentence,
  AnswerSource,
  AnswerWarning,
} from '../rag/answers/answer.ts'
import type { Answers, AskOptions } from '../rag/answers/answers.ts'
import { joinMissing } from '../rag/query/rank-passages.ts'
import { planQuestion } from './plan-question.ts'

export interface SageAnswers {
  /**
   * `former`: the asker's turns before, the oldest first: what `it` may be. Throws INVALID_ARGUMENT, what Knowledge.search throws, and the
   * signal's reason.
   */
  ask(
    question: string,
    given: { readonly options: SageOptions; readonly former: readonly string[] },
    signal: AbortSignal,
  ): Promise<Answer>
}

export type SageOptions = Omit<AskOptions, 'queries'>

const sourceKey = ({ segment, chunk, headings, page }: AnswerSource): string =>
  JSON.stringify([segment, chunk, page, headings])

function withoutRepeats(warnings: readonly AnswerWarning[]): AnswerWarning[] {
  return [...new Map(warnings.map((warning) => [`${warning.code} ${warning.message}`, warning])).values()]
}

/** A text's `[n]` by other numbers, all at once. Only this project's own text is renumbered: what a document wrote in brackets stays. */
function partText(answer: Answer, numberOf: (citation: number) => number): string {
  if (!answer.isFound) return answer.text
  return answer.sentences
    .map((sentence, index) =>
      answer.sentences[index + 1]?.citation === sentence.citation
        ? sentence.text
        : `${sentence.text} [${numberOf(sentence.citation)}]`,
    )
    .join(' ')
}

/** Two or more answers as one. A source that several cite is one source; what is only near is left out where anything is found. */
export function joinAnswers(question: string, answers: readonly Answer[]): Answer {
  const isFound = answers.some((one) => one.isFound)
  const sources: AnswerSource[] = []
  const sentences: AnswerSentence[] = []
  const lines: string[] = []
  for (const answer of answers) {
    const numbers = new Map<number, number>()
    const cited = new Set(answer.sentences.map(({ citation }) => citation))
    for (const source of answer.sources) {
      if (isFound && !cited.has(source.number)) continue
      const known = sources.find((one) => sourceKey(one) === sourceKey(source))
      if (known === undefined) sources.push({ ...source, number: sources.length + 1 })
      numbers.set(source.number, known?.number ?? sources.length)
    }
    const numberOf = (citation: number) => numbers.get(citation)!
    for (const sentence of answer.sentences)
      sentences.push({ ...sentence, citation: numberOf(sentence.citation) })
    lines.push(`${answer.question} ${partText(answer, numberOf)}`)
  }
  const [first] = answers
  return {
    question,
    text: isFound ? lines.join('\n') : first!.text,
    sentences,
    sources,
    confidence: Math.min(...answers.map(({ confidence }) => confidence)),
    threshold: first!.threshold,
    isFound,
    missingWords: [...new Set(answers.flatMap(({ missingWords }) => missingWords))],
    generated: null,
    queries: [...new Set(answers.flatMap(({ queries }) => queries))],
    parts: answers.map(
      ({ question: part, confidence, isFound: found }): AnswerPart => ({
        question: part,
        confidence,
        isFound: found,
      }),
    ),
    missing: joinMissing(answers.flatMap(({ missing }) => missing)),
    warnings: withoutRepeats(answers.flatMap(({ warnings }) => warnings)),
    tookMs: answers.reduce((sum, { tookMs }) => sum + tookMs, 0),
  }
}

export function createSageAnswers({ answers }: { readonly answers: Pick<Answers, 'ask'> }): SageAnswers {
  return {
    async ask(question, { options, former }, signal) {
      const parts = planQuestion(question, former)
      const asked: Answer[] = []
      for (const { question: part, queries } of parts)
        asked.push(
          await answers.ask(
            part,
            // A language model that is asked part by part writes as many texts: several parts are told by the documents alone.
            { ...options, queries, ...(parts.length > 1 && { model: null }) },
            signal,
          ),
        )
      return asked.length === 1 ? asked[0]! : joinAnswers(question, asked)
    },
  }
}
