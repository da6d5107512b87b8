/** Failures in the shape of OpenAI's API: `{error: {message, type, param, code}}`, with the code of this project's table. */
import { ERRORS, type VillageError } from '../../errors.ts'

export interface OpenAiError {
  readonly message: string
  readonly type: string
  /** The field that the message is about. */
  readonly param: string | null
  readonly code: string
  /** Of this gateway: what to do about it. */
  readonly fix: string
}

/** They do not name a field: it is always the same. */
const ABOUT_MODEL: readonly string[] = [
  'CHAT_MODEL_UNKNOWN',
  'MODEL_UNKNOWN',
  'MODEL_NOT_LANGUAGE',
  'MODEL_NOT_ENCODER',
]

/** Programs have keys, and no link that `village start` printed. */
const KEY_FIX =
  'Send a key as the API key: `village key create NAME` makes one, `village key list` shows those that are good.'

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

export function openAiError(error: VillageError): OpenAiError {
  const field = error.fields.field ?? (ABOUT_MODEL.includes(error.code) ? 'model' : null)
  return {
    message: error.message,
    type: typeOf(error.http),
    param: typeof field === 'string' ? field.replace(/^(body|query|params)\./, '') : null,
    code: error.code,
    fix: error.code === 'API_UNAUTHORIZED' ? KEY_FIX : ERRORS[error.code].fix,
  }
}

export const openAiErrorBody = (error: VillageError): { error: OpenAiError } => ({
  error: openAiError(error),
})
