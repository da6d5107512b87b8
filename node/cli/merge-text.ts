/** The result of a merge for people. */
import { stringify } from 'yaml'
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import { count, duration, facts, table } from './format.ts'

const text = (value: JsonValue | undefined): string => String(value ?? '')

const part = (value: JsonValue | undefined): JsonObject =>
  isJsonObject(value ?? null) ? (value as JsonObject) : {}

/** Of a model of the registry its CID; of a directory each file with the beginning of its SHA-256. */
function origins(name: string, model: JsonValue, files: JsonObject): string[][] {
  const { cid, id } = part(model)
  if (typeof cid === 'string')
    return [[typeof id === 'string' && id !== name ? `${name} (${id})` : name, cid]]
  const hashes = Object.entries(part(part(files[name]).files))
  return hashes.length === 0
    ? [[name, 'a directory']]
    : hashes.map(([file, hash], index) => [index === 0 ? name : '', `${file} ${text(hash).slice(0, 16)}…`])
}

const MAX_RECIPE_LINES = 60

/** As the file was, with CIDs in the place of ids. */
function recipeText(recipe: JsonObject): string {
  const lines = stringify(recipe, { lineWidth: 0 }).trimEnd().split('\n')
  const rest = lines.length - MAX_RECIPE_LINES
  return [
    'Recipe:',
    ...lines.slice(0, MAX_RECIPE_LINES).map((line) => `  ${line}`),
    ...(rest > 0 ? [`  and ${rest} more lines (--json has them all)`] : []),
  ].join('\n')
}

/** A merge job's result, or the report of a merged model, which has no id of its own. */
export function mergeText(result: JsonObject): string {
  if (result.replayed === true)
    return facts([
      ['replayed', text(result.id)],
      ['cid', `${text(result.cid)}, the same bit by bit`],
    ])
  const files = part(result.files)
  const shared = Number(result.shared ?? 0)
  const isNew = typeof result.id === 'string'
  const lines = facts([
    ...(isNew
      ? ([
          ['new model', text(result.id)],
          ['cid', text(result.cid)],
        ] as [string, string][])
      : []),
    [isNew ? 'method' : 'merged by', text(result.method)],
    ['seed', text(result.seed)],
    ['tensors', `${text(result.tensors)} with ${count(Number(result.parameters))} parameters`],
    ['shared out', shared === 0 ? 'no: all of it was merged here' : `${shared} slices`],
    ...(typeof result.buildMs === 'number'
      ? ([['time', duration(result.buildMs)]] as [string, string][])
      : []),
  ])
  const rows = Object.entries(part(result.models)).flatMap(([name, model]) => origins(name, model, files))
  return [
    lines,
    ...(rows.length === 0 ? [] : [table(['MODEL', 'CID OR SHA-256'], rows)]),
    ...(!isNew && isJsonObject(result.recipe ?? null) ? [recipeText(part(result.recipe))] : []),
  ].join('\n\n')
}

/** What a merge job is about, for lists of jobs. */
export function mergeSubject({ id, replay, recipe }: JsonObject): string {
  if (typeof replay === 'string') return `replay ${replay}`
  const method = text(part(recipe).merge_method)
  return typeof id === 'string' ? `${id} (${method})` : method
}
