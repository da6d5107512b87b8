/**
 * The state machine of a run: announced → proposing → scoring (commit, reveal, stage by stage) → selecting → … → merging → published. A
 * state and a block give the next state, the same on every member; time is that of the blocks. Pure.
 */
import { toVillageError, VillageError } from '../../errors.ts'
import type { BlockContent } from '../ledger/block.ts'
import type { Statement } from '../ledger/statement.ts'
import { advanceBuilding, closeComparison, closeValidation, ended, openFinale, owedBuilds } from './finale.ts'
import { activeParticipants, isActive, missedBy } from './participants.ts'
import { beginGeneration, withKnownScores } from './proposing.ts'
import { type RunRules, searchContext } from './run-rules.ts'
import { isOver, type RunState, STATE_FORMAT } from './run-state.ts'
import { closeStage, openReveal, openScoring, owedScores } from './scoring-stages.ts'
import { MAX_BARREN, select } from './selecting.ts'
import { withStatement } from './statement-effects.ts'

/** Phases that one block may pass, when all of them have nothing to wait for. */
const MAX_STEPS = 64

export interface AppliedBlock extends Pick<BlockContent, 'height' | 'parent' | 'timeMs'> {
  readonly hash: string
  readonly statements: readonly { readonly statement: Statement }[]
}

/** The state before the first block. */
export function startState(
  rules: RunRules,
  announced: { readonly announcer: string; readonly timeMs: number; readonly hash: string },
): RunState {
  const { announcer, timeMs, hash } = announced
  return {
    format: STATE_FORMAT,
    run: rules.run,
    announcer,
    spec: rules.spec,
    height: 0,
    tip: hash,
    timeMs,
    startedAtMs: null,
    isStarted: false,
    isStopped: false,
    phase: 'announced',
    pausedAtMs: null,
    deadlineMs: null,
    phaseAtMs: timeMs,
    generation: 0,
    generationAtMs: timeMs,
    participants: {},
    sequences: {},
    reputation: {},
    committee: { epoch: 0, members: [announcer] },
    roster: [],
    absent: [],
    spoken: [],
    search: rules.strategy.start(searchContext(rules), rules.spec.strategy.options),
    slots: [],
    scoring: null,
    memo: [],
    history: [],
    lies: [],
    evaluations: 0,
    joules: 0,
    work: { joules: 0, busyMs: 0 },
    best: null,
    barren: 0,
    stopReason: null,
    finalists: [],
    final: [],
    built: {},
    builders: [],
    buildStage: 0,
    winner: null,
    result: null,
    endReason: null,
    endedAtMs: null,
  }
}

/** Participants whose word or work the phase waits for, each with how many slots. */
export function owedBy(state: RunState): Map<string, number> {
  if (isOver(state) || state.pausedAtMs !== null) return new Map()
  switch (state.phase) {
    case 'proposing':
      return new Map(
        state.roster
          .filter((peer) => isActive(state, peer) && !state.spoken.includes(peer))
          .map((peer) => [peer, 0]),
      )
    case 'commit':
    case 'reveal':
      return new Map([...owedScores(state)].map(([peer, slots]) => [peer, slots.length]))
    case 'merging':
      return new Map(owedBuilds(state).map((peer) => [peer, 1]))
    default:
      return new Map()
  }
}

interface Moment {
  readonly timeMs: number
  readonly seed: string
}

function scoreOrSelect(rules: RunRules, state: RunState, { timeMs, seed }: Moment): RunState {
  const known = withKnownScores({ ...state, work: { joules: 0, busyMs: 0 } })
  return known.slots.every(({ same }) => same !== null)
    ? selected(rules, known, { timeMs, seed })
    : openScoring(rules, known, { split: 'selection', seed, timeMs })
}

function selected(rules: RunRules, before: RunState, { timeMs, seed }: Moment): RunState {
  const state = select(rules, before, timeMs)
  if (state.barren >= MAX_BARREN) return ended(state, 'no-scores', timeMs)
  if (state.stopReason === null)
    return beginGeneration(rules, { ...state, generation: state.generation + 1 }, timeMs)
  return openFinale(rules, state, { timeMs, seed })
}

function closeReveal(rules: RunRules, before: RunState, moment: Moment): RunState {
  const { state, isOver: isScored } = closeStage(rules, before, moment)
  if (!isScored) return state
  switch (state.scoring!.split) {
    case 'selection':
      return selected(rules, state, moment)
    case 'validation':
      return closeValidation(rules, state, moment)
    case 'final':
      return closeComparison(rules, state, moment.timeMs)
  }
}

