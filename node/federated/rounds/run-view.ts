/** What people and programs are shown of a run: state, who owes what, what it has cost. */
import { recordOf } from '../scoring/reputation.ts'
import { owedBy } from './apply-block.ts'
import type { LiveRun } from './live-run.ts'
import { isActive } from './participants.ts'
import type { Lie, Phase, RunResult, RunState } from './run-state.ts'
import type { PeerTraffic } from './traffic.ts'

export interface ParticipantView {
  readonly peer: string
  readonly gone: 'left' | 'away' | 'lied' | null
  readonly isVoter: boolean
  readonly missed: number
  /** Scores that were believed. */
  readonly believed: number
  readonly doubted: number
  readonly joules: number
  readonly busyMs: number
}

export interface SlotView {
  readonly slot: number
  readonly id: string
  readonly by: string
  readonly proposer: string
  /** The candidate whose scores it shares, or null. */
  readonly same: string | null
  readonly scorers: number
  readonly committed: number
  readonly revealed: number
}

export interface RunView {
  readonly run: string
  readonly name: string
  readonly announcer: string
  readonly workload: string
  readonly strategy: string
  readonly phase: Phase
  readonly isPaused: boolean
  readonly generation: number
  readonly generations: number
  readonly split: string | null
  readonly stage: number | null
  readonly height: number
  readonly tip: string
  readonly announcedAtMs: number
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  readonly deadlineMs: number | null
  readonly takesPart: boolean
  readonly coordinator: string | null
  readonly committee: readonly string[]
  readonly participants: readonly ParticipantView[]
  /** By peer, how many slots the phase waits for; 0: for its word alone. */
  readonly owed: Readonly<Record<string, number>>
  readonly slots: readonly SlotView[]
  readonly evaluations: number
  readonly joules: number
  readonly best: { readonly id: string; readonly mean: number; readonly generation: number } | null
  readonly stopReason: string | null
  readonly endReason: string | null
  readonly lies: readonly Lie[]
  readonly result: RunResult | null
  /** Bytes of the protocol of runs, by peer, as this node counts them. */
  readonly traffic: Readonly<Record<string, PeerTraffic>>
}

const participantsOf = (state: RunState): ParticipantView[] =>
  Object.keys(state.participants)
    .sort()
    .map((peer) => {
      const { gone, missed, joules, busyMs } = state.participants[peer]!
      const { total, doubtful } = recordOf(state.reputation, peer)
      const isVoter = state.committee.members.includes(peer)
      return { peer, gone, isVoter, missed, believed: total, doubted: doubtful, joules, busyMs }
    })

const slotsOf = (state: RunState): SlotView[] =>
  state.slots.map(({ slot, id, origin, proposer, same, scores }) => ({
    slot,
    id,
    by: origin.by,
    proposer,
    same,
    scorers: scores.length,
    committed: scores.filter(({ digest }) => digest !== null).length,
    revealed: scores.filter(({ values }) => values !== null).length,
  }))

export function viewOf(
  live: Pick<LiveRun, 'announcement' | 'state' | 'coordinator'>,
  init: { readonly self: string; readonly traffic: Readonly<Record<string, PeerTraffic>> },
): RunView {
  const state = live.state()
  const { spec } = state
  const isRunning = state.endedAtMs === null
  return {
    run: state.run,
    name: spec.name,
    announcer: state.announcer,
    workload: spec.workload.kind,
    strategy: spec.strategy.name,
    phase: state.phase,
    isPaused: state.pausedAtMs !== null,
    generation: state.generation,
    generations: spec.limits.generations,
    split: state.scoring?.split ?? null,
    stage: state.scoring?.stage ?? null,
    height: state.height,
    tip: state.tip,
    announcedAtMs: live.announcement.timeMs,
    startedAtMs: state.startedAtMs,
    endedAtMs: state.endedAtMs,
    deadlineMs: state.deadlineMs,
    takesPart: isActive(state, init.self),
    coordinator: isRunning ? live.coordinator() : null,
    committee: state.committee.members,
    participants: participantsOf(state),
    owed: Object.fromEntries(owedBy(state)),
    slots: isRunning ? slotsOf(state) : [],
    evaluations: state.evaluations,
    joules: state.joules,
    best: state.best,
    stopReason: state.stopReason?.limit ?? null,
    endReason: state.endReason,
    lies: state.lies,
    result: state.result,
    traffic: init.traffic,
  }
}
