import { readFileSync, statSync } from 'node:fs'
import { Tokenizer } from '@huggingface/tokenizers'
import { VillageError } from '../../errors.ts'

const MAX_FILE_BYTES = 32 * 1024 * 1024
/** A text longer than this is cut first: no tokenizer makes its few hundred tokens of more. */
const MAX_TEXT_UNITS = 32 * 1024

export interface TextTokenizer {
  /** Token ids of a text, at most `maxTokens`; nothing is added at its ends. */
  encode(text: string, maxTokens: number): number[]
}

/** Loads a tokenizer.json in Hugging Face's format; MODEL_CARD_INVALID where it is not one. */
export function loadTokenizer(path: string): TextTokenizer {
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw new VillageError(
        'MODEL_CARD_INVALID',
        `The tokenizer file is larger than ${MAX_FILE_BYTES} bytes.`,
      )
    const tokenizer = new Tokenizer(JSON.parse(readFileSync(path, 'utf8')) as object, {})
    return {
      encode(text, maxTokens) {
        return tokenizer
          .encode(text.slice(0, MAX_TEXT_UNITS), { add_special_tokens: false })
          .ids.slice(0, maxTokens)
      },
    }
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw new VillageError('MODEL_CARD_INVALID', 'The tokenizer file cannot be read.', { cause: error })
  }
}
