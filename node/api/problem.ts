/** Turns any failure into RFC 9457 problem details. */
import { ERRORS, type ErrorCode, toVillageError, VillageError } from '../errors.ts'

export interface Problem {
  /** Resolves, relative to the server, to the row of the error table. */
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode
  fix: string
  fields: Record<string, string | number | boolean | null>
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** Failures that fastify itself raises before a handler runs, by its code. */
const FASTIFY_CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'API_BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'API_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'API_BODY_MALFORMED',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'API_BODY_MALFORMED',
  FST_ERR_CTP_INVALID_JSON_BODY: 'API_BODY_MALFORMED',
  FST_ERR_BAD_URL: 'API_ROUTE_UNKNOWN',
  FST_ERR_MAX_PARAM_LENGTH: 'API_ROUTE_UNKNOWN',
}

/** A VillageError for anything that a request threw; fastify's own errors get the code of this table. */
export function requestError(error: unknown): VillageError {
  if (error instanceof VillageError) return error
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  const framework = code === undefined ? undefined : FASTIFY_CODES[code]
  if (framework !== undefined) return new VillageError(framework, undefined, { cause: error })
  // A body that broke off: the parser raises a plain error with a client status.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new VillageError('API_BODY_MALFORMED', undefined, { cause: error })
  const known = toVillageError(error)
  // The text of an unexpected error is for the log: it may hold anything.
  return known.code === 'INTERNAL' ? new VillageError('INTERNAL', undefined, { cause: error }) : known
}

export function problemOf(error: VillageError): Problem {
  const { http, title, fix } = ERRORS[error.code]
  return {
    type: `/api/v1/errors/${error.code}`,
    title,
    status: http,
    detail: error.message,
    code: error.code,
    fix,
    fields: error.fields,
  }
}
