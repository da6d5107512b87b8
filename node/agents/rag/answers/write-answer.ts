/** An answer in a language model's words, held to its sources. */
import type { Generation, ModelRequest } from '../../../compute/generate/generation.ts'
import { VillageError } from '../../../errors.ts'
import type { AnswerSource, GeneratedText } from './answer.ts'
import { checkCitations } from './citations.ts'
import { answerMessages, answerPrompt, briefPrompt } from './prompt.ts'

interface Components {
  readonly generation: Pick<Generation, 'generate'>
}

const MAX_TOKENS = 256
/** Of all sources together; halved for as long as the model's context is too short. */
const SOURCE_CHARACTERS = 6_000
const MIN_SOURCE_CHARACTERS = 1_500
/** Of a prompt without rules. */
const BRIEF_CHARACTERS = 600
const MIN_BRIEF_CHARACTERS = 75
const MAX_TEXT_CHARACTERS = 8_000
/** A model without a chat template often goes on with another question. */
const STOP = ['\nQuestion:', '\n<source', '</source>']

type PromptKind = 'messages' | 'text' | 'brief'

function requestOf(
  kind: PromptKind,
  question: string,
  sources: readonly AnswerSource[],
  characters: number,
): ModelRequest {
  const prompt: ModelRequest['prompt'] =
    kind === 'messages'
      ? { kind, messages: answerMessages(question, sources, characters) }
      : {
          kind: 'text',
          text: (kind === 'text' ? answerPrompt : briefPrompt)(question, sources, characters),
        }
  return {
    prompt,
    maxTokens: MAX_TOKENS,
    sampling: { temperature: 0 },
    stop: STOP,
  }
}

/** How the request has to change for the model to take it; null: it will not. */
function adapted(kind: PromptKind, characters: number, error: unknown): [PromptKind, number] | null {
  const code = error instanceof VillageError ? error.code : null
  if (kind === 'messages' && (code === 'MODEL_NO_CHAT_TEMPLATE' || code === 'CHAT_TEMPLATE_FAILED'))
    return ['text', characters]
  if (code !== 'CONTEXT_TOO_LONG') return null
  const half = characters / 2
  if (kind !== 'brief') return half >= MIN_SOURCE_CHARACTERS ? [kind, half] : ['brief', BRIEF_CHARACTERS]
  return half >= MIN_BRIEF_CHARACTERS ? [kind, half] : null
}

/**
 * Asks a model of the registry. Throws what it throws (MODEL_UNKNOWN, MODEL_NOT_LANGUAGE, GENERATE_BUSY, CONTEXT_TOO_LONG, …),
 * ANSWER_EMPTY where it says nothing, and the signal's reason.
 */
export async function writeAnswer(
  { generation }: Components,
  request: { readonly model: string; readonly question: string; readonly sources: readonly AnswerSource[] },
  signal: AbortSignal,
): Promise<GeneratedText> {
  const { model, question, sources } = request
  let attempt: [PromptKind, number] = ['messages', SOURCE_CHARACTERS]
  for (;;) {
    const [kind, characters] = attempt
    try {
      const completion = await generation.generate(
        model,
        requestOf(kind, question, sources, characters),
        signal,
      )
      const checked = checkCitations(completion.text.slice(0, MAX_TEXT_CHARACTERS), sources.length)
      if (checked.text === '')
        throw new VillageError('ANSWER_EMPTY', `"${model}" wrote nothing`, { fields: { model } })
      return {
        model,
        text: checked.text,
        citations: checked.citations,
        unknownCitations: checked.unknown,
        promptTokens: completion.promptTokens,
        completionTokens: completion.tokens.length,
      }
    } catch (error) {
      signal.throwIfAborted()
      const next = adapted(kind, characters, error)
      if (next === null) throw error
      attempt = next
    }
  }
}
