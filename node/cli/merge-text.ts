/** The result of a merge for people. */
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import { count, facts, table } from './format.ts'

const text = (value: JsonValue | undefined): string => String(value ?? '')

/** A merge job's result, or what the report of a merged model says. */
export function mergeText(result: JsonObject): string {
  if (result.replayed === true)
    return facts([
      ['replayed', text(result.id)],
      ['cid', `${text(result.cid)}, the same bit by bit`],
    ])
  const models = isJsonObject(result.models ?? null) ? (result.models as JsonObject) : {}
  const shared = Number(result.shared ?? 0)
  const lines = facts([
    ['new model', text(result.id)],
    ['cid', text(result.cid)],
    ['method', text(result.method)],
    ['seed', text(result.seed)],
    ['tensors', `${text(result.tensors)} with ${count(Number(result.parameters))} parameters`],
    ['shared out', shared === 0 ? 'no: all of it was merged here' : `${shared} slices`],
  ])
  const rows = Object.entries(models).map(([name, model]) => {
    const { cid } = isJsonObject(model) ? model : {}
    return [name, cid === null || cid === undefined ? 'a directory' : text(cid)]
  })
  return rows.length === 0 ? lines : `${lines}\n\n${table(['MODEL', 'CID'], rows)}`
}
