/**
 * Scoring, a stage at a time: scorers are drawn by the hash of a block, all commit, all reveal, the judge says what is believed and where
 * more scorers are wanted. Pure.
 */

import { drawFirstScorers, drawScorers } from '../scoring/assignment.ts'
import { decisiveSlots, judge } from '../scoring/judge.ts'
import type { CandidateEvidence, Judgement } from '../scoring/judgement.ts'
import { packScores, unpackScores } from '../scoring/quantise.ts'
import {
  afterGeneration,
  isQuarantined,
  quarantinedScorers,
  recordOf,
  trustedScorers,
} from '../scoring/reputation.ts'
import type { ItemSplit } from '../workloads/workload.ts'
import { caughtLying, changeParticipant, faultsOf, isActive, missedBy } from './participants.ts'
import type { RunRules } from './run-rules.ts'
import type { Lie, RunState, SlotScore, SlotState } from './run-state.ts'

/** Then what there is decides. */
const MAX_STAGES = 8

/** After so many times in a row that a scorer showed nothing it is drawn only now and then. */
const SILENT_TIMES = 3
const SECOND_CHANCE_EVERY = 4

/** Of the roster: still here, believed, and not silent again and again, as long as enough others are left. */
function scorersLeft(state: RunState): string[] {
  const left = state.roster.filter((peer) => isActive(state, peer) && !isQuarantined(state.reputation, peer))
  if (state.generation % SECOND_CHANCE_EVERY === 0) return left
  const heard = left.filter((peer) => recordOf(state.reputation, peer).silent < SILENT_TIMES)
  return heard.length > 2 * faultsOf(state) ? heard : left
}

const drawn = (scorer: string, stage: number): SlotScore => ({
  scorer,
  stage,
  digest: null,
  isUnscorable: false,
  values: null,
  joules: 0,
  busyMs: 0,
})

/** Opens the first stage for every slot that has no scores yet. */
export function openScoring(
  rules: RunRules,
  state: RunState,
  init: { split: ItemSplit; seed: string; timeMs: number },
): RunState {
  const { spec } = rules
  const participants = scorersLeft(state)
  const faulty = faultsOf(state)
  // What decides or is claimed in the end is believed only where more have scored than can lie, whatever the run says.
  const scorers = init.split === 'selection' ? spec.scorers : Math.max(spec.scorers, faulty + 1)
  const slots = state.slots.map((slot): SlotState => {
    if (slot.same !== null) return slot
    const peers = drawFirstScorers(
      {
        run: state.run,
        generation: state.generation,
        slot: slot.slot,
        participants,
        proposer: slot.proposer,
        seed: init.seed,
        reputation: state.reputation,
      },
      { scorers, faulty },
    )
    return { ...slot, scores: peers.map((peer) => drawn(peer, 0)) }
  })
  return toCommit(
    rules,
    { ...state, slots, scoring: { split: init.split, stage: 0, seed: init.seed } },
    init.timeMs,
  )
}

const toCommit = ({ spec }: RunRules, state: RunState, timeMs: number): RunState => ({
  ...state,
  phase: 'commit',
  phaseAtMs: timeMs,
  deadlineMs: timeMs + spec.deadlines.commitMs,
})

/** What is owed in this half of the stage: by scorer, the slots. Those that have left or lied owe nothing. */
export function owedScores(state: RunState): Map<string, number[]> {
  const owed = new Map<string, number[]>()
  if (state.scoring === null || (state.phase !== 'commit' && state.phase !== 'reveal')) return owed
  for (const { slot, scores } of state.slots)
    for (const score of scores) {
      const isDone = score.values !== null || score.isUnscorable
      if (score.stage !== state.scoring.stage || isDone || !isActive(state, score.scorer)) continue
      if (state.phase === 'commit' ? score.digest !== null : score.digest === null) continue
      owed.set(score.scorer, [...(owed.get(score.scorer) ?? []), slot])
    }
  return owed
}

/** The commitments are in, or their time is over: who committed shows now what to. */
export function openReveal({ spec }: RunRules, state: RunState, timeMs: number): RunState {
  return {
    ...missedBy(state, owedScores(state).keys()),
    phase: 'reveal',
    phaseAtMs: timeMs,
    deadlineMs: timeMs + spec.deadlines.revealMs,
  }
}

function evidenceOf(
  rules: RunRules,
  state: RunState,
  exhausted: (slot: SlotState) => boolean,
): CandidateEvidence[] {
  const { workload, spec } = rules
  const items = workload.items(spec.workload.options, state.scoring!.split)
  return state.slots.flatMap((slot) =>
    slot.same === null
      ? [
          {
            slot: slot.slot,
            proposer: slot.proposer,
            reveals: slot.scores.flatMap(({ scorer, values }) =>
              values === null
                ? []
                : [
                    {
                      scorer,
                      values: unpackScores(Buffer.from(values, 'base64'), items, workload.scoreBits),
                    },
                  ],
            ),
            silent: slot.scores.flatMap(({ scorer, values, isUnscorable }) =>
              // Who left in good order let nobody wait.
              values === null && !isUnscorable && isActive(state, scorer) ? [scorer] : [],
            ),
            failed: slot.scores.flatMap(({ scorer, isUnscorable }) => (isUnscorable ? [scorer] : [])),
            exhausted: exhausted(slot),
          },
        ]
      : [],
  )
}

