/** `How alike are a and b? Measure their geometry.`: the order says how the question is to be answered, so both are one step. */
import type { JsonValue } from '../../json.ts'
import { type Clause, lineOf } from './clause.ts'
import type { Planned } from './join-questions.ts'
import { ownCollections } from './named-words.ts'
import { isStepReference } from './plan.ts'
import type { Draft } from './rules/rule.ts'

const MEASURES = /^(?:geometry_measure|model_(?:compare|evaluate|inspect)|text_embed|calculate|code_run)$/
const POINTS_BACK =
  /(?:^| )(?:it|its|that|this|them|their|these|those|both|the (?:two|pair|three|models?|difference|distance|answer|result))(?: |$)/

export interface Asked {
  readonly draft: Draft
  readonly mood: Clause['mood']
}

/** Whether the clause before asked for the same: `next` is then all of it, with what it adds (`compare them on likelihood`). */
export function isSameStep(before: Asked | undefined, next: Draft, line: string): boolean {
  if (before?.mood !== 'question' || !POINTS_BACK.test(line) || before.draft.tool !== next.tool) return false
  return Object.entries(before.draft.arguments).every(
    ([name, value]) => plain(value) === plain(next.arguments[name] ?? null),
  )
}

/** `(12 * 3)` is `12 * 3`. */
const plain = (value: JsonValue): string =>
  JSON.stringify(typeof value === 'string' ? value.replace(/^\((.*)\)$/, '$1') : value)

/** Whether a question to the documents is answered by what the order after it measures: of the things that the question names. */
export function answersQuestion(
  before: Asked | undefined,
  { words }: Clause,
  calls: readonly Draft[],
): boolean {
  if (before?.mood !== 'question' || before.draft.tool !== 'knowledge_ask' || calls.length === 0) return false
  if (before.draft.arguments.collections !== undefined || !POINTS_BACK.test(lineOf(words))) return false
  const question = String(before.draft.arguments.question)
  return calls.every(
    ({ tool, arguments: given }) =>
      MEASURES.test(tool) &&
      Object.values(given)
        .flat()
        .some((value) => typeof value === 'string' && !isStepReference(value) && question.includes(value)),
  )
}

/** Whether the passages for the question before are asked for instead of its answer. */
export const searchesFor = (before: Asked | undefined, [only, ...more]: readonly Draft[]): boolean =>
  only?.tool === 'knowledge_search' &&
  more.length === 0 &&
  before?.draft.tool === 'knowledge_ask' &&
  only.arguments.query === before.draft.arguments.question

/** `The recipes are in ~/kitchen. Get them into the index`: one of both was read by likeness, and they speak of the same thing. */
export function saysMore(before: Planned, next: Planned): boolean {
  if (before.draft.tool !== next.draft.tool || before.when !== null || next.when !== null) return false
  if (before.clause === next.clause || (before.isGuess !== true && next.isGuess !== true)) return false
  const [old, now] = [before, next].map(({ draft }) => Object.entries(draft.arguments)) as [
    [string, JsonValue][],
    [string, JsonValue][],
  ]
  return (
    old.length === 0 ||
    now.some(([name, value]) => old.some(([was, said]) => was === name && plain(said) === plain(value)))
  )
}

/** `What goes into the crumble? It is in recipes somewhere.`: where the step before is to look; null where nothing new is said. */
export function placedIn({ tool, arguments: given, ...rest }: Draft, { words, mood }: Clause): Draft | null {
  const [collection, ...more] = ownCollections(words)
  if (mood !== 'statement' || collection === undefined || more.length > 0) return null
  if (tool === 'knowledge_search' && given.collection === undefined)
    return { ...rest, tool, arguments: { ...given, collection } }
  return tool === 'knowledge_ask' && given.collections === undefined
    ? { ...rest, tool, arguments: { ...given, collections: [collection] } }
    : null
}
