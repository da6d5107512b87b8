/** A verb that is said once for several: `compare a with b, and then a with c`. */
import { type Clause, lineOf } from './clause.ts'

/** What ties the second object to the verb. */
const TIES = /^(?:with|to|into|against|on|as|under|from)$/
const MAX_WORDS = 12

/** A clause without a verb that is built as the order before it gets that one's verb. */
export function withGaps(clauses: readonly Clause[]): Clause[] {
  const read: Clause[] = []
  for (const clause of clauses) read.push(withVerbOf(clause, read.at(-1)))
  return read
}

function withVerbOf(clause: Clause, before: Clause | undefined): Clause {
  const [head] = clause.words
  const verb = before?.words[0]
  if (before === undefined || before.mood !== 'order' || before.isOff || verb?.form !== 'plain') return clause
  if (clause.mood !== 'statement' || clause.isOff || clause.condition !== null || head === undefined)
    return clause
  const isObject = /^(?:id|path|quoted)$/.test(head.kind) && clause.words.length <= MAX_WORDS
  if (!isObject || clause.words.some(({ form }) => form !== null)) return clause
  const isBuiltAlike = clause.words.some(
    ({ norm }) => TIES.test(norm) && before.words.some((one) => one.norm === norm),
  )
  if (!isBuiltAlike) return clause
  const words = [verb, ...clause.words]
  return { ...clause, words, line: lineOf(words), mood: 'order' }
}