function drawMore(state: RunState, slot: SlotState, count: number, seed: string): string[] {
  return drawScorers({
    run: state.run,
    generation: state.generation,
    slot: slot.slot,
    stage: state.scoring!.stage + 1,
    participants: scorersLeft(state),
    proposer: slot.proposer,
    count,
    already: slot.scores.map(({ scorer }) => scorer),
    seed,
    reputation: state.reputation,
  })
}

function weigh(rules: RunRules, state: RunState, seed: string, isLast: boolean) {
  const { workload, spec } = rules
  const evidence = evidenceOf(rules, state, (slot) => isLast || drawMore(state, slot, 1, seed).length === 0)
  // A strategy leans on the better part of a generation; in the end everything counts.
  const isSelection = state.scoring!.split === 'selection'
  const leaned = isSelection ? Math.ceil(spec.population / 4) : evidence.length
  const judgement = judge(evidence, {
    faulty: faultsOf(state),
    tolerance: workload.tolerance.share,
    closeness: workload.tolerance.closeness,
    decisive: decisiveSlots(evidence, leaned),
    scorers: spec.scorers,
    trusted: trustedScorers(state.reputation),
    quarantined: quarantinedScorers(state.reputation),
    // Audits are drawn once, when the first stage is over: another hash would draw others.
    ...(state.scoring!.stage === 0 && { seed }),
  })
  return { evidence, judgement }
}

/**
 * The end of a stage. The scoring stands in another stage afterwards (`phase` is `commit` again), or it is over: then slots have what is
 * believed in `accepted`, and reputations, liars and work done are counted.
 */
export function closeStage(
  rules: RunRules,
  before: RunState,
  init: { seed: string; timeMs: number },
): { state: RunState; isOver: boolean } {
  const state = missedBy(before, owedScores(before).keys())
  const stage = state.scoring!.stage + 1
  const { evidence, judgement } = weigh(rules, state, init.seed, stage >= MAX_STAGES)
  const slots = state.slots.map((slot): SlotState => {
    const wanted = judgement.wanted.get(slot.slot) ?? 0
    if (slot.same !== null || wanted === 0) return slot
    const more = drawMore(state, slot, wanted, init.seed)
    return { ...slot, scores: [...slot.scores, ...more.map((peer) => drawn(peer, stage))] }
  })
  const drewMore = slots.some(({ scores }) => scores.some((score) => score.stage === stage))
  if (drewMore && stage < MAX_STAGES) {
    const scoring = { ...state.scoring!, stage, seed: init.seed }
    return { state: toCommit(rules, { ...state, slots, scoring }, init.timeMs), isOver: false }
  }
  return { state: concluded(rules, state, evidence, judgement), isOver: true }
}

/**
 * What the scoring has cost: by candidate what one of the believed scorers tells, times their number. That one is such that no more than
 * f of them can have put it up: of few the least, of many the median. Scorers that are not believed tell nothing about costs either.
 */
function workOf(state: RunState, { valid }: Judgement): RunState['work'] {
  const faulty = faultsOf(state)
  let [joules, busyMs] = [0, 0]
  for (const { slot, scores } of state.slots) {
    const believed = valid.get(slot) ?? []
    const told = scores.filter(({ scorer, values }) => values !== null && believed.includes(scorer))
    if (told.length === 0) continue
    const last = told.length - 1
    const index = Math.max(0, Math.min(Math.floor(last / 2), last - faulty))
    const one = (of: 'joules' | 'busyMs') => told.map((score) => score[of]).sort((a, b) => a - b)[index]!
    joules += one('joules') * told.length
    busyMs += one('busyMs') * told.length
  }
  return { joules, busyMs }
}

function concluded(
  rules: RunRules,
  state: RunState,
  evidence: readonly CandidateEvidence[],
  judgement: Judgement,
): RunState {
  const accepted = new Map<string, string>()
  const bits = rules.workload.scoreBits
  const own = state.slots.map((slot): SlotState => {
    const values = slot.same === null ? (judgement.accepted.get(slot.slot) ?? null) : null
    if (values === null) return slot
    const packed = Buffer.from(packScores(values, bits)).toString('base64')
    accepted.set(slot.id, packed)
    return { ...slot, accepted: packed }
  })
  const slots = own.map((slot) =>
    slot.same !== null && slot.accepted === null
      ? { ...slot, accepted: accepted.get(slot.same) ?? null }
      : slot,
  )
  const lies = [...judgement.liars].map(
    ([peer, { slots: lied, items }]): Lie => ({
      peer,
      generation: state.generation,
      kind: 'scores',
      slots: lied,
      items,
    }),
  )
  let next: RunState = {
    ...state,
    slots,
    reputation: afterGeneration(state.reputation, evidence, judgement),
    lies: [...state.lies, ...lies],
    work: workOf(state, judgement),
  }
  for (const { slot, proposer } of slots)
    if (proposer !== '' && judgement.unscorable.has(slot))
      next = changeParticipant(next, proposer, (one) => ({ ...one, unscorable: one.unscorable + 1 }))
  for (const { peer } of lies) next = caughtLying(next, peer)
  return next
}
