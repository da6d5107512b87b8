/** Who takes part in a run: joins, leaves, and what becomes of those that do nothing. Pure. */
import { faultyOf } from '../ledger/committee.ts'
import type { Participant, RunState } from './run-state.ts'

/** Duties let pass, and none done since, after which a participant counts as away from the next generation on. */
const AWAY_AFTER = 2

/**
 * Generations for which who was sent away still counts among the members. So members cannot be made fewer by making them late, until liars are
 * more than a third of those who are left; and a village that members leave without a word goes on some day with those it has.
 */
const SEAT_GENERATIONS = 8

const FIRST: Omit<Participant, 'joinedGeneration'> = {
  gone: null,
  missed: 0,
  awayGeneration: null,
  unscorable: 0,
  joules: 0,
  busyMs: 0,
}

/** In the order of their ids: the same list on every member. */
export const activeParticipants = ({ participants }: Pick<RunState, 'participants'>): string[] =>
  Object.keys(participants)
    .filter((peer) => participants[peer]!.gone === null)
    .sort()

export const isActive = ({ participants }: Pick<RunState, 'participants'>, peer: string): boolean =>
  Object.hasOwn(participants, peer) && participants[peer]!.gone === null

export function changeParticipant(
  state: RunState,
  peer: string,
  change: (before: Participant) => Participant,
): RunState {
  const before = Object.hasOwn(state.participants, peer) ? state.participants[peer]! : null
  const participant = change(before ?? { ...FIRST, joinedGeneration: state.generation })
  return { ...state, participants: { ...state.participants, [peer]: participant } }
}

export const joined = (state: RunState, peer: string): RunState =>
  changeParticipant(state, peer, (before) => ({
    ...before,
    gone: null,
    // Who leaves and comes back has not done what it owed.
    missed: before.gone === 'left' ? before.missed : 0,
    awayGeneration: null,
  }))

export const left = (state: RunState, peer: string): RunState =>
  changeParticipant(state, peer, (before) => ({ ...before, gone: before.gone === 'lied' ? 'lied' : 'left' }))

export const caughtLying = (state: RunState, peer: string): RunState =>
  changeParticipant(state, peer, (before) => ({ ...before, gone: 'lied' }))

/** A deadline passed and they owed something. */
export function missedBy(state: RunState, peers: Iterable<string>): RunState {
  let next = state
  for (const peer of new Set(peers))
    next = changeParticipant(next, peer, (before) => ({
      ...before,
      missed: Math.min(before.missed + 1, 255),
    }))
  return next
}

/** Did a duty. That it says something else does not make up for what others wait for. */
export const didSomething = (state: RunState, peer: string): RunState =>
  isActive(state, peer) && state.participants[peer]!.missed > 0
    ? changeParticipant(state, peer, (before) => ({ ...before, missed: 0 }))
    : state

/** Proposals that could not be scored after which a participant has no more of its own. */
const MAX_UNSCORABLE = 3

/** Whether it may put candidates of its own into its slots. */
export const mayReplace = ({ participants }: Pick<RunState, 'participants'>, peer: string): boolean =>
  Object.hasOwn(participants, peer) && participants[peer]!.unscorable < MAX_UNSCORABLE

/** At the border of two generations: nobody waits any longer for those that have let too much pass. */
export function sendAway(state: RunState): RunState {
  let next = state
  for (const peer of activeParticipants(state))
    if (state.participants[peer]!.missed >= AWAY_AFTER)
      next = changeParticipant(next, peer, (before) => ({
        ...before,
        gone: 'away',
        awayGeneration: state.generation,
      }))
  return next
}

/** Who was sent away not long ago, in the order of their ids. */
export const absentParticipants = ({
  participants,
  generation,
}: Pick<RunState, 'participants' | 'generation'>): string[] =>
  Object.keys(participants)
    .filter((peer) => {
      const { gone, awayGeneration } = participants[peer]!
      return gone === 'away' && awayGeneration !== null && generation - awayGeneration < SEAT_GENERATIONS
    })
    .sort()

/** Most members that may lie together in this generation: ⌊(n − 1) / 3⌋ of those who take part and those who are away. */
export const faultsOf = ({ roster, absent }: Pick<RunState, 'roster' | 'absent'>): number =>
  faultyOf(roster.length + absent.length)
