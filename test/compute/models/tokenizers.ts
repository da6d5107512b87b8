/** A small tokenizer.json of each family, with the segmentations that its rules give worked out by hand. */
import type { JsonObject } from '../../../node/json.ts'

const BASE = { version: '1.0', truncation: null, padding: null }
const special = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
})
const vocabulary = (pieces: readonly string[]) => Object.fromEntries(pieces.map((piece, id) => [piece, id]))

/** GPT-2's letters for bytes: printable ones stand for themselves, the others follow from U+0100 on. */
function byteLetters(): string[] {
  const isPlain = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : next++))
}

/** Byte-level BPE, as GPT-2, Llama 3 and Qwen have it: 256 bytes, five merges, two special tokens. */
export function byteLevelBpe(): JsonObject {
  const merges = ['l l', 'h e', 'Ġ w', 'he ll', 'hell o']
  const pieces = [...byteLetters(), ...merges.map((pair) => pair.replace(' ', ''))]
  return {
    ...BASE,
    added_tokens: [special(pieces.length, '<|begin|>'), special(pieces.length + 1, '<|end|>')],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<|begin|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<|begin|>': { id: '<|begin|>', ids: [pieces.length], tokens: ['<|begin|>'] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      vocab: vocabulary(pieces),
      merges,
      byte_fallback: false,
    },
  }
}

const BYTES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
)

/** SentencePiece BPE with byte fallback, as Llama 2 and Mistral have it. */
export function sentencePieceBpe(): JsonObject {
  const merges = [
    ['▁', 'a'],
    ['c', 'a'],
    ['ca', 't'],
    ['▁', 'cat'],
  ]
  const pieces = [
    '<unk>',
    '<s>',
    '</s>',
    ...BYTES,
    '▁',
    'a',
    'c',
    't',
    's',
    ...merges.map((pair) => pair.join('')),
  ]
  return {
    ...BASE,
    added_tokens: [special(0, '<unk>'), special(1, '<s>'), special(2, '</s>')],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: vocabulary(pieces),
      merges,
    },
  }
}

/** Unigram, as T5 and XLM-R have it; with byte tokens where `bytes` is set. */
export function unigram({ bytes = false } = {}): JsonObject {
  const pieces: [string, number][] = [
    ['<unk>', 0],
    ['▁', -3],
    ['▁the', -2],
    ['▁cat', -4],
    ['c', -5],
    ['a', -5],
    ['t', -5],
    ['at', -4.5],
    ['s', -4],
    ...(bytes ? BYTES.map((piece): [string, number] => [piece, -20]) : []),
  ]
  return {
    ...BASE,
    added_tokens: [special(0, '<unk>')],
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: null,
    decoder: bytes
      ? {
          type: 'Sequence',
          decoders: [
            { type: 'ByteFallback' },
            { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
          ],
        }
      : { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    model: { type: 'Unigram', unk_id: 0, vocab: pieces, byte_fallback: bytes },
  }
}

/** WordPiece, as BERT has it. */
export function wordPiece(): JsonObject {
  const pieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'the', 'cat', '##s', 'sat', '.', 'un', '##able']
  return {
    ...BASE,
    added_tokens: [0, 1, 2, 3].map((id) => special(id, pieces[id]!)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: {},
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: vocabulary(pieces),
    },
  }
}
