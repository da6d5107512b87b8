/** The response object of the responses API, and the events of a stream in their order. */
import type { ChatDelta, ChatUsage } from '../../agents/chat/chat-model.ts'
import type { JsonObject } from '../../json.ts'
import { answerExtension, citationsOf, passageUrl } from './answer-extension.ts'
import { LABELS } from './field-rules.ts'
import type { OpenAiError } from './openai-error.ts'
import type { TurnResult } from './run-turn.ts'

export interface ResponseHead {
  readonly id: string
  /** Unix time in seconds. */
  readonly createdAt: number
  /** Fields of the request, after checkFields(). */
  readonly body: JsonObject
  newId(prefix: string): string
}

const usageOf = ({ promptTokens, cachedTokens, completionTokens }: ChatUsage): JsonObject => ({
  input_tokens: promptTokens,
  input_tokens_details: { cached_tokens: cachedTokens },
  output_tokens: completionTokens,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: promptTokens + completionTokens,
})

/** What a response says of its request, whatever became of it. */
function baseOf({ id, createdAt, body }: ResponseHead): JsonObject {
  const text = (body.text ?? {}) as JsonObject
  return {
    id,
    object: 'response',
    created_at: createdAt,
    background: false,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: body.model!,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    service_tier: 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? null,
    text: { format: { type: 'text' }, ...text },
    tool_choice: body.tool_choice ?? 'auto',
    tools: ((body.tools ?? []) as JsonObject[]).map((tool) => ({ strict: null, parameters: null, ...tool })),
    top_p: body.top_p ?? null,
    truncation: 'disabled',
    ...Object.fromEntries(LABELS.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name]]]))),
  }
}

const started = (head: ResponseHead): JsonObject => ({
  ...baseOf(head),
  status: 'in_progress',
  error: null,
  incomplete_details: null,
  output: [],
  usage: null,
})

function finished(head: ResponseHead, output: readonly JsonObject[], result: TurnResult): JsonObject {
  const { answer, finish, model, usage } = result
  const isCut = finish === 'length' && (answer === null || answer.finish === 'tokens')
  return {
    ...baseOf(head),
    model,
    status: isCut ? 'incomplete' : 'completed',
    completed_at: isCut ? null : Math.floor(Date.now() / 1000),
    error: null,
    incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
    output,
    usage: usageOf(usage),
    ...(answer !== null && { village: answerExtension(answer) as JsonObject }),
  }
}

const annotationsOf = (answer: TurnResult['answer'], text: string): JsonObject[] =>
  citationsOf(answer, text).map(({ item, start, end }) => ({
    type: 'url_citation',
    start_index: start,
    end_index: end,
    title: item.title ?? item.source,
    url: passageUrl(item),
  }))

const textPart = (text: string, annotations: readonly JsonObject[] = []): JsonObject => ({
  type: 'output_text',
  text,
  annotations,
})

const messageItem = (id: string, status: string, content: readonly JsonObject[]): JsonObject => ({
  id,
  type: 'message',
  role: 'assistant',
  status,
  content,
})

interface OpenItem {
  readonly kind: 'message' | 'call'
  readonly id: string
  readonly callId: string
  readonly name: string
  text: string
}

/**
 * Turns what a model says into events with sequence numbers. Items come one after another: an item is closed when the next begins.
 */
export function createResponseEvents(
  head: ResponseHead,
  emit: (event: JsonObject & { type: string }) => void,
) {
  const output: JsonObject[] = []
  let sequence = 0
  let open: OpenItem | null = null

  const send = (type: string, fields: JsonObject) => emit({ type, sequence_number: sequence++, ...fields })
  const place = ({ id }: OpenItem) => ({ item_id: id, output_index: output.length })

  const callItem = ({ id, callId, name, text }: OpenItem, status: string): JsonObject => ({
    id,
    type: 'function_call',
    status,
    call_id: callId,
    name,
    arguments: text,
  })

  function close(status: string, answer: TurnResult['answer'] = null): void {
    if (open === null) return
    const item = open
    let whole: JsonObject
    if (item.kind === 'message') {
      const where = { ...place(item), content_index: 0 }
      const annotations = annotationsOf(answer, item.text)
      for (const [index, annotation] of annotations.entries())
        send('response.output_text.annotation.added', { ...where, annotation_index: index, annotation })
      const part = textPart(item.text, annotations)
      send('response.output_text.done', { ...where, text: item.text, logprobs: [] })
      send('response.content_part.done', { ...where, part })
      whole = messageItem(item.id, status, [part])
    } else {
      send('response.function_call_arguments.done', { ...place(item), name: item.name, arguments: item.text })
      whole = callItem(item, status)
    }
    send('response.output_item.done', { output_index: output.length, item: whole })
    output.push(whole)
    open = null
  }

  function openMessage(): OpenItem {
    if (open?.kind === 'message') return open
    close('completed')
    const item: OpenItem = { kind: 'message', id: head.newId('msg'), callId: '', name: '', text: '' }
    open = item
    send('response.output_item.added', {
      output_index: output.length,
      item: messageItem(item.id, 'in_progress', []),
    })
    send('response.content_part.added', { ...place(item), content_index: 0, part: textPart('') })
    return item
  }

  return {
    begin(): void {
      send('response.created', { response: started(head) })
      send('response.in_progress', { response: started(head) })
    },
    add(delta: ChatDelta): void {
      if (delta.kind === 'text') {
        const item = openMessage()
        item.text += delta.text
        send('response.output_text.delta', {
          ...place(item),
          content_index: 0,
          delta: delta.text,
          logprobs: [],
        })
      } else if (delta.kind === 'call') {
        close('completed')
        open = { kind: 'call', id: head.newId('fc'), callId: delta.id, name: delta.name, text: '' }
        send('response.output_item.added', {
          output_index: output.length,
          item: callItem(open, 'in_progress'),
        })
      } else if (open?.kind === 'call') {
        open.text += delta.text
        send('response.function_call_arguments.delta', { ...place(open), delta: delta.text })
      }
    },
    /** Closes what is open; the whole response is sent by done(). */
    finish(result: TurnResult): JsonObject {
      // An answer without a word and without a call is a message all the same.
      if (open === null && output.length === 0) openMessage()
      close(result.finish === 'length' ? 'incomplete' : 'completed', result.answer)
      return finished(head, output, result)
    },
    done(response: JsonObject): void {
      send(response.status === 'completed' ? 'response.completed' : 'response.incomplete', { response })
    },
    fail(error: OpenAiError): void {
      const response = {
        ...started(head),
        status: 'failed',
        output,
        error: { code: 'server_error', message: error.message },
      }
      send('response.failed', { response })
      send('error', { code: error.code, message: error.message, param: error.param })
    },
  }
}
