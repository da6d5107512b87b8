/**
 * Values of a recipe that depend on where a tensor is: a scalar, a list that is interpolated over the layers of its slice, or conditions by
 * a part of the tensor's name. The semantics are those of mergekit (README, "Parameter Specification").
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { invalidRecipe } from './recipe-fields.ts'

export type Scalar = number | boolean
/** Interpolated between its numbers; of flags, the nearest before. */
export type Gradient = readonly Scalar[]

export interface Condition extends JsonObject {
  /** A part of the tensor's name; null or `*` holds always. */
  readonly filter: string | null
  readonly value: Scalar | Gradient
}

export type Setting = Scalar | Gradient | readonly Condition[]
export type Settings = Readonly<Record<string, Setting>>

const MAX_LENGTH = 1_024
const MAX_FILTER = 200

const isScalar = (value: unknown): value is Scalar => typeof value === 'boolean' || Number.isFinite(value)

function parseCondition(value: JsonValue, where: string): Condition {
  if (!isJsonObject(value)) throw invalidRecipe(where, 'must be an object with filter and value')
  for (const key of Object.keys(value))
    if (key !== 'filter' && key !== 'value')
      throw invalidRecipe(`${where}.${key}`, 'is not known here', 'filter')
  const filter = value.filter ?? null
  if (filter !== null && (typeof filter !== 'string' || filter.length > MAX_FILTER))
    throw invalidRecipe(`${where}.filter`, 'must be a part of a tensor name')
  return { filter, value: parsePlain(value.value, `${where}.value`) }
}

function parsePlain(value: JsonValue | undefined, where: string): Scalar | Gradient {
  if (isScalar(value)) return value
  const isList =
    Array.isArray(value) && value.length > 0 && value.length <= MAX_LENGTH && value.every(isScalar)
  if (isList) return value
  throw invalidRecipe(where, 'must be a number, true, false, or a list of numbers')
}

export function parseSetting(value: JsonValue, where: string): Setting {
  const isConditions = Array.isArray(value) && value.length > 0 && value.every(isJsonObject)
  if (!isConditions) return parsePlain(value, where)
  if (value.length > MAX_LENGTH) throw invalidRecipe(where, `has more than ${MAX_LENGTH} conditions`)
  return value.map((one: JsonValue, index: number) => parseCondition(one, `${where}[${index}]`))
}

const isConditions = (setting: Setting): setting is readonly Condition[] =>
  Array.isArray(setting) && isJsonObject(setting[0])

function along(values: Gradient, t: number): Scalar {
  const position = t * (values.length - 1)
  const index = Math.min(Math.floor(position), values.length - 1)
  const before = values[index]!
  const after = values[index + 1]
  if (typeof before !== 'number' || typeof after !== 'number') return before
  const share = position - index
  return (1 - share) * before + share * after
}

/** The value for a tensor at `t` (0 the first layer of its slice, 1 the last); undefined where no condition holds. */
export function settingFor(setting: Setting, tensor: string, t: number): Scalar | undefined {
  if (isConditions(setting)) {
    const held = setting.find(({ filter }) => filter === null || filter === '*' || tensor.includes(filter))
    return held === undefined ? undefined : settingFor(held.value, tensor, t)
  }
  return Array.isArray(setting) ? along(setting, t) : (setting as Scalar)
}
