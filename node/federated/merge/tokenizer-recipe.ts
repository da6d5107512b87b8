/** What a recipe says of the tokenizer: `tokenizer_source`, or `tokenizer` with what single tokens get. */
import type { JsonObject, JsonValue } from '../../json.ts'
import { invalidRecipe, type RecipeFields, recipeFields } from './recipe-fields.ts'

/** Where the row of one token comes from instead of from those who know it. */
export interface TokenRule extends JsonObject {
  /** Null: a row of zeros. */
  readonly from: { readonly model: string; readonly token: string } | null
  /** Also where other models know the token themselves. */
  readonly force: boolean
}

export interface TokenizerRecipe extends JsonObject {
  /** `base`: of the base model (or the first); `first`; `union`: every token of every model; `model`: of the one that is named. */
  readonly kind: 'base' | 'first' | 'union' | 'model'
  readonly model: string | null
  /** Rows of the embedding are filled up with zeros to a multiple of this. */
  readonly padToMultipleOf: number
  readonly tokens: Readonly<Record<string, TokenRule>>
}

const MAX_TOKENS = 1_000
const MAX_PAD = 4_096
const KINDS = ['base', 'first', 'union'] as const

function parseKind(name: string): Pick<TokenizerRecipe, 'kind' | 'model'> {
  const kind = KINDS.find((one) => one === name)
  if (kind !== undefined) return { kind, model: null }
  return { kind: 'model', model: name.startsWith('model:') ? name.slice('model:'.length) : name }
}

function parseTokenSource(value: JsonValue | undefined, token: string, where: string): TokenRule['from'] {
  if (typeof value === 'string' && value.length > 0 && value.length <= 1_000) return { model: value, token }
  const reader = recipeFields(value, where)
  const kind = reader.choice('kind', ['zero', 'model_token']) ?? 'model_token'
  if (kind === 'zero') {
    reader.end()
    return null
  }
  const model = reader.text('model')
  if (model === undefined) throw invalidRecipe(`${where}.model`, 'is missing')
  const other = reader.text('token') ?? token
  reader.end()
  return { model, token: other }
}

function parseTokens(value: JsonObject | undefined): Record<string, TokenRule> {
  const entries = Object.entries(value ?? {})
  if (entries.length > MAX_TOKENS) throw invalidRecipe('tokenizer.tokens', `are more than ${MAX_TOKENS}`)
  return Object.fromEntries(
    entries.map(([token, rule]): [string, TokenRule] => {
      const where = `tokenizer.tokens.${token.slice(0, 100)}`
      const reader = recipeFields(rule, where)
      const from = parseTokenSource(reader.take('source'), token, `${where}.source`)
      const force = reader.take('force') ?? false
      if (typeof force !== 'boolean') throw invalidRecipe(`${where}.force`, 'must be true or false')
      reader.end()
      return [token, { from, force }]
    }),
  )
}

/** Null where the recipe does not speak of the tokenizer: all models then need the same one. */
export function parseTokenizerRecipe(reader: RecipeFields): TokenizerRecipe | null {
  const short = reader.text('tokenizer_source')
  const long = reader.object('tokenizer')
  const template = reader.text('chat_template')
  if (template !== undefined && template !== 'auto')
    throw invalidRecipe(
      'chat_template',
      'can only be auto: the template is that of the model whose tokenizer leads',
    )
  if (short !== undefined && long !== undefined)
    throw invalidRecipe('tokenizer_source', 'and tokenizer say the same thing: leave one of them out')
  if (short !== undefined) return { ...parseKind(short), padToMultipleOf: 1, tokens: {} }
  if (long === undefined) return null
  const fields = recipeFields(long, 'tokenizer')
  const source = fields.text('source') ?? 'union'
  const pad = fields.take('pad_to_multiple_of') ?? 1
  if (!Number.isInteger(pad) || (pad as number) < 1 || (pad as number) > MAX_PAD)
    throw invalidRecipe('tokenizer.pad_to_multiple_of', `must be a whole number from 1 to ${MAX_PAD}`)
  const tokens = parseTokens(fields.object('tokens'))
  fields.end()
  return { ...parseKind(source), padToMultipleOf: pad as number, tokens }
}

/** Models that it names. */
export function tokenizerModels({ model, tokens }: TokenizerRecipe): string[] {
  const named = Object.values(tokens).flatMap(({ from }) => (from === null ? [] : [from.model]))
  return model === null ? named : [model, ...named]
}
