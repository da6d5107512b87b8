/** Texts to the token ids that an encoder is fed: with the special tokens that its card wants, and cut to what it can take. */
import { join } from 'node:path'
import type { EncoderCard } from './model-card.ts'
import { TOKENIZER_FILE } from './model-files.ts'
import { loadLanguageTokenizer, loadTokenizer } from './tokenizer.ts'

export type EncoderTokens = (text: string) => { readonly ids: readonly number[]; readonly truncated: boolean }

/** A text is cut here first: no encoder takes the tokens of more. */
const MAX_TEXT_UNITS = 32 * 1024

/** Throws TOKENIZER_INVALID. A text that is cut keeps the special tokens at both its ends. */
export function createEncoderTokens(modelDir: string, card: EncoderCard): EncoderTokens {
  const { maxTokens, specialTokens } = card
  if (!specialTokens) {
    const tokenizer = loadTokenizer(join(modelDir, TOKENIZER_FILE))
    return (text) => {
      const ids = tokenizer.encode(text, maxTokens + 1)
      return {
        ids: ids.slice(0, maxTokens),
        truncated: ids.length > maxTokens || text.length > MAX_TEXT_UNITS,
      }
    }
  }
  const tokenizer = loadLanguageTokenizer(modelDir)
  return (text) => {
    const cut = text.slice(0, MAX_TEXT_UNITS)
    const whole = tokenizer.encode(cut, { specialTokens: true })
    const truncated = text.length > MAX_TEXT_UNITS
    if (whole.length <= maxTokens) return { ids: whole, truncated }
    const plain = tokenizer.encode(cut)
    const special = whole.length - plain.length
    let before = 0
    while (before < special && !plain.every((id, at) => whole[before + at] === id)) before++
    const kept = plain.slice(0, Math.max(0, maxTokens - special))
    return {
      ids: [...whole.slice(0, before), ...kept, ...whole.slice(before + plain.length)].slice(0, maxTokens),
      truncated: true,
    }
  }
}
