/** tokenizer.json in Hugging Face's format: read with bounds, checked, and given to @huggingface/tokenizers. */
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'

const MAX_FILE_BYTES = 64 * 2 ** 20
const MAX_TOKENS = 2 ** 22
const MAX_TOKEN_UNITS = 4096
const SPACE_MARK = '▁'
/** A space mark after anything else: where no piece has one, no piece reaches over a boundary of words. */
const MARK_INSIDE = /[^▁]▁/
const WORD_STARTS = /(?<=[^▁])(?=▁)/u
const MARKS = /(?=▁)/u

/** The error for a tokenizer that cannot be used; `field` is the key of tokenizer.json. */
export const invalidTokenizer = (field: string, problem: string, cause?: unknown): VillageError =>
  new VillageError('TOKENIZER_INVALID', `The tokenizer's ${field} ${problem}.`, { cause, fields: { field } })

type PreTokenize = (text: string, options?: object) => string[]

/** What is used of @huggingface/tokenizers; its own declarations do not resolve as ES modules. */
export interface LibraryTokenizer {
  encode(
    text: string,
    init: { add_special_tokens: boolean },
  ): { readonly ids: readonly (number | undefined)[]; readonly tokens: readonly string[] }
  decode(ids: readonly number[]): string
  token_to_id(token: string): number | undefined
  get_vocab(): ReadonlyMap<string | undefined, number>
  pre_tokenizer: PreTokenize | null
}

export interface LoadedTokenizer {
  readonly library: LibraryTokenizer
  readonly json: JsonObject
  /** Largest id plus 1; ids of no token are empty strings. */
  readonly strings: readonly string[]
  readonly specialIds: ReadonlySet<number>
}

/** Throws TOKENIZER_INVALID with the field that is wrong. `longTexts` makes texts of any length cheap where that is exact. */
export function readTokenizerFile(path: string, init: { longTexts?: boolean } = {}): LoadedTokenizer {
  const json = readJson(path)
  const model = json.model
  if (!isJsonObject(model)) throw invalidTokenizer('model', 'is missing')
  const size = checkVocabulary(model)
  const { added, specialIds } = checkAddedTokens(json.added_tokens ?? [])
  const complete = {
    ...json,
    added_tokens: json.added_tokens ?? [],
    normalizer: json.normalizer ?? null,
    pre_tokenizer: json.pre_tokenizer ?? null,
    post_processor: json.post_processor ?? null,
    decoder: json.decoder ?? null,
  }
  for (const part of ['normalizer', 'pre_tokenizer', 'decoder'] as const)
    checkPatterns(complete[part] ?? null, part)
  let library: LibraryTokenizer
  try {
    library = new Tokenizer(complete, { clean_up_tokenization_spaces: false })
  } catch (error) {
    throw invalidTokenizer('content', 'is not understood', error)
  }
  const strings = new Array<string>(Math.max(size, ...added.map(({ id }) => id + 1))).fill('')
  for (const [token, id] of library.get_vocab()) strings[id] = token ?? ''
  if (init.longTexts === true) splitWords(library, json, strings)
  return { library, json, strings, specialIds }
}

function readJson(path: string): JsonObject {
  let json: unknown
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw invalidTokenizer('file', `is larger than ${MAX_FILE_BYTES} bytes`)
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof VillageError) throw error
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw invalidTokenizer(
      'file',
      isMissing ? `${basename(path)} is missing` : 'cannot be read as JSON',
      error,
    )
  }
  if (!isJsonObject(json)) throw invalidTokenizer('file', 'is not a JSON object')
  return json
}

const isId = (id: unknown): id is number =>
  typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < MAX_TOKENS

const isPiece = (piece: unknown): piece is string =>
  typeof piece === 'string' && piece.length <= MAX_TOKEN_UNITS

