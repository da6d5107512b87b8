/** Texts to token ids and back, by the tokenizer.json of a model. */
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import { TOKENIZER_FILE } from './model-files.ts'
import { createStreamDecoder, type StreamDecoder } from './stream-decoder.ts'
import { invalidTokenizer, type LibraryTokenizer, readTokenizerFile } from './tokenizer-file.ts'

/** A text for an encoder is cut here first: no tokenizer makes its few hundred tokens of more. */
const MAX_ENCODER_UNITS = 32 * 1024
/** Of a text for a language model, in UTF-16 units. */
export const MAX_TEXT_UNITS = 4 * 2 ** 20

export interface TextTokenizer {
  /** Token ids of a text, at most `maxTokens`; nothing is added at its ends. */
  encode(text: string, maxTokens: number): number[]
}

export interface LanguageTokenizer {
  /**
   * Token ids of a text. Special tokens that stand in the text are recognised; `specialTokens` adds those of the tokenizer's
   * post-processor at the ends. Throws INVALID_ARGUMENT for a text longer than MAX_TEXT_UNITS.
   */
  encode(text: string, init?: { specialTokens?: boolean }): number[]
  /** Text of the tokens as it is, no spaces tidied away; ids of no token give nothing. */
  decode(tokens: readonly number[], init?: { skipSpecial?: boolean }): string
  /** Special tokens give no text. The parts put together are decode(tokens, { skipSpecial: true }). */
  stream(): StreamDecoder
  /** Largest id plus 1. */
  readonly vocabulary: number
  tokenOf(text: string): number | undefined
  /** Raw vocabulary strings by id (byte-level or with byte tokens, as stored); empty for ids of no token. */
  vocabularyStrings(): readonly string[]
}

/** Loads the tokenizer.json of an encoder; TOKENIZER_INVALID where it is not one. */
export function loadTokenizer(path: string): TextTokenizer {
  const { library } = readTokenizerFile(path)
  const encode = createEncode(library, null)
  return { encode: (text, maxTokens) => encode(text.slice(0, MAX_ENCODER_UNITS), false).slice(0, maxTokens) }
}

/** Loads the tokenizer.json of a language model; TOKENIZER_INVALID names the field that is wrong. */
export function loadLanguageTokenizer(modelDir: string): LanguageTokenizer {
  const { library, json, strings, specialIds } = readTokenizerFile(join(modelDir, TOKENIZER_FILE), {
    longTexts: true,
  })
  const byteTokens = isJsonObject(json.model) && json.model.byte_fallback === true ? byteIds(strings) : null
  const encode = createEncode(library, byteTokens)
  const ids = new Map<string, number>()
  for (const [id, text] of strings.entries()) if (text.length > 0) ids.set(text, id)

  function decode(tokens: readonly number[], skipSpecial: boolean): string {
    const known = tokens.filter((id) => strings[id] !== undefined && strings[id] !== '')
    const shown = skipSpecial ? known.filter((id) => !specialIds.has(id)) : known
    return shown.length === 0 ? '' : library.decode(shown)
  }

  return {
    encode(text, init = {}) {
      if (text.length > MAX_TEXT_UNITS)
        throw new VillageError('INVALID_ARGUMENT', `A text has at most ${MAX_TEXT_UNITS} characters`, {
          fields: { argument: 'text' },
        })
      return encode(text, init.specialTokens ?? false)
    },
    decode: (tokens, init = {}) => decode(tokens, init.skipSpecial ?? false),
    stream: () => createStreamDecoder((tokens) => decode(tokens, true)),
    vocabulary: strings.length,
    tokenOf: (text) => ids.get(text),
    vocabularyStrings: () => strings,
  }
}

/** Ids of `<0x00>` to `<0xFF>`, or null where one is missing. */
function byteIds(strings: readonly string[]): number[] | null {
  const at = new Map(strings.map((text, id) => [text, id]))
  const found = Array.from({ length: 256 }, (_, byte) =>
    at.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  )
  return found.every((id) => id !== undefined) ? found : null
}

/** `byteTokens`: what is in no piece becomes its bytes; the library does so for BPE alone. */
function createEncode(
  library: LibraryTokenizer,
  byteTokens: readonly number[] | null,
): (text: string, specialTokens: boolean) => number[] {
  const utf8 = new TextEncoder()
  return (text, specialTokens) => {
    if (text.length === 0 && !specialTokens) return []
    try {
      const { ids, tokens } = library.encode(text, { add_special_tokens: specialTokens })
      const known = (id: number | undefined) => (id === undefined ? [] : [id])
      if (byteTokens === null) return ids.flatMap(known)
      return ids.flatMap((id, index) => {
        const token = tokens[index]!
        if (library.token_to_id(token) !== undefined) return known(id)
        return Array.from(utf8.encode(token), (byte) => byteTokens[byte]!)
      })
    } catch (error) {
      throw invalidTokenizer('rules', 'cannot be applied to a text', error)
    }
  }
}
