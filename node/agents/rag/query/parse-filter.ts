import { VillageError } from '../../../errors.ts'
import type { FieldFilter } from '../search-types.ts'

const TESTS: Readonly<Record<string, FieldFilter['test']>> = {
  '=': 'equals',
  '!=': 'not-equals',
  '<': 'below',
  '>': 'above',
  '^=': 'starts-with',
}
const SHAPE = /^([\p{L}\p{N}_.-]{1,64})(!=|\^=|=|<|>)([\s\S]*)$/u
const MAX_VALUE_CHARACTERS = 1024
/** Compared as instants: a date is more easily written than milliseconds. */
const DATE_FIELD = 'modifiedAtMs'

/**
 * A filter as people write it: `language=en`, `mediaType!=text/html`, `year>1990`, `source^=notes/`, `draft=false`,
 * `modifiedAtMs>2024-05-01`. A value is a number or a boolean where it looks like one and is not in quotes. Throws
 * INVALID_ARGUMENT.
 */
export function parseFilter(text: string): FieldFilter {
  const match = SHAPE.exec(text)
  if (match === null)
    throw new VillageError('INVALID_ARGUMENT', 'A filter is FIELD, one of = != < > ^=, and a value.')
  const [, field, sign, raw] = match as unknown as [string, string, string, string]
  if (raw.length > MAX_VALUE_CHARACTERS)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The value of a filter has at most ${MAX_VALUE_CHARACTERS} characters.`,
    )
  const test = TESTS[sign]!
  return { field, test, value: test === 'starts-with' ? unquoted(raw) : readValue(field, raw) }
}

function readValue(field: string, raw: string): FieldFilter['value'] {
  if (field === DATE_FIELD && /^\d{4}-\d{2}/.test(raw)) {
    const instant = Date.parse(raw)
    if (Number.isNaN(instant)) throw new VillageError('INVALID_ARGUMENT', 'The date of a filter is not one.')
    return instant
  }
  if (raw === 'true' || raw === 'false') return raw === 'true'
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(raw)) return Number(raw)
  return unquoted(raw)
}

const unquoted = (raw: string): string =>
  raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw
