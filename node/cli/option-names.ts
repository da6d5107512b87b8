/** What a person gave, in place of the field of the API that it became: `--top-p` for `body.topP`. */
import { VillageError } from '../errors.ts'
import type { CommandRow } from './commands.ts'

/** `maxTokens` → `--max-tokens` */
export const flagOf = (option: string): string =>
  `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** Fields whose option or argument has another name than they. */
const GIVEN_AS: Readonly<Record<string, string>> = {
  expiresInMs: 'expires',
  providers: 'from',
  choices: 'choice',
  json: 'anyJson',
  modules: 'module',
  checkpointSeconds: 'checkpoint',
  sizeBytes: 'size',
  models: 'model',
  texts: 'text',
  queries: 'data',
  judgements: 'data',
  collections: 'collection',
  filters: 'filter',
  deadlineMs: 'deadline',
  barrierPoints: 'barrier',
}

/** The option or argument of the command that a field was made from; null where it has none. */
function givenAs(row: CommandRow, field: string): string | null {
  // Some commands call the same field by its own name.
  for (const name of [GIVEN_AS[field] ?? field, field]) {
    const flag = flagOf(name)
    if (row.options?.some(({ flags }) => flags.split(' ').includes(flag)) === true) return flag
    if (row.args?.some(([argument]) => argument.replace(/\W/g, '') === name) === true)
      return name.toUpperCase()
  }
  return null
}

/** `body.choices.0` → `choices`; `options.limit` → `limit`; `topP` as it is. */
const memberOf = (path: string): string => {
  const [first = '', second] = path.split('.')
  return second ?? first
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/**
 * The API names the field of a request (`body.topP`, `"options.limit"`); a person gave an option or an argument. The
 * text of the error speaks of that where the command has one, for every field that it names.
 */
export function inOptionsOf(row: CommandRow | null, error: VillageError): VillageError {
  if (row === null || error.code !== 'INVALID_ARGUMENT') return error
  const key = typeof error.fields.field === 'string' ? 'field' : 'argument'
  const named = error.fields[key]
  const paths = new Set(error.message.match(/\bbody\.\w+(\.\w+)*/g) ?? [])
  if (typeof named === 'string') paths.add(named)
  let message = error.message
  let field = named
  // A path may begin with another one: the longer goes first.
  for (const path of [...paths].sort((a, b) => b.length - a.length)) {
    const shown = givenAs(row, memberOf(path))
    if (shown === null) continue
    // A field without a path is only taken for one where it is quoted, or begins the sentence.
    const bare = path.includes('.') ? `|(?<![\\w.])${escaped(path)}(?![\\w.])` : `|^${escaped(path)}\\b`
    message = message.replace(new RegExp(`"${escaped(path)}"${bare}`, 'g'), () => shown)
    if (path === named) field = shown
  }
  if (message === error.message) return error
  return new VillageError(error.code, message, {
    cause: error,
    fields: { ...error.fields, ...(field === undefined ? {} : { [key]: field }) },
  })
}
