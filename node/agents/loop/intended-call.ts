/** What the asker's own words ask for: the ground on which calls that change something run without a question. */
import type { JsonObject } from '../../json.ts'

export interface IntendedCall {
  readonly tool: string
  /** Values that the asker's words give (paths, names, ids, sizes): a call must have them equal where it has the argument. */
  readonly arguments: JsonObject
  /** Arguments whose value must be one that this node itself made in this request, such as the id of a model it wrote. */
  readonly made: readonly string[]
  /** Arguments that may hold any text, because a result was asked to be put there: the content of a file. */
  readonly open: readonly string[]
}
