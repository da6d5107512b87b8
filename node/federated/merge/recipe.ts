/**
 * A merge recipe, as YAML in the form of mergekit (README and docs/merge_methods.md) or as JSON: what is merged, how, and into what. Strict:
 * every unknown key is refused with the one that was probably meant.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { nearest } from '../../nearest.ts'
import { yaml } from '../../on-demand.ts'
import { MAX_MERGED_MODELS, type MergeMethod, type ParameterSpec } from './methods/method.ts'
import { MERGE_METHODS, methodNamed } from './methods/table.ts'
import { invalidRecipe, type RecipeFields, recipeFields } from './recipe-fields.ts'
import { parseSetting, type Settings } from './settings.ts'
import { parseTokenizerRecipe, type TokenizerRecipe, tokenizerModels } from './tokenizer-recipe.ts'

/** A model and, in a slice, the layers of it: from the first number up to, not including, the second. */
export interface RecipeSource extends JsonObject {
  /** Id or CID of a model of this node, or the path of a directory with safetensors. */
  readonly model: string
  readonly layers: readonly [number, number] | null
  readonly parameters: Settings
}

export interface RecipeSlice extends JsonObject {
  readonly sources: readonly RecipeSource[]
  readonly parameters: Settings
}

export type FloatName = 'float32' | 'float16' | 'bfloat16'

export interface Recipe extends JsonObject {
  readonly version: 1
  readonly method: string
  /** Null: the first model gives tokenizer and configuration. */
  readonly base: string | null
  /** One slice over whole models, or several with ranges of layers. */
  readonly slices: readonly RecipeSlice[]
  readonly parameters: Settings
  /** What values are rounded to; null: whatever the first model is stored as. */
  readonly dtype: FloatName | null
  readonly tokenizer: TokenizerRecipe | null
  /** Of all random numbers, 0 to 2^53 − 1. */
  readonly seed: number
}

const MAX_RECIPE_BYTES = 256 * 1024
const MAX_SLICES = 512
const FLOATS: Readonly<Record<string, FloatName>> = {
  float32: 'float32',
  fp32: 'float32',
  float16: 'float16',
  fp16: 'float16',
  half: 'float16',
  bfloat16: 'bfloat16',
  bf16: 'bfloat16',
}

/** Throws MERGE_RECIPE_INVALID for text that is no YAML, too long, or full of aliases. */
export function readRecipeText(text: string): JsonValue {
  if (Buffer.byteLength(text) > MAX_RECIPE_BYTES)
    throw new VillageError('MERGE_RECIPE_INVALID', `The recipe is longer than ${MAX_RECIPE_BYTES} bytes`)
  try {
    const document = yaml().parseDocument(text, { logLevel: 'error' })
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS({ maxAliasCount: 50 }) as JsonValue
  } catch (error) {
    const problem = error instanceof Error ? error.message.split('\n')[0]!.replace(/:$/, '') : ''
    throw new VillageError('MERGE_RECIPE_INVALID', `The recipe is not valid YAML: ${problem}`, {
      cause: error,
    })
  }
}

function parseSettings(
  fields: JsonObject | undefined,
  specs: Readonly<Record<string, ParameterSpec>>,
  where: string,
): Settings {
  if (fields === undefined) return {}
  const reader = recipeFields(fields, where)
  const settings: [string, Settings[string]][] = []
  for (const [key, spec] of Object.entries(specs)) {
    const value = reader.take(key)
    if (value === undefined) continue
    const setting = parseSetting(value, `${where}.${key}`)
    checkKind(setting, spec, `${where}.${key}`)
    settings.push([key, setting])
  }
  reader.end()
  return Object.fromEntries(settings)
}

/** Every value that the setting can take, against what the method takes. */
function checkKind(setting: Settings[string], spec: ParameterSpec, where: string): void {
  if (Array.isArray(setting)) {
    for (const one of setting as readonly JsonValue[])
      checkKind((isJsonObject(one) ? one.value : one) as Settings[string], spec, where)
    return
  }
  if (spec.kind === 'flag') {
    if (typeof setting !== 'boolean') throw invalidRecipe(where, 'must be true or false')
    return
  }
  const { min = -Infinity, max = Infinity } = spec
  if (typeof setting !== 'number' || setting < min || setting > max)
    throw invalidRecipe(where, `must be a number from ${min} to ${max}`)
}

function parseLayers(reader: RecipeFields, where: string): [number, number] | null {
  const range = reader.list('layer_range', 2)
  if (range === undefined) return null
  const [from, end] = range
  const isCount = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 4_096
  if (range.length !== 2 || !isCount(from) || !isCount(end) || (from as number) >= (end as number))
    throw invalidRecipe(
      `${where}.layer_range`,
      'must be two whole numbers, the second the larger: it is not included',
    )
  return [from as number, end as number]
}

function parseSource(value: JsonValue, method: MergeMethod, where: string, isSliced: boolean): RecipeSource {
  const reader = recipeFields(value, where)
  const model = reader.text('model')
  if (model === undefined) throw invalidRecipe(`${where}.model`, 'is missing')
  const layers = isSliced ? parseLayers(reader, where) : null
  if (isSliced && layers === null) throw invalidRecipe(`${where}.layer_range`, 'is missing')
  const parameters = parseSettings(reader.object('parameters'), method.byModel, `${where}.parameters`)
  reader.end()
  return { model, layers, parameters }
}

