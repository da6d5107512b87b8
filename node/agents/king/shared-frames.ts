/** What the frame of one clause says of the next: `I need x added as bird, then compressed to a third`. */
import { type Clause, lineOf, toWord, type Word } from './clause.ts'
import { ACTIONS, findVerb } from './find-verb.ts'

/** Participles that go on with what was wished before are orders of their own, over what that one made. */
export function withFrames(clauses: readonly Clause[]): Clause[] {
  const read: Clause[] = []
  for (const clause of clauses) {
    const before = read.at(-1)
    const [head, ...rest] = clause.words
    const goesOn =
      before !== undefined &&
      head !== undefined &&
      clause.mood === 'statement' &&
      head.form === 'past' &&
      ACTIONS.test(head.norm) &&
      isWish(before)
    if (!goesOn) {
      read.push(clause)
      continue
    }
    const it: Word = toWord({ ...head, kind: 'word', text: 'it', lower: 'it' })
    const words: Word[] = [{ ...head, form: 'plain' }, it, ...rest]
    read.push({ ...clause, mood: 'order', words, line: lineOf(words) })
  }
  return read
}

/** `I need it added`, `x should be indexed`, or one that went on itself. */
const isWish = (clause: Clause): boolean =>
  !clause.isOff && clause.mood !== 'question' && findVerb(clause).verb !== null
