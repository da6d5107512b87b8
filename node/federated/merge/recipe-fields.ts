/** Reading a recipe: every key is known or refused with the one that was probably meant. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { nearest } from '../../nearest.ts'

export function invalidRecipe(key: string, problem: string, suggestion: string | null = null): VillageError {
  const meant = suggestion === null ? '' : `; did you mean "${suggestion}"?`
  return new VillageError('MERGE_RECIPE_INVALID', `"${key}" of the recipe ${problem}${meant}`, {
    fields: { key, suggestion },
  })
}

/** Keys that mergekit has and this project has not, and what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  int8_mask: 'only makes masks smaller in memory, which is not needed here: leave it out',
  modules: 'is for models of several parts, which are not supported',
  adapter: 'is not supported: merge the adapter into a model first',
  out_path: 'is not a key of the recipe: the result is a model of the registry',
}

export interface RecipeFields {
  take(key: string): JsonValue | undefined
  text(key: string, maxLength?: number): string | undefined
  list(key: string, maxLength: number): readonly JsonValue[] | undefined
  object(key: string): JsonObject | undefined
  choice<T extends string>(key: string, values: readonly T[]): T | undefined
  /** Throws for keys that nobody asked for. */
  end(): void
}

export function recipeFields(input: JsonValue | undefined, where: string): RecipeFields {
  const prefix = where === '' ? '' : `${where}.`
  if (!isJsonObject(input ?? null)) throw invalidRecipe(where || 'recipe', 'must be an object')
  const fields = input as JsonObject
  const asked = new Set<string>()
  const take = (key: string): JsonValue | undefined => {
    asked.add(key)
    const value = Object.hasOwn(fields, key) ? fields[key] : undefined
    return value === null ? undefined : value
  }
  return {
    take,
    text(key, maxLength = 1_000) {
      const value = take(key)
      if (value === undefined) return undefined
      if (typeof value !== 'string' || value.length === 0 || value.length > maxLength)
        throw invalidRecipe(`${prefix}${key}`, `must be a text of 1 to ${maxLength} characters`)
      return value
    },
    list(key, maxLength) {
      const value = take(key)
      if (value === undefined) return undefined
      if (!Array.isArray(value) || value.length === 0 || value.length > maxLength)
        throw invalidRecipe(`${prefix}${key}`, `must be a list of 1 to ${maxLength}`)
      return value
    },
    object(key) {
      const value = take(key)
      if (value === undefined) return undefined
      if (!isJsonObject(value)) throw invalidRecipe(`${prefix}${key}`, 'must be an object')
      return value
    },
    choice(key, values) {
      const value = take(key)
      if (value === undefined) return undefined
      const found = values.find((one) => one === value)
      if (found !== undefined) return found
      const meant = typeof value === 'string' ? nearest(value, values) : null
      throw invalidRecipe(`${prefix}${key}`, `must be one of ${values.join(', ')}`, meant)
    },
    end() {
      for (const key of Object.keys(fields)) {
        if (asked.has(key)) continue
        const name = `${prefix}${key}`.slice(0, 200)
        if (Object.hasOwn(REFUSED, key)) throw invalidRecipe(name, REFUSED[key]!)
        throw invalidRecipe(name, 'is not a key that is known here', nearest(key, [...asked]))
      }
    },
  }
}
