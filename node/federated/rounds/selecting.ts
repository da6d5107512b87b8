/** The end of a generation: what its candidates are worth goes to the strategy and into the history, and the limits are looked at. Pure. */
import { limitReached } from '../evolve/budget.ts'
import type { ScoredCandidate } from '../evolve/strategy.ts'
import { objectivesOf, type RunRules, scoresOf, searchContext } from './run-rules.ts'
import type { CandidateRecord, GenerationRecord, RunState, SlotState } from './run-state.ts'

/** Candidates whose scores are remembered for when the same genome comes again. */
const MAX_MEMO = 2_048
/** Generations in a row without one usable score after which a run has failed. */
export const MAX_BARREN = 3

interface Weighed {
  readonly slot: SlotState
  readonly scores: readonly number[] | null
  readonly objectives: readonly number[] | null
}

const weighed = (rules: RunRules, state: RunState): Weighed[] =>
  state.slots.map((slot) => {
    const scores = slot.accepted === null ? null : scoresOf(rules, 'selection', slot.accepted)
    return { slot, scores, objectives: scores === null ? null : objectivesOf(rules, slot.genome, scores) }
  })

/** Elites keep the id under which they were scored first. */
const idOf = (slot: SlotState): string => slot.same ?? slot.id

function recordOf({ slot, objectives }: Weighed): CandidateRecord {
  const { id, genome, hash, origin, proposer, same, scores } = slot
  const scorers = scores.flatMap(({ scorer, values }) => (values === null ? [] : [scorer]))
  return { id, slot: slot.slot, genome, hash, origin, proposer, same, objectives, scorers }
}

/** Work of the generation, as its scorers told. */
export interface Work {
  readonly joules: number
  readonly busyMs: number
}

function generationRecord(
  state: RunState,
  rows: readonly Weighed[],
  init: { timeMs: number; work: Work },
): GenerationRecord {
  const scored = rows.flatMap(({ slot, objectives }) =>
    objectives === null ? [] : [{ id: idOf(slot), mean: objectives[0]! }],
  )
  let best: { id: string; mean: number } | null = null
  for (const one of scored) if (best === null || one.mean > best.mean) best = one
  return {
    generation: state.generation,
    startedAtMs: state.generationAtMs,
    endedAtMs: init.timeMs,
    height: state.height,
    committee: state.committee.members,
    candidates: rows.map(recordOf),
    stages: (state.scoring?.stage ?? -1) + 1,
    evaluations: evaluationsOf(state),
    ...init.work,
    best,
    mean: scored.length === 0 ? null : scored.reduce((sum, { mean }) => sum + mean, 0) / scored.length,
  }
}

/** Candidates that were scored anew, by however many. */
const evaluationsOf = ({ slots }: RunState): number =>
  slots.filter(({ same, scores }) => same === null && scores.some(({ values }) => values !== null)).length

function memoAfter(state: RunState): RunState['memo'] {
  const added = state.slots.flatMap(({ same, hash, id, accepted }) =>
    same === null && accepted !== null ? [[hash, id, accepted] as const] : [],
  )
  return [...state.memo, ...added].slice(-MAX_MEMO)
}

const bestAfter = (state: RunState, { best, generation }: GenerationRecord): RunState['best'] =>
  best !== null && (state.best === null || best.mean > state.best.mean) ? { ...best, generation } : state.best

function reached({ spec }: RunRules, state: RunState, timeMs: number): RunState['stopReason'] {
  return limitReached(spec.limits, {
    generations: state.generation + 1,
    evaluations: state.evaluations,
    elapsedMs: timeMs - (state.startedAtMs ?? timeMs),
    joules: state.joules,
    best: state.history.map(({ best }) => best?.mean ?? null),
  })
}

/** The strategy hears the scores; `generation` is still the one that ended. */
export function select(rules: RunRules, state: RunState, timeMs: number): RunState {
  const rows = weighed(rules, state)
  const scored: ScoredCandidate[] = rows.map(({ slot, scores, objectives }) => ({
    slot: slot.slot,
    genome: slot.genome,
    itemScores: scores,
    objectives: objectives ?? [],
    id: idOf(slot),
  }))
  const record = generationRecord(state, rows, { timeMs, work: state.work })
  const next: RunState = {
    ...state,
    search: rules.strategy.tell(searchContext(rules), rules.spec.strategy.options, state.search, scored),
    history: [...state.history, record],
    memo: memoAfter(state),
    best: bestAfter(state, record),
    evaluations: state.evaluations + record.evaluations,
    joules: state.joules + record.joules,
    work: { joules: 0, busyMs: 0 },
    barren: record.best === null ? state.barren + 1 : 0,
  }
  return { ...next, stopReason: reached(rules, next, timeMs) }
}
