/** What the generation service and the thread of a model say to each other. */
import type { JsonValue } from '../../json.ts'
import type { ChatMessage } from '../models/chat-template.ts'
import type { WireError } from '../worker-messages.ts'
import type { GenerateRequest, Generation, TokenEvent } from './language-model.ts'

/** What is to be continued. */
export type Prompt =
  /** Special tokens are added as the tokenizer says. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tokens'; readonly tokens: readonly number[] }
  /** Goes through the model's chat template. */
  | {
      readonly kind: 'messages'
      readonly messages: readonly ChatMessage[]
      readonly tools?: readonly JsonValue[]
    }

export type PromptRequest = Omit<GenerateRequest, 'tokens'> & { readonly prompt: Prompt }

/** A token with its own text, for people: `text` of the event is what became final. */
export interface Completion extends Generation {
  readonly promptTokens: number
  /** Text of each token of `logProbabilities`, and of its likeliest ones, by token id. */
  readonly tokenTexts: Readonly<Record<number, string>>
}

export interface EngineInit {
  readonly modelDir: string
  readonly threads: number
  readonly niceness: number
  readonly maxBatch: number
  readonly cacheBytes: number
  readonly adapters: boolean
}

export type ToEngine =
  | {
      readonly type: 'generate'
      readonly id: number
      readonly request: PromptRequest
      readonly stream: boolean
    }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'close' }

export type FromEngine =
  | { readonly type: 'ready'; readonly residentBytes: number }
  | { readonly type: 'broken'; readonly error: WireError }
  | { readonly type: 'token'; readonly id: number; readonly event: TokenEvent }
  | {
      readonly type: 'done'
      readonly id: number
      readonly completion: Completion
      readonly residentBytes: number
    }
  | {
      readonly type: 'failed'
      readonly id: number
      readonly error: WireError
      readonly residentBytes: number
    }
