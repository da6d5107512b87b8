/** Which tokenizer a merge gets, and which row of each model's embedding belongs to which of its tokens. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { readConfigFile } from '../../compute/models/builder/config-fields.ts'
import {
  CHAT_TEMPLATE_FILE,
  CONFIG_FILE,
  GENERATION_CONFIG_FILE,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
} from '../../compute/models/model-files.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { isByToken } from './layer-names.ts'
import type { Recipe } from './recipe.ts'
import { invalidRecipe } from './recipe-fields.ts'
import type { TensorSource } from './tensor-source.ts'
import { alignedRules, placesOf, type TokenAlignment } from './token-rows.ts'
import type { TokenizerRecipe } from './tokenizer-recipe.ts'
import { readTokens, type TokenizerTokens } from './tokenizer-tokens.ts'
import { unionTokenizer } from './tokenizer-union.ts'

export interface TokenizerOfMerge {
  readonly alignment: TokenAlignment
  /** Files of the output that are not the template's, by name. */
  readonly files: ReadonlyMap<string, string>
  /** Ids of special tokens in config.json, where another model than the template leads. */
  readonly config: JsonObject
}

/** What tells how a tokenizer is used, and goes along with it. */
const LEAD_FILES = [
  GENERATION_CONFIG_FILE,
  TOKENIZER_CONFIG_FILE,
  CHAT_TEMPLATE_FILE,
  'special_tokens_map.json',
] as const
const SPECIAL_KEYS = ['bos_token_id', 'eos_token_id', 'pad_token_id'] as const

const sameIds = (a: TokenizerTokens, b: TokenizerTokens): boolean =>
  a.ids.size === b.ids.size && [...a.ids].every(([text, id]) => b.ids.get(text) === id)

/** Without a tokenizer_source: rows that mean different tokens would be merged without a word. Throws MERGE_TOKENIZER_DIFFERS. */
export function checkSameTokens(models: readonly (readonly [name: string, directory: string])[]): void {
  const directories = new Map([...models].reverse().map(([name, directory]) => [directory, name]))
  const known = [...directories].reverse().flatMap(([directory, name]) => {
    const tokens = readTokens(directory)
    return tokens === null ? [] : [{ name, tokens }]
  })
  const other = known.find(({ tokens }) => !sameIds(known[0]!.tokens, tokens))
  if (other !== undefined)
    throw new VillageError(
      'MERGE_TOKENIZER_DIFFERS',
      `The tokens of "${other.name}" are not those of "${known[0]!.name}"; give a tokenizer_source`,
      { fields: { model: other.name } },
    )
}

function leadOf(recipe: Recipe, tokenizer: TokenizerRecipe): string {
  const first = recipe.slices[0]!.sources[0]!.model
  if (tokenizer.kind === 'model') return tokenizer.model!
  return tokenizer.kind === 'first' ? first : (recipe.base ?? first)
}

function embeddingRows(name: string, { tensors }: TensorSource): number {
  const table = [...tensors.values()].find((tensor) => isByToken(tensor.name))
  if (table !== undefined) return table.shape[0]!
  throw new VillageError(
    'MERGE_MODEL_UNSUITABLE',
    `The model "${name}" has no embedding whose rows are tokens`,
    {
      fields: { model: name },
    },
  )
}

function needTokens(name: string, { directory }: TensorSource): TokenizerTokens {
  const tokens = readTokens(directory)
  if (tokens !== null) return tokens
  throw new VillageError('MERGE_MODEL_UNSUITABLE', `The model "${name}" has no ${TOKENIZER_FILE}`, {
    fields: { model: name },
  })
}

/** Files and configuration of the model whose tokenizer leads, where that is not the template. */
function takenOver(lead: TensorSource): Pick<TokenizerOfMerge, 'config'> & { files: [string, string][] } {
  const config = readConfigFile(lead.directory, CONFIG_FILE) ?? {}
  const files = LEAD_FILES.filter((name) => existsSync(path.join(lead.directory, name)))
  return {
    config: Object.fromEntries(SPECIAL_KEYS.map((key) => [key, config[key] ?? null])),
    files: files.map((name) => [name, readFileSync(path.join(lead.directory, name), 'utf8')]),
  }
}

/**
 * Throws MERGE_TOKENIZER_DIFFERS for a union of tokenizers that work in different ways, MERGE_MODEL_UNSUITABLE for a model without tokens,
 * and MERGE_RECIPE_INVALID for a rule about a token that nobody has.
 */
export function alignTokens(
  recipe: Recipe,
  tokenizer: TokenizerRecipe,
  sources: ReadonlyMap<string, TensorSource>,
  template: string,
): TokenizerOfMerge {
  const lead = leadOf(recipe, tokenizer)
  const names = [lead, ...[...sources.keys()].filter((name) => name !== lead)]
  const models = names.map((name) => ({ name, tokens: needTokens(name, sources.get(name)!) }))
  const [first] = models
  const isUnion = tokenizer.kind === 'union'
  const joined = isUnion ? unionTokenizer(models) : { json: first!.tokens.json, ids: first!.tokens.ids }
  const own = new Map(names.map((name) => [name, embeddingRows(name, sources.get(name)!)]))
  const needed = [...joined.ids.values()].reduce((most, id) => Math.max(most, id + 1), 0)
  const pad = tokenizer.padToMultipleOf
  const rows = Math.ceil(Math.max(own.get(lead)!, isUnion ? needed : 0) / pad) * pad
  const rowOf = (model: string, token: string): number => {
    const row = models.find(({ name }) => name === model)!.tokens.ids.get(token)
    if (row !== undefined && row < own.get(model)!) return row
    throw invalidRecipe(
      'tokenizer.tokens',
      `names the token "${token.slice(0, 100)}", which "${model}" does not have`,
    )
  }
  const unknown = Object.keys(tokenizer.tokens).find((token) => !joined.ids.has(token))
  if (unknown !== undefined)
    throw invalidRecipe(
      'tokenizer.tokens',
      `has the token "${unknown.slice(0, 100)}", which the output does not have`,
    )
  const places = models.map(({ name, tokens }): [string, Int32Array] => [
    name,
    placesOf(joined.ids, tokens.ids, { rows, ownRows: own.get(name)!, isLead: name === lead }),
  ])
  const taken = lead === template ? { config: {}, files: [] } : takenOver(sources.get(lead)!)
  return {
    alignment: {
      rows,
      lead,
      places: new Map(places),
      rules: alignedRules(joined.ids, tokenizer.tokens, rowOf),
    },
    files: new Map([...taken.files, [TOKENIZER_FILE, `${JSON.stringify(joined.json)}\n`]]),
    config: taken.config,
  }
}
