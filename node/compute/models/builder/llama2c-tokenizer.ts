/**
 * The tokenizer of llama2.c (its tokenizer.bin, written by tokenizer.py) as a tokenizer.json in Hugging Face's format.
 *
 * The file: the longest piece in bytes (int32), then for each token its score (float32), its length (int32) and its bytes, all
 * little-endian; the number of tokens stands in the checkpoint. It is a SentencePiece BPE with byte fallback: ids 0 to 2 are
 * <unk>, <s> and </s>, ids 3 to 258 the bytes, the rest pieces in which a space is a space.
 */
import { VillageError } from '../../../errors.ts'
import type { JsonObject } from '../../../json.ts'

const SPECIAL = ['<unk>', '<s>', '</s>'] as const
const FIRST_BYTE = SPECIAL.length
const FIRST_PIECE = FIRST_BYTE + 256
/** Far longer than any that SentencePiece makes; every split of each is tried. */
const MAX_PIECE_BYTES = 256
/** SentencePiece's sign for a space. */
const SPACE = '▁'

export interface Piece {
  readonly text: string
  /** The pair with the highest score is merged first. */
  readonly score: number
}

function invalid(what: string): VillageError {
  return new VillageError('MODEL_CHECKPOINT_INVALID', `The tokenizer of llama2.c ${what}.`)
}

/** Reads the pieces after the special tokens and bytes. Throws MODEL_CHECKPOINT_INVALID. */
export function readLlama2cPieces(bytes: Uint8Array, vocabulary: number): Piece[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const pieces: Piece[] = []
  let at = 4
  for (let token = 0; token < vocabulary; token++) {
    if (at + 8 > bytes.length) throw invalid(`ends after ${token} of ${vocabulary} tokens`)
    const score = view.getFloat32(at, true)
    const length = view.getInt32(at + 4, true)
    at += 8
    if (length < 0 || length > MAX_PIECE_BYTES || at + length > bytes.length || !Number.isFinite(score))
      throw invalid(`has a token ${token} that is not valid`)
    let text: string
    try {
      text = utf8.decode(bytes.subarray(at, at + length))
    } catch {
      throw invalid(`has a token ${token} that is not UTF-8`)
    }
    at += length
    if (token >= FIRST_BYTE && token < FIRST_PIECE) {
      if (text !== byteToken(token - FIRST_BYTE)) throw invalid(`has no byte as token ${token}`)
    } else if (token >= FIRST_PIECE) pieces.push({ text, score })
  }
  if (at !== bytes.length) throw invalid(`goes on after its ${vocabulary} tokens`)
  return pieces
}

const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

/**
 * tokenizer.json of a SentencePiece BPE with byte fallback. A merge is any two tokens that make a third one; those that make
 * the one with the highest score come first. Throws MODEL_CHECKPOINT_INVALID for pieces that are not all different.
 */
export function sentencePieceTokenizer(pieces: readonly Piece[]): JsonObject {
  const names = [
    ...SPECIAL,
    ...Array.from({ length: 256 }, (_, byte) => byteToken(byte)),
    ...pieces.map(({ text }) => text.replaceAll(' ', SPACE)),
  ]
  const vocab = Object.fromEntries(names.map((name, id) => [name, id]))
  if (Object.keys(vocab).length !== names.length || names.includes(''))
    throw invalid('has a token that is empty or there twice')
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: SPACE },
        { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [
        { SpecialToken: { id: '<s>', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '<s>', type_id: 1 } },
        { Sequence: { id: 'B', type_id: 1 } },
      ],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: mergesOf(pieces, new Set(names.slice(FIRST_PIECE))),
    },
  }
}

/** Every way to split a piece in two pieces, best score first; of one piece the shortest left part first. */
function mergesOf(pieces: readonly Piece[], known: ReadonlySet<string>): [string, string][] {
  const merges: [string, string][] = []
  for (const { text } of [...pieces].sort((a, b) => b.score - a.score)) {
    const whole = text.replaceAll(' ', SPACE)
    let split = 0
    for (const letter of whole) {
      if (split > 0 && known.has(whole.slice(0, split)) && known.has(whole.slice(split)))
        merges.push([whole.slice(0, split), whole.slice(split)])
      split += letter.length
    }
  }
  return merges
}
