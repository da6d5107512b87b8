/**
 * A byte-level byte-pair encoding, trained on a sample of the curriculum and written as a Hugging Face `tokenizer.json`
 * (model BPE, Sennrich et al. 2016, arXiv 1508.07909; bytes as printable characters like GPT-2). Any text encodes: what
 * the curriculum never had falls apart into bytes. Digits stay single, so that arithmetic has columns to look at, and
 * each letter after a space is a token, so that spelt words are one token a letter.
 */
export const END_OF_TEXT = '<|end|>'

/** A digit; a word with the space before it; other signs with the space before them; other white space. */
export const SPLIT_PATTERN = '\\p{N}| ?\\p{L}+| ?[^\\s\\p{L}\\p{N}]+|\\s+'

export interface TokenizerFile {
  readonly version: '1.0'
  readonly truncation: null
  readonly padding: null
  readonly added_tokens: readonly unknown[]
  readonly normalizer: null
  readonly pre_tokenizer: unknown
  readonly post_processor: null
  readonly decoder: unknown
  readonly model: {
    readonly type: 'BPE'
    readonly dropout: null
    readonly unk_token: null
    readonly continuing_subword_prefix: null
    readonly end_of_word_suffix: null
    readonly fuse_unk: false
    readonly byte_fallback: false
    readonly ignore_merges: false
    readonly vocab: Readonly<Record<string, number>>
    readonly merges: readonly (readonly [string, string])[]
  }
}

/** GPT-2's table: printable Latin-1 bytes stand for themselves, the others for the characters from U+0100 on. */
export function byteCharacters(): string[] {
  const characters: string[] = []
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    characters.push(String.fromCodePoint(printable ? byte : next++))
  }
  return characters
}

interface Word {
  parts: string[]
  readonly count: number
}

function countWords(texts: Iterable<string>): Word[] {
  const characters = byteCharacters()
  const pattern = new RegExp(SPLIT_PATTERN, 'gu')
  const counts = new Map<string, number>()
  for (const text of texts)
    for (const [piece] of text.matchAll(pattern)) counts.set(piece, (counts.get(piece) ?? 0) + 1)
  return [...counts].map(([piece, count]) => ({
    parts: [...Buffer.from(piece, 'utf8')].map((byte) => characters[byte]!),
    count,
  }))
}

function applyMerge(word: Word, left: string, right: string): void {
  const merged: string[] = []
  for (let at = 0; at < word.parts.length; at++) {
    const both = word.parts[at] === left && word.parts[at + 1] === right
    merged.push(both ? left + right : word.parts[at]!)
    if (both) at++
  }
  word.parts = merged
}

/** The most frequent neighbours; of equals the first in code point order, so that training is deterministic. */
function bestPair(words: readonly Word[]): { pair: [string, string]; count: number } | null {
  const counts = new Map<string, number>()
  for (const { parts, count } of words)
    for (let at = 0; at + 1 < parts.length; at++) {
      const key = `${parts[at]} ${parts[at + 1]}`
      counts.set(key, (counts.get(key) ?? 0) + count)
    }
  let best: string | null = null
  for (const [key, count] of counts) {
    const lead = best === null ? 1 : count - counts.get(best)!
    if (lead > 0 || (lead === 0 && key < best!)) best = key
  }
  if (best === null) return null
  const [left, right] = best.split(' ')
  return { pair: [left!, right!], count: counts.get(best)! }
}

/**
 * @param texts a sample of the curriculum
 * @param vocabulary number of tokens in all: 1 special, 256 bytes, the rest merges
 */
export function trainTokenizer(texts: Iterable<string>, vocabulary: number): TokenizerFile {
  const words = countWords(texts)
  const tokens = [END_OF_TEXT, ...byteCharacters()]
  const merges: [string, string][] = []
  const merge = (left: string, right: string) => {
    for (const word of words) applyMerge(word, left, right)
    merges.push([left, right])
    tokens.push(left + right)
  }
  const space = byteCharacters()[0x20]!
  for (const letter of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ') merge(space, letter)
  while (tokens.length < vocabulary) {
    const best = bestPair(words)
    if (best === null) break
    merge(...best.pair)
  }
  return tokenizerFile(tokens, merges)
}

function tokenizerFile(tokens: readonly string[], merges: readonly [string, string][]): TokenizerFile {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: 0,
        content: END_OF_TEXT,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: SPLIT_PATTERN }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  }
}
