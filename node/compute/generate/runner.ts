/**
 * How a graph is driven: rows of tokens, each with its cache of keys and values. There is one runner for each layout of
 * LanguageCard; batching, sampling and scoring see only this.
 */
import type { Tensors } from './language-session.ts'

/** LoRA matrices of all modules of a card, as feeds. */
export interface LoadedAdapter {
  readonly feeds: Tensors
}

export interface Runner {
  /** Bytes of caches that are held now. */
  cacheBytes(): number
  /** Bytes of caches that so many rows of so many tokens would take. */
  bytesOf(rows: number, tokens: number): number
  /** Makes room for as many rows, of at least as many tokens each; what the rows hold stays. */
  reserve(rows: number, tokens: number): void
  /** Gives all caches back. */
  clear(): void
  /**
   * Puts `tokens` from index `from` on behind what the row holds (its first `from` tokens), a piece at a time, and hands the
   * logits of every token from index `firstLogit` on to `visit`, in order. They are good until `visit` has ended.
   */
  extend(init: {
    readonly row: number
    readonly tokens: readonly number[]
    readonly from: number
    readonly firstLogit: number
    readonly adapter: LoadedAdapter | null
    readonly signal: AbortSignal
    visit(index: number, logits: Float32Array): void | Promise<void>
  }): Promise<void>
  /**
   * One token for each of the first rows: `tokens[row]` at the place `lengths[row]`. Returns logits, rows × vocabulary, good
   * until the next call.
   */
  step(
    tokens: readonly number[],
    lengths: readonly number[],
    adapter: LoadedAdapter | null,
  ): Promise<Float32Array>
  /** The first `tokens` tokens that a row holds go to another row as well. */
  copy(from: number, to: number, tokens: number): void
}

/** Tokens of one piece of a prompt: a cancelled request waits for no more than that. */
export const CHUNK_TOKENS = 256
/** Logits that one piece may give, in numbers: 32 MiB. */
const MAX_CHUNK_LOGITS = 8 * 2 ** 20

/** Cuts `tokens` from `from` on into pieces; where logits are wanted the pieces are as short as a large vocabulary needs. */
export function pieces(
  total: number,
  from: number,
  firstLogit: number,
  vocabulary: number,
): { start: number; end: number; firstLogit: number }[] {
  const most = Math.max(1, Math.min(CHUNK_TOKENS, Math.floor(MAX_CHUNK_LOGITS / vocabulary)))
  const cut: { start: number; end: number; firstLogit: number }[] = []
  for (let start = from; start < total; ) {
    const plain = Math.min(total, start + CHUNK_TOKENS)
    const end = plain <= firstLogit ? plain : Math.min(plain, Math.max(start, firstLogit) + most)
    cut.push({ start, end, firstLogit: Math.min(end, Math.max(start, firstLogit)) })
    start = end
  }
  return cut
}
