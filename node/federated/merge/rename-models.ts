/** A recipe with other names for its models (CIDs for ids), in the keys that it was given in: for reports, tasks and replays. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'

type Rename = (model: string) => string

const KINDS = new Set(['base', 'first', 'union'])

const text = (value: JsonValue | undefined, rename: Rename): JsonValue | undefined =>
  typeof value === 'string' ? rename(value) : value

function withModel(value: JsonValue, rename: Rename): JsonValue {
  return isJsonObject(value) && typeof value.model === 'string'
    ? { ...value, model: rename(value.model) }
    : value
}

const list = (value: JsonValue | undefined, change: (one: JsonValue) => JsonValue): JsonValue | undefined =>
  Array.isArray(value) ? value.map(change) : value

function tokenizerSource(value: JsonValue | undefined, rename: Rename): JsonValue | undefined {
  if (typeof value !== 'string' || KINDS.has(value)) return value
  return value.startsWith('model:') ? `model:${rename(value.slice(6))}` : rename(value)
}

function tokenRule(value: JsonValue, rename: Rename): JsonValue {
  if (!isJsonObject(value)) return value
  const source = value.source ?? null
  return { ...value, source: typeof source === 'string' ? rename(source) : withModel(source, rename) }
}

function tokenizer(value: JsonValue | undefined, rename: Rename): JsonValue | undefined {
  if (!isJsonObject(value ?? null)) return value
  const fields = value as JsonObject
  const tokens = isJsonObject(fields.tokens ?? null)
    ? Object.fromEntries(
        Object.entries(fields.tokens as JsonObject).map(([token, rule]) => [token, tokenRule(rule, rename)]),
      )
    : undefined
  const source = tokenizerSource(fields.source, rename)
  return { ...fields, ...(source !== undefined && { source }), ...(tokens && { tokens }) }
}

/** Takes what parseRecipe takes, and has passed it. */
export function renameModels(recipe: JsonObject, rename: Rename): JsonObject {
  const changed: Record<string, JsonValue | undefined> = {
    base_model: text(recipe.base_model, rename),
    models: list(recipe.models, (one) => withModel(one, rename)),
    slices: list(recipe.slices, (slice) =>
      isJsonObject(slice)
        ? { ...slice, sources: list(slice.sources, (one) => withModel(one, rename)) ?? null }
        : slice,
    ),
    tokenizer_source: tokenizerSource(recipe.tokenizer_source, rename),
    tokenizer: tokenizer(recipe.tokenizer, rename),
  }
  const entries = Object.entries(changed).filter(
    (entry): entry is [string, JsonValue] => entry[1] !== undefined,
  )
  return { ...recipe, ...Object.fromEntries(entries) }
}
