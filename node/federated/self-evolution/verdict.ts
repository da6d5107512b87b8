/** Whether the winner of a run takes the place of what there is. */
import { createHash } from 'node:crypto'
import type { Pool } from '../../compute/pool.ts'
import type { FederatedOperations } from '../operations.ts'
import { genomeHash, type RunRules, scoresOf } from '../rounds/run-rules.ts'
import type { FinalRecord, RunState } from '../rounds/run-state.ts'
import { alphaOfLook } from './alpha-spending.ts'
import type { GoalRecord, RunningGoal, Verdict } from './goal-record.ts'

const without = (outcome: Verdict['outcome'], reason: string): Verdict => ({ outcome, reason, look: null })

const scoresIn = (rules: RunRules, row: FinalRecord | undefined): number[] | null =>
  row === undefined || row.values === null ? null : scoresOf(rules, 'final', row.values)

/** Of the final items, what winner and present version have scored. Null where either was scored by nobody. */
function comparedScores(
  rules: RunRules,
  { final }: Pick<RunState, 'final'>,
  present: RunningGoal['present'],
): { winner: number[]; present: number[] } | null {
  const hash = genomeHash(present)
  const winner = scoresIn(
    rules,
    final.find(({ kind }) => kind === 'winner'),
  )
  const former = scoresIn(
    rules,
    final.find(({ kind, genome }) => kind === 'seed' && genomeHash(genome) === hash),
  )
  return winner === null || former === null ? null : { winner, present: former }
}

const OUTCOMES: Readonly<Record<string, Verdict['outcome']>> = { 'no-gain': 'kept', stopped: 'stopped' }

/** Of a run that is over. */
export async function verdictOf(
  components: { readonly pool: Pick<Pool<FederatedOperations>, 'run'> },
  init: {
    readonly rules: RunRules
    readonly state: RunState
    readonly running: RunningGoal
    readonly record: Pick<GoalRecord, 'looks' | 'adoptions'>
  },
  signal: AbortSignal,
): Promise<Verdict> {
  const { rules, state, running, record } = init
  if (state.phase !== 'published') {
    const reason = state.endReason ?? 'stopped'
    return without(OUTCOMES[reason] ?? 'failed', reason)
  }
  const scores = comparedScores(rules, state, running.present)
  if (scores === null) return without('failed', 'not-scored')
  const number = record.looks + 1
  const alpha = alphaOfLook(running.alpha, number, record.adoptions)
  const comparison = await components.pool.run(
    'selfEvolution.compare',
    {
      ...scores,
      alpha,
      isBinary: rules.workload.scoreBits === 1,
      // Nobody chooses it: a judgement that is repeated after a crash is the same.
      seed: createHash('sha256').update(`${state.run}\n${state.tip}`).digest().readUInt32BE(),
    },
    { signal },
  )
  const isBetter = comparison.p < alpha
  return {
    outcome: isBetter ? 'adopted' : 'kept',
    reason: isBetter ? 'better' : 'not-told-apart',
    look: { number, alpha, comparison },
  }
}
