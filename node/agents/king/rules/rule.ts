/** A rule: reads one clause and says which tools it comes to. */
import type { JsonObject, JsonValue } from '../../../json.ts'
import type { Clause, Word } from '../clause.ts'
import type { ResultField, StepReference } from '../plan.ts'

export interface Draft {
  readonly tool: string
  readonly arguments: JsonObject
  readonly reason: string
}

/** Calls; or why none can be made; no calls where what is asked for comes with a step that is planned already. */
export type Outcome =
  /** `isGuess`: read by likeness to other clauses; unless that `isSure`, what it changes waits for a yes. */
  | { readonly calls: readonly Draft[]; readonly isGuess?: boolean; readonly isSure?: boolean }
  | { readonly why: string }
  /** More arguments of the last step: `and keep 97 % of the quality`, `call it small`. */
  | { readonly amends: JsonObject }

/** A name, or the result of an earlier step. */
export type Value = string | StepReference

/** What earlier clauses have named and made: what `it`, `the result` and `the original` stand for. */
export interface PlanState {
  readonly drafts: readonly Draft[]
  readonly model: Value | null
  /** What the newest model was made from. */
  readonly original: Value | null
  /** Models that steps have made or clauses have named, oldest first. */
  readonly models: readonly Value[]
  readonly collection: string | null
  readonly path: string | null
  /** Those that one clause has named together. */
  readonly paths: readonly string[]
  /** A file of a model that a clause has named and no step has added yet. */
  readonly modelFile: string | null
  /** The newest step that started a job, an evolution run, or gave a text; jobs and runs may be named. */
  readonly job: Value | null
  readonly run: Value | null
  readonly text: StepReference | null
  readonly expression: string | null
  /** The last statement, as it was said. */
  readonly said: string | null
}

export interface RuleInput {
  readonly clause: Clause
  /** What is to be done, as the rules see it, and where it stands; null where no verb orders anything. */
  readonly verb: string | null
  readonly at: number
  readonly state: PlanState
}

export type Rule = (input: RuleInput) => Outcome | null

export const call = (
  tool: string,
  arguments_: { readonly [name: string]: JsonValue | null | undefined },
  reason: string,
): Outcome => ({
  calls: [draft(tool, arguments_, reason)],
})

export function draft(
  tool: string,
  arguments_: { readonly [name: string]: JsonValue | null | undefined },
  reason: string,
): Draft {
  const given = Object.entries(arguments_).filter(
    (entry): entry is [string, JsonValue] => entry[1] !== undefined && entry[1] !== null,
  )
  return { tool, arguments: Object.fromEntries(given), reason }
}

export const NOTHING_MORE: Outcome = { calls: [] }

export const from = (step: number, field: ResultField): StepReference => ({ $from: step, field })

/** `it`, `that`, `them`, `the result`, `the new model`, `the compressed one`. */
export const REFERS =
  /(?:^| )(?:it|that|this|them|these|those|the result|the (?:new|compress|merge|train|result|download|pull|add|import|finish|small|smaller|latest|same|model)(?: (?:model|one|version))?|(?:the|this|that|my|your) model|one|same|its)(?: |$)/
export const ORIGINAL =
  /(?:^| )(?:original|originals|uncompressed|old|before|source|parent|starting|first|base|unquantised|baseline|full|what we had)(?: |$)/

/** Words from `at` on as the asker wrote them; null where none are left. */
export function wordsFrom(
  words: readonly Word[],
  at: number,
  source: string,
  end: number = words.length,
): string | null {
  const [first, last] = [words[at], words[end - 1]]
  if (first === undefined || last === undefined || at >= end) return null
  if (first.kind === 'quoted' && at === end - 1) return first.text
  const cut = source
    .slice(first.start, last.end)
    .replace(/\s+/g, ' ')
    .replace(/[\s,;:]+$/, '')
  return cut === '' ? null : cut
}
