/**
 * What a member of the committee says against a new block although the rules of the run would take it: that it leaves out what others have said for
 * a while, lets a deadline pass too early, or is about somebody whom the village does not let do that. Without it, who makes the blocks could
 * keep everybody else from being heard. Pure.
 */
import { type Block, fitStatements } from '../ledger/block.ts'
import type { SignedStatement, Statement } from '../ledger/statement.ts'
import { admissible } from './apply-block.ts'
import type { RunRules } from './run-rules.ts'
import type { RunState } from './run-state.ts'

/** A block that lets a deadline pass may be so far ahead of the clock of a voter, and no further. */
const CLOSE_AHEAD_MS = 1_000

/**
 * Whether everybody judges the statement alike: who is a member or an admin may be known to some voters and not to others yet, and they
 * must not wait for each other over that.
 */
const isDemanded = ({ kind, author }: Statement, announcer: string): boolean =>
  kind !== 'join' && (kind !== 'control' || author === announcer)

/** Null: nothing speaks against it. `overdue`: what this voter has held for longer than it is patient. */
export function voterObjection(
  rules: RunRules,
  state: RunState,
  block: Block,
  init: {
    readonly nowMs: number
    readonly overdue: readonly SignedStatement[]
    readonly roleProblem: (statement: Statement) => string | null
  },
): string | null {
  for (const { statement } of block.statements) {
    const problem = init.roleProblem(statement)
    if (problem !== null) return problem
  }
  const { deadlineMs, pausedAtMs } = state
  const isPast = pausedAtMs === null && deadlineMs !== null && block.timeMs >= deadlineMs
  if (isPast && block.timeMs > init.nowMs + CLOSE_AHEAD_MS) return 'a deadline is not over yet'
  const left = leftOut(rules, state, block, {
    overdue: init.overdue,
    isClosing: isPast && state.timeMs < deadlineMs,
  })
  return left === null
    ? null
    : `it leaves out what ${left.statement.author} has said (${left.statement.kind})`
}

/** A statement that the block could hold, and does not; of one that lets a deadline pass also one that would not fit: it is not the time yet. */
function leftOut(
  rules: RunRules,
  state: RunState,
  block: Block,
  { overdue, isClosing }: { overdue: readonly SignedStatement[]; isClosing: boolean },
): SignedStatement | null {
  const said = new Set(block.statements.map(({ digest }) => digest))
  const missing = overdue.filter(
    ({ statement, digest }) => !said.has(digest) && isDemanded(statement, state.announcer),
  )
  for (const candidate of missing) {
    const together = [...block.statements, candidate]
    const { taken } = admissible(rules, state, together, block.timeMs)
    const fits = isClosing || fitStatements(together).length === together.length
    if (taken.length === together.length && fits) return candidate
  }
  return null
}
