/** What a run waits for one of its participants to do now. Pure. */
import type { Genome } from '../evolve/strategy.ts'
import type { ItemSplit } from '../workloads/workload.ts'
import { owedBuilds, winnerIn } from './finale.ts'
import { isActive, mayReplace } from './participants.ts'
import { slotOwner } from './proposing.ts'
import { isOver, type RunState, type SlotState } from './run-state.ts'
import { owedScores } from './scoring-stages.ts'

interface AtStage {
  readonly generation: number
  readonly stage: number
  readonly split: ItemSplit
  readonly slots: readonly SlotState[]
}

export type Duty =
  | { readonly kind: 'propose'; readonly generation: number; readonly slots: readonly SlotState[] }
  | ({ readonly kind: 'commit' } & AtStage)
  | ({ readonly kind: 'reveal' } & AtStage)
  | { readonly kind: 'build'; readonly id: string; readonly genome: Genome }

/** Null: nothing, or the run stands still, or `peer` takes no part. */
export function dutyOf(state: RunState, peer: string): Duty | null {
  if (isOver(state) || state.pausedAtMs !== null || !isActive(state, peer)) return null
  const { generation, phase, slots } = state
  if (phase === 'proposing') {
    if (!state.roster.includes(peer) || state.spoken.includes(peer)) return null
    const own = mayReplace(state, peer) ? slots.filter(({ slot }) => slotOwner(state, slot) === peer) : []
    return { kind: 'propose', generation, slots: own }
  }
  if (phase === 'commit' || phase === 'reveal') {
    const owed = new Set(owedScores(state).get(peer) ?? [])
    if (owed.size === 0) return null
    const { stage, split } = state.scoring!
    return { kind: phase, generation, stage, split, slots: slots.filter(({ slot }) => owed.has(slot)) }
  }
  if (phase === 'merging' && owedBuilds(state).includes(peer)) {
    const { id, genome } = winnerIn(state)
    return { kind: 'build', id, genome }
  }
  return null
}

/** Whether a run that may still be joined lacks `peer`. */
export function mayJoin(state: RunState, peer: string): boolean {
  if (isOver(state)) return false
  return (
    !Object.hasOwn(state.participants, peer) ||
    ['left', 'away'].includes(state.participants[peer]!.gone ?? '')
  )
}
