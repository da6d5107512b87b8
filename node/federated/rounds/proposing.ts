/** The beginning of a generation: who takes part, who decides, and which candidates stand in the slots. Pure. */
import { VillageError } from '../../errors.ts'
import type { Origin, Proposal } from '../evolve/strategy.ts'
import { type Committee, drawCommittee, rendezvousOrder } from '../ledger/committee.ts'
import { absentParticipants, activeParticipants, faultsOf, isActive, sendAway } from './participants.ts'
import { genomeHash, type RunRules, searchContext } from './run-rules.ts'
import type { RunState, SlotState } from './run-state.ts'

const SLOT_DOMAIN = 'aivillage/rounds/slot/v1'

export const slotId = (generation: number, slot: number): string => `${generation}.${slot}`

/** Who may replace what the strategy proposes for a slot. */
export const slotOwner = (
  state: Pick<RunState, 'run' | 'generation' | 'roster'>,
  slot: number,
): string | null => rendezvousOrder(SLOT_DOMAIN, [state.run, state.generation, slot], state.roster)[0] ?? null

export const emptySlot = (init: {
  slot: number
  id: string
  genome: SlotState['genome']
  origin: Origin
}): SlotState => ({
  ...init,
  hash: genomeHash(init.genome),
  proposer: '',
  same: null,
  scores: [],
  accepted: null,
})

/**
 * Draws roster and committee anew. Null: nobody takes part; then the run waits as before its first generation, and the committee that
 * there is goes on deciding who joins.
 */
export function withRoster(rules: RunRules, before: RunState): RunState | null {
  const state = sendAway(before)
  const roster = activeParticipants(state)
  if (roster.length === 0) return null
  const drawn = { ...state, roster, absent: absentParticipants(state) }
  return { ...drawn, committee: committeeOf(rules, drawn, roster) }
}

/** Who decides has left in good order: the others decide without it from the next block on, or nobody could let it go. */
export function withoutVoter(rules: RunRules, state: RunState, peer: string): RunState {
  const active = state.roster.filter((one) => isActive(state, one))
  if (!state.committee.members.includes(peer) || active.length === 0) return state
  return { ...state, committee: committeeOf(rules, state, active) }
}

/**
 * Two would need each other, and stand less than either alone: then one decides, the announcer if it is here. Neither stands a lie.
 * Where too few are left to stand as many lies as the members who are here or were a while ago, the latter keep seats, last in the order.
 */
function committeeOf({ spec }: RunRules, state: RunState, roster: readonly string[]): Committee {
  const epoch = state.committee.epoch + 1
  const needed = Math.min(spec.committee, 3 * faultsOf(state) + 1)
  if (roster.length < needed && state.absent.length > 0) {
    const here = drawCommittee(state.run, epoch, roster, spec.committee)
    const seats = drawCommittee(state.run, epoch, state.absent, needed - roster.length)
    return { epoch, members: [...here.members, ...seats.members] }
  }
  if (Math.min(spec.committee, roster.length) !== 2)
    return drawCommittee(state.run, epoch, roster, spec.committee)
  const candidates = roster.includes(state.announcer) ? [state.announcer] : roster
  return drawCommittee(state.run, epoch, candidates, 1)
}

const waiting = (state: RunState): RunState => ({
  ...sendAway(state),
  phase: 'announced',
  deadlineMs: null,
  roster: [],
  absent: [],
  slots: [],
  scoring: null,
})

/** The candidates that the strategy proposes now. */
export function proposals(rules: RunRules, search: RunState['search']): Proposal[] {
  const { strategy, spec } = rules
  const proposed = strategy.ask(searchContext(rules), spec.strategy.options, search)
  if (proposed.length !== spec.population)
    throw new VillageError(
      'INTERNAL',
      `The strategy ${strategy.name} proposed ${proposed.length} candidates for ${spec.population} slots`,
    )
  return proposed
}

/** Opens `state.generation`. */
export function beginGeneration(rules: RunRules, before: RunState, timeMs: number): RunState {
  const state = withRoster(rules, before)
  if (state === null) return waiting(before)
  return {
    ...state,
    phase: 'proposing',
    phaseAtMs: timeMs,
    generationAtMs: timeMs,
    startedAtMs: state.startedAtMs ?? timeMs,
    deadlineMs: timeMs + rules.spec.deadlines.proposeMs,
    spoken: [],
    scoring: null,
    slots: proposals(rules, state.search).map(({ genome, origin }, slot) =>
      emptySlot({ slot, id: slotId(state.generation, slot), genome, origin }),
    ),
  }
}

/** Slots whose genome was scored before, or stands in an earlier slot, take those scores: nothing is scored twice. */
export function withKnownScores(state: RunState): RunState {
  const known = new Map(state.memo.map(([hash, id, values]) => [hash, { id, values }]))
  const here = new Map<string, string>()
  const slots = state.slots.map((slot): SlotState => {
    const before = known.get(slot.hash)
    if (before !== undefined) return { ...slot, same: before.id, accepted: before.values }
    const first = here.get(slot.hash)
    if (first !== undefined) return { ...slot, same: first }
    here.set(slot.hash, slot.id)
    return slot
  })
  return { ...state, slots }
}
