/**
 * The end of a run: the best few are validated on items that selection never saw, the best of them is compared with the seeds on items
 * that decide nothing, it is built by several members, and what they agree on is published. Pure.
 */
import { rendezvousOrder } from '../ledger/committee.ts'
import type { ItemSplit } from '../workloads/workload.ts'
import { faultsOf, isActive, missedBy } from './participants.ts'
import { emptySlot, withRoster } from './proposing.ts'
import { genomeHash, meanOf, objectivesOf, type RunRules, scoresOf } from './run-rules.ts'
import type { CandidateRecord, EndReason, Finalist, FinalRecord, RunState, SlotState } from './run-state.ts'
import { openScoring } from './scoring-stages.ts'

const BUILDER_DOMAIN = 'aivillage/rounds/builder/v1'
/** Every further one costs a full check and makes chance findings likelier. */
export const MAX_FINALISTS = 3
/** More than any workload has: the claim is about all of them. */
const MAX_SEEDS = 64
/** A second time everybody is asked. */
const BUILD_STAGES = 2

/** In the place of a CID where the winner is no model. */
export const NO_MODEL = ''

export const ended = (state: RunState, endReason: EndReason, timeMs: number): RunState => ({
  ...state,
  phase: 'ended',
  deadlineMs: null,
  pausedAtMs: null,
  endReason,
  endedAtMs: timeMs,
})

/** Best by their mean on the items of selection; of equal ones the earlier. Each genome once. */
function bestCandidates(state: RunState): CandidateRecord[] {
  const scored = state.history
    .flatMap(({ candidates }) => candidates)
    .filter(({ same, objectives }) => same === null && objectives !== null)
  const best: CandidateRecord[] = []
  for (const candidate of scored.sort((a, b) => b.objectives![0]! - a.objectives![0]!)) {
    if (best.length === MAX_FINALISTS) break
    if (!best.some(({ hash }) => hash === candidate.hash)) best.push(candidate)
  }
  return best
}

interface Moment {
  readonly timeMs: number
  readonly seed: string
}

/** A generation of its own, in which these slots are scored on another split. Null: nobody takes part. */
function openSplit(
  rules: RunRules,
  before: RunState,
  init: Moment & { readonly split: ItemSplit; readonly slots: SlotState[] },
): RunState | null {
  const state = withRoster(rules, { ...before, generation: before.generation + 1 })
  if (state === null) return null
  const { slots, split, seed, timeMs } = init
  return openScoring(rules, { ...state, slots, generationAtMs: timeMs }, { split, seed, timeMs })
}

/**
 * After the last generation: the best few are scored on the items of validation, which chose nothing so far; or, where the workload has
 * none, the best by selection has won.
 */
export function openFinale(rules: RunRules, before: RunState, moment: Moment): RunState {
  const best = bestCandidates(before)
  if (best.length === 0) return ended(before, 'no-scores', moment.timeMs)
  const finalists = best.map(
    ({ id, genome, hash, objectives }): Finalist => ({
      id,
      genome,
      hash,
      selectionMean: objectives![0]!,
      validation: null,
    }),
  )
  const state = { ...before, finalists }
  const slots = finalists.map(({ id, genome }, slot) =>
    emptySlot({ slot, id, genome, origin: { parents: [], by: 'finalist' } }),
  )
  const isValidated = best.length > 1 && rules.workload.items(rules.spec.workload.options, 'validation') > 0
  if (!isValidated) return openComparison(rules, state, finalists[0]!, moment)
  return (
    openSplit(rules, state, { ...moment, split: 'validation', slots }) ??
    ended(state, 'no-scores', moment.timeMs)
  )
}

/** Over the items of both splits together; one that nobody could validate is out. Of equal ones the better by selection. */
function winnerOf(rules: RunRules, finalists: readonly Finalist[]): Finalist | null {
  const { items } = rules.workload
  const [selection, validation] = (['selection', 'validation'] as const).map((split) =>
    items(rules.spec.workload.options, split),
  ) as [number, number]
  let best: { finalist: Finalist; sum: number } | null = null
  for (const finalist of finalists) {
    if (finalist.validation === null) continue
    const mean = meanOf(scoresOf(rules, 'validation', finalist.validation))
    const sum = finalist.selectionMean * selection + mean * validation
    if (best === null || sum > best.sum) best = { finalist, sum }
  }
  return best?.finalist ?? null
}

/** The scoring of the finalists is over. */
export function closeValidation(rules: RunRules, before: RunState, moment: Moment): RunState {
  const finalists = before.finalists.map((finalist, slot) => ({
    ...finalist,
    validation: before.slots[slot]?.accepted ?? null,
  }))
  const state = withWork({ ...before, finalists })
  const winner = winnerOf(rules, finalists)
  return winner === null
    ? ended(state, 'no-scores', moment.timeMs)
    : openComparison(rules, state, winner, moment)
}

