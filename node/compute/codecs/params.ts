/** Reads the parameters of a codec from JSON that may come from anybody. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonValue } from '../../json.ts'

export interface ParamReader {
  /** The field if it is one of `values`, `fallback` if it is absent. */
  choice<T extends string | number | boolean>(name: string, values: readonly T[], fallback: T): T
  /** The field if it is a number between the bounds, undefined if it is absent. */
  number(name: string, smallest: number, largest: number): number | undefined
  /** The field if it is a text of this form, undefined if it is absent. */
  text(name: string, form: RegExp): string | undefined
  /** Call last: refuses fields that were not asked for. */
  end(): void
}

function invalid(name: string, message: string): VillageError {
  return new VillageError('INVALID_ARGUMENT', message, { fields: { argument: `params.${name}` } })
}

export function readParams(codec: string, input: unknown): ParamReader {
  if (input !== undefined && !isJsonObject(input))
    throw invalid('', `The parameters of ${codec} must be an object.`)
  const fields = new Map<string, JsonValue>(Object.entries(input ?? {}))
  const asked = new Set<string>()

  function take(name: string): JsonValue | undefined {
    asked.add(name)
    return fields.get(name)
  }

  return {
    choice(name, values, fallback) {
      const given = take(name)
      if (given === undefined) return fallback
      const found = values.find((value) => value === given)
      if (found === undefined)
        throw invalid(name, `The parameter ${name} of ${codec} must be one of ${values.join(', ')}.`)
      return found
    },
    number(name, smallest, largest) {
      const given = take(name)
      if (given === undefined) return undefined
      if (typeof given !== 'number' || !(given >= smallest && given <= largest))
        throw invalid(
          name,
          `The parameter ${name} of ${codec} must be a number from ${smallest} to ${largest}.`,
        )
      return given
    },
    text(name, form) {
      const given = take(name)
      if (given === undefined) return undefined
      if (typeof given !== 'string' || !form.test(given))
        throw invalid(name, `The parameter ${name} of ${codec} is not of its form.`)
      return given
    },
    end() {
      const unknown = [...fields.keys()].find((name) => !asked.has(name))
      if (unknown !== undefined)
        throw invalid(
          unknown,
          `${codec} has no parameter ${JSON.stringify(unknown.slice(0, 40))}; it has ${[...asked].join(', ') || 'none'}.`,
        )
    },
  }
}
