/** What stands behind an agent or the gateway: a conversation in, a turn of the assistant out. */
import type { JsonObject } from '../../json.ts'

export interface ToolCall {
  /** Unique within the conversation. */
  readonly id: string
  readonly name: string
  /** JSON text as the model wrote it; not checked. */
  readonly arguments: string
}

export type ChatMessage =
  | { readonly role: 'system'; readonly content: string }
  | { readonly role: 'user'; readonly content: string }
  | { readonly role: 'assistant'; readonly content: string; readonly toolCalls?: readonly ToolCall[] }
  | { readonly role: 'tool'; readonly content: string; readonly toolCallId: string; readonly name: string }

export interface ToolDeclaration {
  /** `[a-zA-Z0-9_-]{1,64}`. */
  readonly name: string
  readonly description: string
  /** JSON Schema of an object. */
  readonly parameters: JsonObject
  /** Whoever declared it wants calls that follow the schema, or none; false by default. */
  readonly strict?: boolean
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string }

export type ChatFormat =
  | { readonly kind: 'text' }
  | { readonly kind: 'json' }
  | { readonly kind: 'json-schema'; readonly name: string; readonly schema: JsonObject }

export interface ChatSampling {
  readonly temperature?: number
  readonly topP?: number
  readonly seed?: number
  readonly frequencyPenalty?: number
  readonly presencePenalty?: number
  readonly stop?: readonly string[]
  readonly maxTokens?: number
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[]
  readonly tools?: readonly ToolDeclaration[]
  /** `auto` by default. */
  readonly toolChoice?: ToolChoice
  /** Several calls in one turn; true by default. */
  readonly parallelToolCalls?: boolean
  readonly format?: ChatFormat
  readonly sampling?: ChatSampling
}

/** What is known of a turn before it ends. Calls come one after another: `index` counts them from 0. */
export type ChatDelta =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'call'; readonly index: number; readonly id: string; readonly name: string }
  | { readonly kind: 'arguments'; readonly index: number; readonly text: string }

export interface ChatUsage {
  readonly promptTokens: number
  /** Of them, those that were not computed again. */
  readonly cachedTokens: number
  readonly completionTokens: number
}

export interface ChatReply {
  /** The model that answered, as `ChatModel.id`. */
  readonly model: string
  readonly text: string
  readonly toolCalls: readonly ToolCall[]
  /** `length`: the limit of tokens or the context ended it. */
  readonly finish: 'stop' | 'length' | 'tool-calls'
  readonly usage: ChatUsage
}

export interface ChatModel {
  /** Id of the registry, or `name/model` of an endpoint of the configuration. */
  readonly id: string
  /** `remote`: what is asked leaves this machine. */
  readonly place: 'local' | 'remote'
  /** Tokens of prompt and answer together; null where nobody says. */
  readonly contextTokens: number | null
  /**
   * Throws CHAT_FIELD_UNSUPPORTED (fields.field names what this model cannot honour), CONTEXT_TOO_LONG, CHAT_ENDPOINT_FAILED,
   * what Generation throws, and the signal's reason.
   */
  respond(request: ChatRequest, signal: AbortSignal, onDelta?: (delta: ChatDelta) => void): Promise<ChatReply>
  /** Tokens of a text, exactly or by a safe estimate (never fewer than there are). */
  countTokens(text: string): number
}
