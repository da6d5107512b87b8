/** A short question that says little by itself (`which ones have we got?`, `how many minutes?`): read together with what was told just before it. */
import { isChange } from '../changes.ts'
import { type Clause, lineOf } from '../clause.ts'
import { FRAMES } from '../rules/frames.ts'
import type { Outcome, RuleInput } from '../rules/rule.ts'
import { intentOf, NOTHING_ASKED } from './clause-intent.ts'

const MAX_WORDS = 8
const LIKELY = 0.6
/** By itself it is read well enough. */
const CLEAR = 0.9

/** What these are was told before: `which ones have we got?` */
const POINTS_BACK = /(?:^| )(?:ones|one of (?:them|these|those))(?: |$)/

/** A rule that knows the clause keeps its reading; `before`: the clause in front of it. */
export function readInContext(
  read: Outcome | null,
  input: RuleInput,
  before: Clause | undefined,
): Outcome | null {
  const { clause } = input
  if (before?.mood !== 'statement' || before.isOff || before.condition !== null) return read
  if (clause.mood !== 'question' || clause.condition !== null || clause.words.length > MAX_WORDS) return read
  const isWeak =
    read === null || ('calls' in read && (read.isGuess === true || read.calls[0]?.tool === 'knowledge_ask'))
  const alone = intentOf(clause)
  const isClear = alone.share >= CLEAR && read !== null
  if (isClear ? !POINTS_BACK.test(clause.line) : !isWeak) return read
  const words = [...before.words, ...clause.words]
  const whole: Clause = { ...clause, words, line: lineOf(words) }
  const { tool, share } = intentOf(whole)
  if (share < LIKELY || tool === NOTHING_ASKED || isChange(tool) || tool === 'knowledge_ask') return read
  if (isClear && tool !== alone.tool) return read
  const outcome = FRAMES[tool]?.({ ...input, clause: whole }) ?? null
  return outcome !== null && 'calls' in outcome ? { ...outcome, isGuess: true } : read
}
