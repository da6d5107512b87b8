/** Options of strategies as tables: what checks them also documents them. Unknown names are refused, with the nearest known one. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { nearest } from '../../nearest.ts'

export type OptionField =
  | {
      readonly type: 'number'
      readonly default: number | null
      readonly min: number
      readonly max: number
      readonly doc: string
    }
  | {
      readonly type: 'integer'
      readonly default: number | null
      readonly min: number
      readonly max: number
      readonly doc: string
    }
  | {
      readonly type: 'choice'
      readonly default: string
      readonly values: readonly string[]
      readonly doc: string
    }
  | {
      readonly type: 'numbers'
      readonly default: readonly number[]
      readonly min: number
      readonly max: number
      readonly most: number
      readonly doc: string
    }

export type OptionFields = Readonly<Record<string, OptionField>>

const refuse = (name: string, expected: string): VillageError =>
  new VillageError('INVALID_ARGUMENT', `"strategy.options.${name}" must be ${expected}`, {
    fields: { argument: `strategy.options.${name}` },
  })

const isWithin = (value: unknown, field: { min: number; max: number }): value is number =>
  typeof value === 'number' && value >= field.min && value <= field.max

function checked(name: string, field: OptionField, value: JsonValue): JsonValue {
  if (field.type === 'choice') {
    if (typeof value === 'string' && field.values.includes(value)) return value
    throw refuse(name, `one of ${field.values.join(', ')}`)
  }
  if (field.type === 'numbers') {
    const isList = Array.isArray(value) && value.length > 0 && value.length <= field.most
    if (isList && value.every((one) => isWithin(one, field))) return value
    throw refuse(name, `a list of 1 to ${field.most} numbers from ${field.min} to ${field.max}`)
  }
  if (value === null && field.default === null) return null
  if (isWithin(value, field) && (field.type === 'number' || Number.isInteger(value))) return value
  const noun = field.type === 'number' ? 'a number' : 'a whole number'
  throw refuse(name, `${noun} from ${field.min} to ${field.max}`)
}

/** Every option of the table, given or at its default. Throws INVALID_ARGUMENT naming the option. */
export function parseOptionFields(fields: OptionFields, input: unknown): JsonObject {
  if (!isJsonObject(input))
    throw new VillageError('INVALID_ARGUMENT', '"strategy.options" must be an object', {
      fields: { argument: 'strategy.options' },
    })
  for (const name of Object.keys(input))
    if (!Object.hasOwn(fields, name)) {
      const near = nearest(name, Object.keys(fields))
      throw refuse(name, near === null ? 'left out: it is not known' : `left out; did you mean "${near}"?`)
    }
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      Object.hasOwn(input, name) ? checked(name, field, input[name]!) : field.default,
    ]),
  )
}
