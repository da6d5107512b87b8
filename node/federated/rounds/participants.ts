/** Who takes part in a run: joins, leaves, and what becomes of those that do nothing. Pure. */
import type { Participant, RunState } from './run-state.ts'

/** Duties let pass in a row after which a participant counts as away from the next generation on. */
export const AWAY_AFTER = 2

const FIRST: Omit<Participant, 'joinedGeneration'> = { gone: null, missed: 0, joules: 0, busyMs: 0 }

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
  changeParticipant(state, peer, (before) => ({ ...before, gone: null, missed: 0 }))

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

export const didSomething = (state: RunState, peer: string): RunState =>
  isActive(state, peer) && state.participants[peer]!.missed > 0
    ? changeParticipant(state, peer, (before) => ({ ...before, missed: 0 }))
    : state

/** At the border of two generations: nobody waits any longer for those that have let too much pass. */
export function sendAway(state: RunState): RunState {
  let next = state
  for (const peer of activeParticipants(state))
    if (state.participants[peer]!.missed >= AWAY_AFTER)
      next = changeParticipant(next, peer, (before) => ({ ...before, gone: 'away' }))
  return next
}
