/** Questions to the documents that are one: a lead and its question, or two about the same. */
import { canonicalJson } from '../../json.ts'
import type { StepCondition } from './plan.ts'
import type { Draft } from './rules/rule.ts'

export interface Planned {
  readonly draft: Draft
  readonly when: StepCondition | null
  /** Which clause asked for it. */
  readonly clause: number
  /** Where its clause stands in the goal. */
  readonly start: number
  readonly end: number
  /** Read by likeness. */
  readonly isGuess?: boolean
  /** Questions of several clauses. */
  readonly isJoined?: boolean
}

const isQuestion = ({ draft, when }: Planned): boolean => draft.tool === 'knowledge_ask' && when === null

/** The same collections, or one names none. */
function asksSame(one: Planned, other: Planned): boolean {
  const [first, second] = [one.draft.arguments.collections, other.draft.arguments.collections]
  return first === undefined || second === undefined || canonicalJson(first) === canonicalJson(second)
}

/** `next` taken into the question before it; null: it is another. Sage takes questions apart better than clauses do. */
export function joinedQuestion(last: Planned | undefined, next: Planned, source: string): Planned | null {
  if (last === undefined || !isQuestion(last) || !isQuestion(next) || !asksSame(last, next)) return null
  const collections = last.draft.arguments.collections ?? next.draft.arguments.collections
  const question = textBetween(source, last.start, next.end)
  return {
    ...last,
    end: next.end,
    isJoined: true,
    draft: {
      ...last.draft,
      arguments: { question, ...(collections !== undefined && { collections }) },
    },
  }
}

/** Several questions and nothing else: as the asker wrote them. */
export function asWritten(planned: readonly Planned[], source: string): readonly Planned[] {
  const [only, ...more] = planned
  if (only?.isJoined !== true || more.length > 0) return planned
  const question = textBetween(source, 0, source.length)
  return [{ ...only, draft: { ...only.draft, arguments: { ...only.draft.arguments, question } } }]
}

function textBetween(source: string, start: number, end: number): string {
  const mark = /^\s*\?/.test(source.slice(end)) ? '?' : ''
  return `${source.slice(start, end).replace(/\s+/g, ' ').trim()}${mark}`
}