function parseSlice(value: JsonValue, method: MergeMethod, where: string): RecipeSlice {
  const reader = recipeFields(value, where)
  const sources = reader.list('sources', MAX_MERGED_MODELS)
  if (sources === undefined) throw invalidRecipe(`${where}.sources`, 'is missing')
  const parsed = sources.map((one, index) => parseSource(one, method, `${where}.sources[${index}]`, true))
  const specs = { ...method.global, ...method.byModel }
  const parameters = parseSettings(reader.object('parameters'), specs, `${where}.parameters`)
  reader.end()
  const lengths = new Set(parsed.map(({ layers }) => layers![1] - layers![0]))
  if (lengths.size !== 1) throw invalidRecipe(`${where}.sources`, 'have ranges of different lengths')
  return { sources: parsed, parameters }
}

function parseMethod(reader: RecipeFields): MergeMethod {
  const name = reader.text('merge_method')
  if (name === undefined) throw invalidRecipe('merge_method', 'is missing')
  const method = methodNamed(name)
  if (method !== undefined) return method
  const names = Object.keys(MERGE_METHODS)
  throw invalidRecipe('merge_method', `must be one of ${names.join(', ')}`, nearest(name, names))
}

function parseDtype(reader: RecipeFields, key: string): FloatName | undefined {
  const name = reader.choice(key, Object.keys(FLOATS))
  return name === undefined ? undefined : FLOATS[name]
}

function parseSlices(reader: RecipeFields, method: MergeMethod): RecipeSlice[] {
  const models = reader.list('models', MAX_MERGED_MODELS)
  const slices = reader.list('slices', MAX_SLICES)
  if (models === undefined && slices === undefined)
    throw invalidRecipe('models', 'is missing: a recipe has models, or slices')
  if (models !== undefined && slices !== undefined)
    throw invalidRecipe('slices', 'cannot stand beside "models": a recipe has the one or the other')
  if (slices !== undefined) return slices.map((one, index) => parseSlice(one, method, `slices[${index}]`))
  const sources = models!.map((one, index) => parseSource(one, method, `models[${index}]`, false))
  return [{ sources, parameters: {} }]
}

function parseSeed(reader: RecipeFields): number {
  const seed = reader.take('random_seed') ?? 0
  if (typeof seed === 'number' && Number.isSafeInteger(seed) && seed >= 0) return seed
  throw invalidRecipe('random_seed', 'must be a whole number from 0 to 2^53 − 1')
}

/** Takes what readRecipeText gives, or JSON of the same keys. Throws MERGE_RECIPE_INVALID naming the key. */
export function parseRecipe(input: JsonValue): Recipe {
  const reader = recipeFields(input, '')
  const method = parseMethod(reader)
  const base = reader.text('base_model') ?? null
  const slices = parseSlices(reader, method)
  const specs = { ...method.global, ...method.byModel }
  const parameters = parseSettings(reader.object('parameters'), specs, 'parameters')
  const dtype = parseDtype(reader, 'dtype')
  const outDtype = parseDtype(reader, 'out_dtype')
  const tokenizer = parseTokenizerRecipe(reader)
  const seed = parseSeed(reader)
  reader.end()
  const recipe: Recipe = {
    version: 1,
    method: method.name,
    base,
    slices,
    parameters,
    dtype: outDtype ?? dtype ?? null,
    tokenizer,
    seed,
  }
  for (const [index, slice] of slices.entries()) checkCount(method, recipe, slice, index)
  return recipe
}

/** The models of a slice that are merged: without the base where the method works against one. */
export function mergedSources(
  { method, base }: Pick<Recipe, 'method' | 'base'>,
  slice: RecipeSlice,
): RecipeSource[] {
  const isAgainstBase = methodNamed(method)!.base !== 'none'
  return slice.sources.filter(({ model }) => !isAgainstBase || model !== base)
}

function checkCount(method: MergeMethod, recipe: Recipe, slice: RecipeSlice, index: number): void {
  if (method.base === 'required' && recipe.base === null)
    throw invalidRecipe('base_model', `is missing: ${method.name} works on the differences from it`)
  const count = mergedSources(recipe, slice).length
  const { min, max } = method.models
  if (count >= min && count <= max) return
  const wanted = min === max ? `${min}` : `${min} to ${max}`
  const besides = method.base === 'none' ? '' : ' besides the base'
  throw invalidRecipe(
    slice.sources[0]!.layers === null ? 'models' : `slices[${index}].sources`,
    `must be ${wanted} for ${method.name}${besides}, not ${count}`,
  )
}

/** Every model that the recipe names, each once: the base first, then in the order of the slices. */
export function recipeModels({ base, slices, tokenizer }: Recipe): string[] {
  const named = slices.flatMap(({ sources }) => sources.map(({ model }) => model))
  const others = tokenizer === null ? [] : tokenizerModels(tokenizer)
  return [...new Set([...(base === null ? [] : [base]), ...named, ...others])]
}
