/** What a run has behind it. Anybody can bring such a statement again: it is public, and signed. Pure. */
import type { Statement } from '../ledger/statement.ts'
import type { RunState } from './run-state.ts'

/** Whether the run can never take the statement again, whatever comes. False where this member cannot tell. */
export function isSpent(state: RunState, statement: Statement): boolean {
  switch (statement.kind) {
    case 'join':
    case 'leave':
    case 'control':
      return (
        statement.sequence <=
        (Object.hasOwn(state.sequences, statement.author) ? state.sequences[statement.author]! : -1)
      )
    case 'propose':
      return statement.generation < state.generation
    case 'commit':
    case 'reveal':
      return (
        statement.generation < state.generation ||
        (statement.generation === state.generation && statement.stage < (state.scoring?.stage ?? 0))
      )
    case 'built':
      return Object.hasOwn(state.built, statement.author)
    case 'proof':
      return state.lies.some(({ peer }) => peer === statement.voter)
  }
}
