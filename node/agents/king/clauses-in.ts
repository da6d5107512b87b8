/** The clauses of a goal as they are planned: with the objects, code and conditions that one takes from another. */
import { type Clause, lineOf, toWord, type Word } from './clause.ts'
import { withGaps } from './gapped-clauses.ts'
import { withFrames } from './shared-frames.ts'
import { splitClauses } from './split-clauses.ts'

export function clausesIn(words: readonly Word[], source: string): Clause[] {
  return withConditions(withCode(shareObjects(withGaps(withFrames(splitClauses(words, source)))), words))
}

const RUNS_CODE =
  /^(?:run|test|try) (?:it|this|the (?:code|program|\S+) (?:below|above|here|that follows)|that|these|(?:this|the|that|my|these)(?: following)?(?: \S+)? (?:code|program))(?: |$)/

/** `run this code and save what it prints: …`: the code stands at the end, or came before. */
function withCode(clauses: readonly Clause[], words: readonly Word[]): Clause[] {
  const [code, ...more] = words.filter(({ kind }) => kind === 'code')
  if (code === undefined || more.length > 0) return [...clauses]
  const takes = clauses.some((clause) => RUNS_CODE.test(clause.line))
  return clauses.flatMap((clause) => {
    if (takes && clause.words.every((word) => word === code || word.kind === 'mark')) return []
    if (!RUNS_CODE.test(clause.line) || clause.words.includes(code)) return clause
    const all = [...clause.words, code]
    return { ...clause, words: all, line: lineOf(all) }
  })
}

/** `see whether job 7f runs, and if it does, stop it`: the condition is what was asked just before. */
const AS_ASKED =
  /^(?:(?:it|that|this|they|he|she) )?(?:still )?(?:(?:is|are|has|have|do|does|was)(?: (?:so|still|indeed))*|so|yes|(?:is )?(?:that )?the case)$/
const NOT_AS_ASKED =
  /^(?:(?:(?:it|that|this|they) )?(?:(?:is|are|has|have|do|does|was) )?not(?: (?:so|yet))?|no)$/

function withConditions(clauses: readonly Clause[]): Clause[] {
  return clauses.map((clause, index) => {
    const asked = clauses.slice(0, index).findLast(({ condition }) => condition === null)
    if (clause.condition === null || asked === undefined) return clause
    const line = lineOf(clause.condition.words)
    const isNot = NOT_AS_ASKED.test(line)
    if (!isNot && !AS_ASKED.test(line)) return clause
    const { isNegated } = clause.condition
    return { ...clause, condition: { words: asked.words, isNegated: isNegated !== isNot } }
  })
}

/** `download and compress x`: the first has the object of the second; `pull x, inspect`: the last that of the first. */
function shareObjects(clauses: readonly Clause[]): Clause[] {
  return clauses.map((clause, index) => {
    const next = clauses[index + 1]
    if (clause.words.length !== 1 || clause.mood !== 'order' || clause.isOff) return clause
    const [verb] = clause.words as readonly [Word]
    const it = toWord({ ...verb, kind: 'word', text: 'it', lower: 'it' })
    const more = next === undefined || next.mood !== 'order' ? (index === 0 ? [] : [it]) : next.words.slice(1)
    const words = [...clause.words, ...(more.length === 0 && index > 0 ? [it] : more)]
    return { ...clause, words, line: lineOf(words) }
  })
}
