/** Checks a request against the schemas of its row. A failure names the field, never repeats its value. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { VillageError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { JsonSchema, Route } from './routes/route.ts'
import { OWN_SCHEMAS, object } from './schemas.ts'

type Part = 'params' | 'query' | 'body'

// Path and query are text: numbers and booleans in them are converted. A JSON body has types of its own.
const textAjv = new Ajv2020({ ...OWN_SCHEMAS, coerceTypes: true, verbose: true })
const bodyAjv = new Ajv2020({ ...OWN_SCHEMAS, verbose: true })
const NOTHING = object({})

function sentence(part: Part, error: ErrorObject): { field: string; message: string } {
  const inside = `${part}${error.instancePath.replaceAll('/', '.')}`
  const { missingProperty, additionalProperty, allowedValues } = error.params as {
    missingProperty?: string
    additionalProperty?: string
    allowedValues?: readonly string[]
  }
  if (missingProperty !== undefined)
    return { field: `${inside}.${missingProperty}`, message: `${inside}.${missingProperty} is required` }
  if (additionalProperty !== undefined) {
    const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {})
    const suggestion = nearest(additionalProperty, known)
    const field = `${inside}.${additionalProperty.slice(0, 64)}`
    return {
      field,
      message: `${field} is not known${suggestion === null ? '' : `; did you mean "${suggestion}"?`}`,
    }
  }
  if (allowedValues !== undefined)
    return { field: inside, message: `${inside} must be one of ${allowedValues.join(', ')}` }
  return { field: inside, message: `${inside} ${error.message ?? 'is not valid'}` }
}

export interface Validator {
  /** Throws INVALID_ARGUMENT; converts text of path and query in place. */
  check(given: { params: unknown; query: unknown; body: unknown }): void
}

function compile(row: Route): readonly [Part, ValidateFunction][] {
  const bodySchema: JsonSchema | null = row.body?.kind === 'json' ? row.body.schema : null
  const checks: [Part, ValidateFunction][] = [
    ['params', textAjv.compile(row.params ?? NOTHING)],
    ['query', textAjv.compile(row.query ?? NOTHING)],
  ]
  if (bodySchema !== null) checks.push(['body', bodyAjv.compile(bodySchema)])
  return checks
}

/** Compiled at the first request: all rows at once hold the event loop of a starting daemon for a tenth of a second. */
export function createValidator(row: Route): Validator {
  let checks: readonly [Part, ValidateFunction][] | undefined
  return {
    check(given) {
      checks ??= compile(row)
      for (const [part, validate] of checks) {
        if (validate(given[part])) continue
        const { field, message } = sentence(part, validate.errors![0]!)
        throw new VillageError('INVALID_ARGUMENT', message, { fields: { field } })
      }
    },
  }
}