/** Winner and seeds on items that decided nothing: what the run may claim rests on these alone. */
function openComparison(rules: RunRules, before: RunState, winner: Finalist, moment: Moment): RunState {
  const state = { ...before, winner: winner.id }
  const seeds = rules.space.seeds.slice(0, MAX_SEEDS)
  if (seeds.some((seed) => genomeHash(seed) === winner.hash)) return ended(state, 'no-gain', moment.timeMs)
  const candidates = [
    { id: winner.id, genome: winner.genome, by: 'winner' },
    ...seeds.map((genome, index) => ({ id: `seed.${index}`, genome, by: 'seed' })),
  ]
  const slots = candidates.map(({ id, genome, by }, slot) =>
    emptySlot({ slot, id, genome, origin: { parents: [], by } }),
  )
  return (
    openSplit(rules, state, { ...moment, split: 'final', slots }) ?? ended(state, 'no-scores', moment.timeMs)
  )
}

const withWork = (state: RunState): RunState => ({
  ...state,
  joules: state.joules + state.work.joules,
  work: { joules: 0, busyMs: 0 },
})

function finalRecords(rules: RunRules, state: RunState): FinalRecord[] {
  const means = new Map(
    state.history.flatMap(({ candidates }) =>
      candidates.map((row) => [row.hash, row.objectives?.[0] ?? null] as const),
    ),
  )
  return state.slots.map(({ id, genome, hash, origin, accepted, scores }) => {
    const values = accepted === null ? null : scoresOf(rules, 'final', accepted)
    return {
      id,
      kind: origin.by === 'winner' ? 'winner' : 'seed',
      genome,
      selectionMean: means.get(hash) ?? null,
      values: accepted,
      objectives: values === null ? null : objectivesOf(rules, genome, values),
      scorers: scores.flatMap(({ scorer, values: told }) => (told === null ? [] : [scorer])),
    }
  })
}

/** The comparison is over; whatever it says, the winner is built. */
export function closeComparison(rules: RunRules, before: RunState, timeMs: number): RunState {
  const state = withWork({ ...before, final: finalRecords(rules, before) })
  return rules.workload.builds
    ? openBuilding(rules, state, 0, timeMs)
    : published(state, NO_MODEL, [], timeMs)
}

/** So many equal ones are believed: more than can lie. */
const neededBuilds = (state: RunState): number => faultsOf(state) + 1

function openBuilding({ spec }: RunRules, state: RunState, stage: number, timeMs: number): RunState {
  const active = state.roster.filter((peer) => isActive(state, peer))
  const order = rendezvousOrder(BUILDER_DOMAIN, [state.run], active)
  return {
    ...state,
    phase: 'merging',
    phaseAtMs: timeMs,
    deadlineMs: timeMs + spec.deadlines.buildMs,
    buildStage: stage,
    builders: stage === 0 ? order.slice(0, 2 * faultsOf(state) + 1) : order,
  }
}

export const winnerIn = ({ finalists, winner }: RunState): Finalist =>
  finalists.find(({ id }) => id === winner)!

export const owedBuilds = (state: RunState): string[] =>
  state.phase === 'merging'
    ? state.builders.filter((peer) => isActive(state, peer) && !Object.hasOwn(state.built, peer))
    : []

function agreed(state: RunState): { cid: string; builders: string[] } | null {
  const byCid = new Map<string, string[]>()
  for (const peer of Object.keys(state.built).sort())
    byCid.set(state.built[peer]!, [...(byCid.get(state.built[peer]!) ?? []), peer])
  for (const [cid, builders] of byCid) if (builders.length >= neededBuilds(state)) return { cid, builders }
  return null
}

function published(state: RunState, cid: string, builders: readonly string[], timeMs: number): RunState {
  const { id, genome } = winnerIn(state)
  return {
    ...state,
    phase: 'published',
    deadlineMs: null,
    pausedAtMs: null,
    result: { id, genome, cid: cid === NO_MODEL ? null : cid, builders },
    endedAtMs: timeMs,
  }
}

/** Publishes what enough have built alike, or goes on to ask everybody, or gives up. The same state: it has to wait. */
export function advanceBuilding(rules: RunRules, state: RunState, timeMs: number): RunState {
  const result = agreed(state)
  if (result !== null) return published(state, result.cid, result.builders, timeMs)
  const owed = owedBuilds(state)
  if (owed.length > 0 && timeMs < state.deadlineMs!) return state
  const missed = missedBy(state, owed)
  return state.buildStage + 1 < BUILD_STAGES
    ? openBuilding(rules, missed, state.buildStage + 1, timeMs)
    : ended(missed, 'build-disagreement', timeMs)
}