/** Largest id plus 1. */
function checkVocabulary(model: JsonObject): number {
  const { vocab, merges } = model
  if (model.type !== undefined && !['BPE', 'WordPiece', 'Unigram'].includes(String(model.type)))
    throw invalidTokenizer('model.type', 'is none of BPE, WordPiece and Unigram')
  if (Array.isArray(vocab)) {
    const isRow = (row: unknown) => Array.isArray(row) && isPiece(row[0]) && typeof row[1] === 'number'
    if (vocab.length === 0 || vocab.length > MAX_TOKENS || !vocab.every(isRow))
      throw invalidTokenizer('model.vocab', 'is not a list of pieces and scores')
    if (
      model.unk_id !== undefined &&
      model.unk_id !== null &&
      !(isId(model.unk_id) && model.unk_id < vocab.length)
    )
      throw invalidTokenizer('model.unk_id', 'is not in the vocabulary')
    return vocab.length
  }
  if (!isJsonObject(vocab)) throw invalidTokenizer('model.vocab', 'is missing')
  let size = 0
  const pieces = Object.keys(vocab)
  for (const piece of pieces) {
    const id = vocab[piece]
    if (!isId(id) || !isPiece(piece)) throw invalidTokenizer('model.vocab', 'has an id that is not valid')
    size = Math.max(size, id + 1)
  }
  if (pieces.length === 0 || pieces.length > MAX_TOKENS)
    throw invalidTokenizer('model.vocab', 'is empty or too long')
  const isMerge = (merge: unknown) =>
    typeof merge === 'string' || (Array.isArray(merge) && merge.length === 2 && merge.every(isPiece))
  if (
    model.type === 'BPE' &&
    !(Array.isArray(merges) && merges.length <= MAX_TOKENS && merges.every(isMerge))
  )
    throw invalidTokenizer('model.merges', 'is not a list of pairs')
  return size
}

const isPattern = (pattern: JsonValue): boolean =>
  isJsonObject(pattern) && [pattern.Regex, pattern.String].some((text) => typeof text === 'string')

/** The library leaves out a step whose pattern it does not know, and says so on stderr. */
function checkPatterns(step: JsonValue, field: string): void {
  const steps: JsonValue[] = [step]
  for (let one = steps.pop(); one !== undefined; one = steps.pop()) {
    if (one === null || typeof one !== 'object') continue
    if (isJsonObject(one) && one.pattern !== undefined && !isPattern(one.pattern))
      throw invalidTokenizer(field, 'has a pattern that is not known')
    for (const value of Object.values(one)) steps.push(value)
  }
}

function checkAddedTokens(json: unknown): { added: { id: number }[]; specialIds: Set<number> } {
  const isToken = (token: unknown): token is { id: number; content: string; special?: boolean } =>
    isJsonObject(token) && isId(token.id) && isPiece(token.content) && token.content.length > 0
  if (!Array.isArray(json) || json.length > MAX_TOKENS || !json.every(isToken))
    throw invalidTokenizer('added_tokens', 'is not a list of tokens with id and content')
  return {
    added: json,
    specialIds: new Set(json.filter(({ special }) => special === true).map(({ id }) => id)),
  }
}

/**
 * Where a text of a SentencePiece-like tokenizer may be cut before its model sees it, or null.
 *
 * The library hands such a model a whole text at once: the cost then grows faster than the length, and a long text fails.
 * `Metaspace` cuts before every mark unless its `split` is false, which the library does not look at. Otherwise words are cut
 * off where that changes nothing: where no piece has a mark inside, no segmentation reaches over the start of a word.
 */
function cutsOf(json: JsonObject, strings: readonly string[]): RegExp | null {
  const model = json.model as JsonObject
  const preTokenizer = json.pre_tokenizer ?? null
  if (isJsonObject(preTokenizer) && preTokenizer.type === 'Metaspace') {
    const { split, replacement } = preTokenizer
    if ((replacement ?? SPACE_MARK) !== SPACE_MARK) return null
    if (split !== false) return MARKS
  } else if (preTokenizer !== null || model.type === 'WordPiece') return null
  const isSafe = strings.includes(SPACE_MARK) && !strings.some((piece) => MARK_INSIDE.test(piece))
  return isSafe ? WORD_STARTS : null
}

function splitWords(library: LibraryTokenizer, json: JsonObject, strings: readonly string[]): void {
  const cuts = cutsOf(json, strings)
  if (cuts === null) return
  const before = library.pre_tokenizer
  library.pre_tokenizer = (text, options) =>
    (before === null ? [text] : before(text, options)).flatMap((part) => part.split(cuts))
}
