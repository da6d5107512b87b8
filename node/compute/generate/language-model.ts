/**
 * What a loaded language model can do, whatever the layout of its graph. It is used inside worker threads only: every
 * step of onnxruntime blocks the thread that it runs in. Between steps the thread's event loop turns, so that messages
 * and signals come through.
 */
import type { JsonObject } from '../../json.ts'
import type { LanguageCard } from '../models/language-card.ts'
import type { LanguageTokenizer } from '../models/tokenizer.ts'

/** How the next token is chosen. Everything left out is neutral; with temperature 0 the most likely token is taken. */
export interface Sampling {
  /** Divides the logits; 0 takes the most likely token. 0 to 100. */
  readonly temperature?: number
  /** Only the k most likely tokens; 0 for all. */
  readonly topK?: number
  /** Only the fewest tokens whose probabilities reach this sum (Holtzman et al., arXiv 1904.09751). */
  readonly topP?: number
  /** Only tokens at least this share as likely as the most likely one (arXiv 2407.01082). */
  readonly minP?: number
  /** Divides positive and multiplies negative logits of tokens that came before, prompt included (arXiv 1909.05858). */
  readonly repetitionPenalty?: number
  /** Taken off the logit of every token that was generated before. */
  readonly presencePenalty?: number
  /** Taken off a token's logit for each time that it was generated before. */
  readonly frequencyPenalty?: number
  /** Added to the logits of single tokens. */
  readonly logitBias?: readonly { readonly token: number; readonly bias: number }[]
  /** The same seed, request, model, machine and thread count give the same tokens. A random one if absent. */
  readonly seed?: number
}

/** What the text must be; a token that cannot lead there is never chosen. */
export type Constraint =
  /** Any JSON value. */
  | { readonly kind: 'json' }
  | { readonly kind: 'json-schema'; readonly schema: JsonObject }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'regex'; readonly pattern: string }

export interface GenerateRequest {
  /** The prompt, at least one token. */
  readonly tokens: readonly number[]
  readonly maxTokens: number
  readonly sampling: Sampling
  /** The text ends before the first of these; they are not part of it. */
  readonly stop?: readonly string[]
  readonly constraint?: Constraint
  /** With a number, the natural-log probability of every token and of that many of the likeliest. */
  readonly logProbabilities?: number
  /** Generates on when the end-of-text token comes; for measurements. */
  readonly ignoreEnd?: boolean
  /** A directory with LoRA weights: adapter_model.safetensors and adapter_config.json. */
  readonly adapter?: string
}

/** By the model alone: before penalties, bias, temperature and constraint. */
export interface TokenLogProbability {
  readonly token: number
  readonly logProbability: number
  readonly top: readonly { readonly token: number; readonly logProbability: number }[]
}

export interface TokenEvent {
  readonly token: number
  /** Text that this token makes final: it may be empty, and a later event brings what was held back. */
  readonly text: string
  readonly logProbability?: TokenLogProbability
}

/** `context`: the model's context is full. `complete`: the constraint admits nothing more. */
export type FinishReason = 'eos' | 'stop' | 'length' | 'context' | 'complete'

export interface Generation {
  /** Without an end-of-text token; the last ones may be those of a stop string. */
  readonly tokens: readonly number[]
  readonly text: string
  readonly finish: FinishReason
  readonly logProbabilities?: readonly TokenLogProbability[]
  /** Of the prompt, how many were found in the cache of an earlier request. */
  readonly cachedTokens: number
}

export interface ScoreRequest {
  /** At least one token. */
  readonly context: readonly number[]
  readonly continuation: readonly number[]
}

export interface Score {
  /** Natural-log probability of each token of the continuation, given all before it. */
  readonly logProbabilities: Float32Array
  /** Whether every token of the continuation is the most likely one at its place. */
  readonly greedy: boolean
}

export interface LanguageModel {
  readonly card: LanguageCard
  readonly tokenizer: LanguageTokenizer
  /** Bytes of weights and of caches, as far as they are known. */
  residentBytes(): number
  /**
   * Teacher forcing. Requests that begin alike share the work. Throws CONTEXT_TOO_LONG where context and continuation do
   * not fit the model, INVALID_ARGUMENT for empty ones or tokens outside the vocabulary.
   */
  score(requests: readonly ScoreRequest[], signal: AbortSignal): Promise<readonly Score[]>
  /**
   * Generates for all requests at once, in as many rows as fit; calls of it share steps. `onToken` is told as tokens come,
   * by the request's index. Throws for the first request that fails: CONTEXT_TOO_LONG, CONSTRAINT_UNSUPPORTED,
   * INVALID_ARGUMENT.
   */
  generate(
    requests: readonly GenerateRequest[],
    signal: AbortSignal,
    onToken?: (index: number, event: TokenEvent) => void,
  ): Promise<readonly Generation[]>
  /**
   * Lets go of what earlier requests left in the caches: the rounding of what comes next does not depend on them. Nothing is
   * let go while texts are being generated.
   */
  forget(): void
  close(): Promise<void>
}

export interface LanguageModelInit {
  /** Threads of one operator. */
  readonly threads: number
  /** Most rows of one step; 8 if absent. */
  readonly maxBatch?: number
  /** Most bytes of key and value caches; what does not fit waits. 1 GiB if absent. */
  readonly cacheBytes?: number
  /** Makes requests with an adapter possible, for models that take them; every step is slower then. False if absent. */
  readonly adapters?: boolean
}
