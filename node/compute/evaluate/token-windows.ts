/**
 * From texts to the tokens that a model is asked about, as lm-evaluation-harness does it: where context and
 * continuation part, what is cut off when they are too long, and the windows over a long text.
 */
import { VillageError } from '../../errors.ts'
import type { LanguageCard } from '../models/language-card.ts'
import type { LanguageTokenizer } from '../models/tokenizer.ts'

export interface TokenPair {
  readonly context: readonly number[]
  readonly continuation: readonly number[]
}

export interface Prompting {
  /** With what the tokenizer puts before every text, if it does. */
  encode(text: string): number[]
  encodeBare(text: string): number[]
  /** Of encode(text); the last one is remembered. */
  lengthOf(text: string): number
  /** Stands for the empty context. Throws MODEL_CARD_INVALID for a model without such a token. */
  startToken(): number
  readonly contextTokens: number
}

export function createPrompting(init: {
  card: Pick<LanguageCard, 'bosToken' | 'eosTokens' | 'contextTokens'>
  tokenizer: Pick<LanguageTokenizer, 'encode'>
}): Prompting {
  const { card, tokenizer } = init
  // A tokenizer may put tokens at the end as well: those would stand between context and continuation.
  const begins = card.bosToken !== null && tokenizer.encode('a', { specialTokens: true })[0] === card.bosToken
  const encodeBare = (text: string) => tokenizer.encode(text, { specialTokens: false })
  // The choices of an item have one context, one after the other.
  let last: { readonly text: string; readonly length: number } | null = null
  const encode = (text: string) => (begins ? [card.bosToken!, ...encodeBare(text)] : encodeBare(text))
  return {
    encodeBare,
    encode,
    lengthOf(text) {
      if (last?.text !== text) last = { text, length: encode(text).length }
      return last.length
    },
    startToken() {
      const start = card.bosToken ?? card.eosTokens[0]
      if (start === undefined)
        throw new VillageError(
          'MODEL_CARD_INVALID',
          'The model has no token to begin a text with: neither "bosToken" nor "eosTokens" says one',
        )
      return start
    },
    contextTokens: card.contextTokens,
  }
}

/**
 * Context and continuation are encoded together and parted where the context alone ends, so that tokens that span the
 * border are the continuation's; spaces at the end of the context go with the continuation.
 */
export function encodePair(prompting: Prompting, context: string, continuation: string): TokenPair {
  if (context === '')
    return { context: [prompting.startToken()], continuation: prompting.encodeBare(continuation) }
  const bare = context.trimEnd()
  const moved = context.slice(bare.length) + continuation
  const whole = prompting.encode(bare + moved)
  const border = prompting.lengthOf(bare)
  // Everything merged into the context's tokens, or a context of spaces alone: the last token has to be asked about.
  const from = Math.min(Math.max(border, 0), whole.length - 1)
  if (from < 1) return { context: [prompting.startToken()], continuation: whole }
  return { context: whole.slice(0, from), continuation: whole.slice(from) }
}

/** Cuts the beginning of the context where both are too long. `dropped`: how many tokens. */
export function fitPair(pair: TokenPair, contextTokens: number): TokenPair & { readonly dropped: number } {
  const dropped = Math.max(0, pair.context.length + pair.continuation.length - 1 - contextTokens)
  if (dropped >= pair.context.length)
    throw new VillageError(
      'EVALUATION_DATA_INVALID',
      `A continuation of ${pair.continuation.length} tokens does not fit the ${contextTokens} of the model`,
    )
  return { context: pair.context.slice(dropped), continuation: pair.continuation, dropped }
}

/**
 * The windows in which a long text is scored, each token once. The first has as many tokens as the model takes; every
 * further one moves on by `stride` and gives its tokens all the context that there is room for. With the full stride
 * (null) the windows share nothing but the last one, which gets a full context.
 */
export function rollingWindows(
  tokens: readonly number[],
  init: { startToken: number; contextTokens: number; stride: number | null },
): TokenPair[] {
  const { startToken, contextTokens } = init
  const stride = Math.min(init.stride ?? contextTokens, contextTokens)
  const windows: TokenPair[] = []
  let predicted = 0
  while (predicted < tokens.length) {
    const count = Math.min(predicted === 0 ? contextTokens : stride, tokens.length - predicted)
    const end = predicted + count
    // The model is fed all but the last token of the window: contextTokens of them at most.
    const from = Math.max(-1, end - contextTokens - 1)
    const context = from === -1 ? [startToken, ...tokens.slice(0, predicted)] : tokens.slice(from, predicted)
    windows.push({ context, continuation: tokens.slice(predicted, end) })
    predicted = end
  }
  return windows
}
