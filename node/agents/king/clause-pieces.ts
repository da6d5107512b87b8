/** Parts of a sentence on the way to clauses, and what is cut from their ends. */
import { type ClauseCondition, lineOf, type Word } from './clause.ts'
import { beginsClause } from './mood.ts'

export interface Piece {
  readonly words: readonly Word[]
  readonly condition: ClauseCondition | null
  /** `and`, `or`: a `don't` before goes on. */
  readonly isJoined: boolean
}

/** Takes words apart further. */
export type Split = (words: readonly Word[]) => Piece[]

export const CONNECTORS = /^(?:,|and|&|\+|->|→|plus|but|or|then|also|;|—|–)$/
/** Cut from an order: why it is wanted says nothing about what to do. */
const REASONS =
  /^(?:because|since|so (?:that )?(?:i|we|it|they|you|people|everybody)|in case|as i|as we)(?= |$)/
const SUBJECT =
  /^(?:(?:you|we|i|it|that|this|they|the \S+|everything|all)(?: (?:have|has|are|is|was|were|had|will|would|be|been|being))*(?: (?:been|done with|finished|done|finish))?)(?= |$)/

export const piece = (
  words: readonly Word[],
  condition: ClauseCondition | null = null,
  isJoined = false,
): Piece => ({
  words,
  condition,
  isJoined,
})

export function stripConnectors(words: readonly Word[]): readonly Word[] {
  let at = 0
  while (at < words.length && CONNECTORS.test(words[at]!.norm) && words[at]!.norm !== 'or') at++
  return words.slice(at)
}

export function trimEnd(words: readonly Word[]): readonly Word[] {
  let end = words.length
  while (end > 0 && CONNECTORS.test(words[end - 1]!.norm)) end--
  return words.slice(0, end)
}

export function readSubject(words: readonly Word[]): { words: readonly Word[]; hasSubject: boolean } {
  const match = SUBJECT.exec(lineOf(words.slice(0, 6)))
  if (match === null || words[0]!.form === 'ing') return { words, hasSubject: false }
  return { words: words.slice(match[0].split(' ').length), hasSubject: true }
}

/** Of a question: `what time it is so that I can note it down`. */
const PURPOSE = /^so (?:that )?(?:i|we|you|they) (?:can|could|may|might|know|will)(?= |$)/

export function cutPurpose(words: readonly Word[]): readonly Word[] {
  const at = words.findIndex((_, index) => index > 1 && PURPOSE.test(lineOf(words.slice(index, index + 5))))
  return at === -1 ? words : trimEnd(words.slice(0, at))
}

export function cutReasons(words: readonly Word[]): readonly Word[] {
  const at = words.findIndex((_, index) => index > 0 && REASONS.test(lineOf(words.slice(index, index + 4))))
  // `so that it fits in 1 MB` says what to do.
  return at === -1 || words.slice(at).some(({ value }) => value !== null)
    ? words
    : trimEnd(words.slice(0, at))
}

/** Not a verb with its subject: `it keeps`, `they share`. */
export const isOrderAt = (words: readonly Word[], index: number): boolean =>
  !/^(?:it|they|you|we|i|that|to|not|can|will|should|would|must|and|the|a|an|its|their|more|less|least|most|than)$/.test(
    words[index - 1]!.norm,
  ) && beginsClause(words.slice(index, index + 16))
