/** A tokenizer.json for tiny models: three special tokens, 256 bytes, the printable characters, a few words. */
import { type Piece, sentencePieceTokenizer } from '../../node/compute/models/builder/llama2c-tokenizer.ts'
import type { JsonObject } from '../../node/json.ts'

const WORDS = [
  ' t',
  'he',
  ' the',
  ' a',
  'in',
  ' in',
  're',
  'on',
  ' on',
  'ed',
  'nd',
  ' and',
  'at',
  ' c',
  ' cat',
  's ',
]

export function byteTokenizer(): JsonObject {
  const letters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))
  const texts = [...WORDS, ...letters]
  const pieces: Piece[] = texts.map((text, index) => ({ text, score: -index }))
  return sentencePieceTokenizer(pieces)
}

export const BYTE_TOKENIZER_VOCABULARY = 3 + 256 + 95 + WORDS.length
