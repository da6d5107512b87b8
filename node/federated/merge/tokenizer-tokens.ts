/** The tokens of a tokenizer.json (Hugging Face): which text has which id. Read with bounds; the file may come from anybody. */
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { TOKENIZER_FILE } from '../../compute/models/model-files.ts'
import { invalidTokenizer } from '../../compute/models/tokenizer-file.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'

const MAX_BYTES = 64 * 2 ** 20
const MAX_TOKENS = 2 ** 22

export interface AddedToken extends JsonObject {
  readonly id: number
  readonly content: string
}

export interface TokenizerTokens {
  readonly json: JsonObject
  readonly model: JsonObject
  readonly added: readonly AddedToken[]
  /** Ids by text, the vocabulary's and those that were added. */
  readonly ids: ReadonlyMap<string, number>
  /** Largest id plus 1. */
  readonly size: number
}

const isId = (id: unknown): id is number =>
  Number.isInteger(id) && (id as number) >= 0 && (id as number) < MAX_TOKENS

/** Null where the directory has no tokenizer.json. Throws TOKENIZER_INVALID. */
export function readTokens(directory: string): TokenizerTokens | null {
  const file = path.join(directory, TOKENIZER_FILE)
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return null
  if (!stats.isFile() || stats.size > MAX_BYTES)
    throw invalidTokenizer('file', `is larger than ${MAX_BYTES} bytes`)
  let json: JsonValue
  try {
    json = JSON.parse(readFileSync(file, 'utf8')) as JsonValue
  } catch (error) {
    throw new VillageError('TOKENIZER_INVALID', `${TOKENIZER_FILE} cannot be read as JSON`, { cause: error })
  }
  if (!isJsonObject(json)) throw invalidTokenizer('file', 'is not a JSON object')
  return parseTokens(json)
}

/** Throws TOKENIZER_INVALID naming the field. */
export function parseTokens(json: JsonObject): TokenizerTokens {
  const model = json.model ?? null
  if (!isJsonObject(model)) throw invalidTokenizer('model', 'is missing')
  const ids = new Map<string, number>()
  for (const [text, id] of vocabularyOf(model)) {
    if (!isId(id)) throw invalidTokenizer('model.vocab', 'has an id that is not valid')
    ids.set(text, id)
  }
  const added = json.added_tokens ?? []
  const isAdded = (token: JsonValue): token is AddedToken =>
    isJsonObject(token) && isId(token.id) && typeof token.content === 'string'
  if (!Array.isArray(added) || !added.every(isAdded))
    throw invalidTokenizer('added_tokens', 'is not a list of tokens with id and content')
  for (const { content, id } of added) ids.set(content, id)
  let size = 0
  for (const id of ids.values()) size = Math.max(size, id + 1)
  return { json, model, added, ids, size }
}

function* vocabularyOf({ vocab }: JsonObject): Generator<[string, JsonValue]> {
  if (isJsonObject(vocab ?? null)) {
    yield* Object.entries(vocab as JsonObject)
    return
  }
  if (!Array.isArray(vocab)) throw invalidTokenizer('model.vocab', 'is missing')
  for (const [id, row] of (vocab as readonly JsonValue[]).entries()) {
    if (!Array.isArray(row) || typeof row[0] !== 'string')
      throw invalidTokenizer('model.vocab', 'is not a list of pieces and scores')
    yield [row[0], id]
  }
}
