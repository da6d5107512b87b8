/** What POST /v1/chat/completions answers with: the whole completion, or the chunks of a stream. */
import type { ChatDelta, ChatUsage } from '../../agents/chat/chat-model.ts'
import { answerExtension, citationsOf, passageUrl } from './answer-extension.ts'
import type { TurnResult } from './run-turn.ts'

const FINISH = { stop: 'stop', length: 'length', 'tool-calls': 'tool_calls' } as const

export interface CompletionHead {
  readonly id: string
  /** Unix time in seconds. */
  readonly created: number
  readonly model: string
}

function usageOf({ promptTokens, cachedTokens, completionTokens }: ChatUsage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}

const annotationsOf = (answer: TurnResult['answer'], text: string) =>
  citationsOf(answer, text).map(({ item, start, end }) => ({
    type: 'url_citation',
    url_citation: {
      start_index: start,
      end_index: end,
      title: item.title ?? item.source,
      url: passageUrl(item),
    },
  }))

export function completionView(head: CompletionHead, result: TurnResult): object {
  const { text, toolCalls, answer } = result
  return {
    ...head,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && toolCalls.length > 0 ? null : text,
          refusal: null,
          ...(toolCalls.length > 0 && {
            tool_calls: toolCalls.map(({ id, name, arguments: given }) => ({
              id,
              type: 'function',
              function: { name, arguments: given },
            })),
          }),
          ...(answer !== null && { annotations: annotationsOf(answer, text) }),
        },
        logprobs: null,
        finish_reason: FINISH[result.finish],
      },
    ],
    usage: usageOf(result.usage),
    ...(answer !== null && { village: answerExtension(answer) }),
  }
}

/** Makes the chunks of one stream; with `includeUsage` each but the last has `usage: null`. */
export function createChunks(head: CompletionHead, includeUsage: boolean) {
  const chunk = (choices: readonly object[], usage: object | null = null, more: object = {}) => ({
    ...head,
    object: 'chat.completion.chunk',
    choices,
    ...(includeUsage && { usage }),
    ...more,
  })
  const step = (delta: object, finish: string | null = null) => [
    { index: 0, delta, logprobs: null, finish_reason: finish },
  ]

  function deltaOf(delta: ChatDelta): object {
    if (delta.kind === 'text') return { content: delta.text }
    if (delta.kind === 'call') {
      const { index, id, name } = delta
      return { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }
    }
    return { tool_calls: [{ index: delta.index, function: { arguments: delta.text } }] }
  }

  return {
    first: () => chunk(step({ role: 'assistant', content: '', refusal: null })),
    next: (delta: ChatDelta) => chunk(step(deltaOf(delta))),
    /** The end of the message, and with `includeUsage` one chunk more, without choices. */
    last(result: TurnResult): object[] {
      const { answer } = result
      const closing = answer === null ? {} : { annotations: annotationsOf(answer, result.streamed) }
      const extension = answer === null ? {} : { village: answerExtension(answer) }
      const end = chunk(step(closing, FINISH[result.finish]), null, extension)
      return includeUsage ? [end, chunk([], usageOf(result.usage))] : [end]
    },
  }
}