/** One phase on, or the same state where it has to wait. */
function step(rules: RunRules, state: RunState, moment: Moment): RunState {
  const { timeMs } = moment
  const isDue = owedBy(state).size === 0 || timeMs >= (state.deadlineMs ?? Number.POSITIVE_INFINITY)
  switch (state.phase) {
    case 'announced': {
      const active = activeParticipants(state).length
      const isReady =
        active >= rules.spec.minimum || (active > 0 && (state.isStarted || state.startedAtMs !== null))
      return isReady ? beginGeneration(rules, state, timeMs) : state
    }
    case 'proposing': {
      if (!isDue) return state
      return scoreOrSelect(rules, missedBy(state, owedBy(state).keys()), moment)
    }
    case 'commit':
      return isDue ? openReveal(rules, state, timeMs) : state
    case 'reveal':
      return isDue ? closeReveal(rules, state, moment) : state
    case 'merging':
      return advanceBuilding(rules, state, timeMs)
    case 'published':
    case 'ended':
      return state
  }
}

function advance(rules: RunRules, before: RunState, moment: Moment): RunState {
  let state = before
  if (state.isStopped && !isOver(state)) return ended(state, 'stopped', moment.timeMs)
  for (let steps = 0; steps < MAX_STEPS && state.pausedAtMs === null; steps++) {
    const next = step(rules, state, moment)
    if (next === state) break
    state = next
  }
  return state
}

const refused = (reason: string, fields: Record<string, string | number>, cause?: unknown): VillageError =>
  new VillageError('LEDGER_REFUSED', `A block does not follow the rules of its run: ${reason}`, {
    fields,
    ...(cause === undefined ? {} : { cause }),
  })

/**
 * The state after a block whose form, place in the chain and signatures have been checked. Throws LEDGER_REFUSED for a statement that may
 * not stand in it, and for a block that changes nothing.
 */
export function applyBlock(rules: RunRules, before: RunState, block: AppliedBlock): RunState {
  const { height, timeMs, hash } = block
  if (height !== before.height + 1 || block.parent !== before.tip)
    throw refused('it does not follow the block below', { height })
  if (timeMs < before.timeMs) throw refused('it is older than the block below', { height })
  if (isOver(before)) throw refused('the run is over', { height })
  let state = before
  for (const { statement } of block.statements) {
    const { kind, author } = statement
    try {
      const effect = withStatement(rules, state, statement, timeMs)
      if (typeof effect === 'string') throw refused(effect, { height, kind, author })
      state = effect
    } catch (error) {
      if (toVillageError(error).code === 'LEDGER_REFUSED') throw error
      throw refused('a statement is not one of this run', { height, kind, author }, error)
    }
  }
  const after = advance(rules, state, { timeMs, seed: hash })
  if (after === before) throw refused('it says nothing', { height })
  return { ...after, height, tip: hash, timeMs }
}

/** Those of the statements that may stand in the next block together, in their order. */
export function admissible<T extends { readonly statement: Statement }>(
  rules: RunRules,
  before: RunState,
  candidates: readonly T[],
  timeMs: number,
): { taken: T[]; refused: { candidate: T; reason: string }[] } {
  const taken: T[] = []
  const left: { candidate: T; reason: string }[] = []
  let state = before
  for (const candidate of candidates) {
    let effect: RunState | string
    try {
      effect = withStatement(rules, state, candidate.statement, timeMs)
    } catch (error) {
      effect = toVillageError(error).message
    }
    if (typeof effect === 'string') left.push({ candidate, reason: effect })
    else {
      state = effect
      taken.push(candidate)
    }
  }
  return { taken, refused: left }
}

/** Whether a block of these statements at this time would bring the run to its next phase, or has to come now. */
export function wouldAdvance(
  rules: RunRules,
  before: RunState,
  statements: readonly { readonly statement: Statement }[],
  timeMs: number,
): boolean {
  let state = before
  for (const { statement } of statements) {
    const effect = withStatement(rules, state, statement, timeMs)
    if (typeof effect === 'string') return false
    state = effect
  }
  if (state.isStopped || state.pausedAtMs !== before.pausedAtMs) return true
  if (state.pausedAtMs !== null || isOver(state)) return false
  // Enough to know that the phase waits for nobody, or that a deadline has passed: what comes of it is computed once, in the block.
  if (state.phase === 'announced') {
    const active = activeParticipants(state).length
    return active >= rules.spec.minimum || (active > 0 && (state.isStarted || state.startedAtMs !== null))
  }
  if (state.phase === 'merging') return advanceBuilding(rules, state, timeMs) !== state
  return owedBy(state).size === 0 || timeMs >= (state.deadlineMs ?? Number.POSITIVE_INFINITY)
}
