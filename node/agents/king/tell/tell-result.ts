/** What a step came to, in a sentence or a few lines for people. One row for each tool; a tool without one (of an external server) is described field by field. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../../json.ts'
import { describe, textOf } from '../step-results.ts'
import { MODEL_ROWS } from './tell-models.ts'
import { OTHER_ROWS } from './tell-others.ts'

/** From the content of a result and the arguments of the call. Any field may be missing. Pure. */
export type TellRow = (content: JsonObject, given: JsonObject) => string

const ROWS: ReadonlyMap<string, TellRow> = new Map([
  ...Object.entries(MODEL_ROWS),
  ...Object.entries(OTHER_ROWS),
])

export const TOLD_TOOLS: readonly string[] = [...ROWS.keys()]

interface Told {
  readonly tool: string
  readonly arguments: JsonObject
  /** The line that the tool gives itself: for content that has no row. */
  readonly summary: string
  readonly content: JsonValue
}

export function tellResult({ tool, arguments: given, summary, content }: Told): string {
  const row = ROWS.get(tool)
  if (row !== undefined && isJsonObject(content)) return row(content, given)
  const details = isJsonObject(content) ? textOf(content) || describe(content) : textOf(content)
  return [summary, details].filter((part) => part !== '').join('\n')
}
