/**
 * What a statement changes, by kind; and why it may not stand in the next block. Form, limits and signatures have been checked
 * (ledger/statement-codec.ts); who may say what beyond that, such as who is an admin, is for voters to look at. Pure.
 */
import type {
  BuiltStatement,
  CommitStatement,
  ControlStatement,
  JoinStatement,
  LeaveStatement,
  ProofStatement,
  ProposeStatement,
  RevealStatement,
  Statement,
} from '../ledger/statement.ts'
import { scoreDigest } from '../ledger/statement-codec.ts'
import { unpackScores } from '../scoring/quantise.ts'
import { recordOf } from '../scoring/reputation.ts'
import {
  caughtLying,
  changeParticipant,
  didSomething,
  isActive,
  joined,
  left,
  mayReplace,
} from './participants.ts'
import { emptySlot, slotId, slotOwner, withoutVoter } from './proposing.ts'
import { genomeHash, type RunRules } from './run-rules.ts'
import { isOver, type RunState, type SlotScore, type SlotState } from './run-state.ts'

/** Most participants of one run: what every member keeps and draws from. */
const MAX_PARTICIPANTS = 1_024

/** The state after the statement, or the reason why it may not be said now. */
type Effect = RunState | string

const sequenceOf = (state: RunState, author: string): number =>
  Object.hasOwn(state.sequences, author) ? state.sequences[author]! : -1

function sequenced(state: RunState, { author, sequence }: { author: string; sequence: number }): Effect {
  return sequence <= sequenceOf(state, author)
    ? 'it was said before'
    : { ...state, sequences: { ...state.sequences, [author]: sequence } }
}

function join(state: RunState, statement: JoinStatement): Effect {
  const { author } = statement
  if (isActive(state, author)) return 'its author takes part already'
  if (Object.hasOwn(state.participants, author)) {
    if (state.participants[author]!.gone === 'lied') return 'its author was caught lying'
  } else if (Object.keys(state.participants).length >= MAX_PARTICIPANTS) return 'the run is full'
  const next = sequenced(state, statement)
  return typeof next === 'string' ? next : joined(next, author)
}

function leave(rules: RunRules, state: RunState, statement: LeaveStatement): Effect {
  const next = sequenced(state, statement)
  return typeof next === 'string' ? next : withoutVoter(rules, left(next, statement.author), statement.author)
}

/** Deadlines move by the time that the run stood still. */
function resumed(state: RunState, timeMs: number): RunState {
  const stoodMs = timeMs - state.pausedAtMs!
  return {
    ...state,
    pausedAtMs: null,
    deadlineMs: state.deadlineMs === null ? null : state.deadlineMs + stoodMs,
  }
}

function control(state: RunState, statement: ControlStatement, timeMs: number): Effect {
  const next = sequenced(state, statement)
  if (typeof next === 'string') return next
  switch (statement.action) {
    case 'start':
      return state.phase === 'announced' ? { ...next, isStarted: true } : 'the run has begun'
    case 'pause':
      return state.pausedAtMs === null ? { ...next, pausedAtMs: timeMs } : 'the run stands still'
    case 'resume':
      return state.pausedAtMs === null ? 'the run goes on' : resumed(next, timeMs)
    case 'stop':
      return { ...next, isStopped: true }
  }
}

function propose(
  rules: RunRules,
  state: RunState,
  { author, generation, entries }: ProposeStatement,
): Effect {
  if (state.phase !== 'proposing' || generation !== state.generation)
    return 'its generation takes no proposals'
  if (!state.roster.includes(author)) return 'its author has no slots in this generation'
  if (state.spoken.includes(author)) return 'its author has proposed'
  if (entries.length > 0 && !mayReplace(state, author)) return 'what its author proposed could not be scored'
  const slots = [...state.slots]
  for (const { slot, genome, origin } of entries) {
    if (slots[slot] === undefined || slotOwner(state, slot) !== author) return 'a slot is not its author’s'
    rules.workload.checkGenome(rules.spec.workload.options, genome)
    if (genomeHash(genome) === slots[slot].hash) return 'a proposal is what stands there'
    const id = slotId(generation, slot)
    slots[slot] = { ...emptySlot({ slot, id, genome, origin }), proposer: author }
  }
  const next = { ...state, slots, spoken: [...state.spoken, author] }
  // Who owes scores makes up for them by scores alone.
  return recordOf(state.reputation, author).silent > 0 ? next : didSomething(next, author)
}

/** Changes what `author` has said about some slots; a text: the reason why it may not. */
function withScores<T extends { readonly slot: number }>(
  state: RunState,
  author: string,
  entries: readonly T[],
  change: (before: SlotScore, entry: T) => SlotScore | string,
): Effect {
  const slots: SlotState[] = [...state.slots]
  for (const entry of entries) {
    const slot = slots[entry.slot]
    const index = slot?.scores.findIndex(
      ({ scorer, stage }) => scorer === author && stage === state.scoring!.stage,
    )
    if (slot === undefined || index === undefined || index < 0) return 'its author was not drawn for a slot'
    const after = change(slot.scores[index]!, entry)
    if (typeof after === 'string') return after
    slots[entry.slot] = { ...slot, scores: slot.scores.with(index, after) }
  }
  return { ...state, slots }
}

const isAtStage = (state: RunState, { generation, stage }: { generation: number; stage: number }): boolean =>
  generation === state.generation && stage === state.scoring?.stage

function commit(state: RunState, statement: CommitStatement): Effect {
  if (state.phase !== 'commit' || !isAtStage(state, statement)) return 'its stage takes no commitments'
  if (statement.entries.length === 0) return 'it says nothing'
  const { author, entries } = statement
  const next = withScores(state, author, entries, (before, { digest }) => {
    if (before.digest !== null || before.isUnscorable) return 'a slot was committed to before'
    return digest === null ? { ...before, isUnscorable: true } : { ...before, digest }
  })
  // A promise is no work yet; that a candidate cannot be scored is an answer.
  const isAnswer = typeof next !== 'string' && entries.every(({ digest }) => digest === null)
  return isAnswer ? didSomething(next, author) : next
}

function reveal(rules: RunRules, state: RunState, statement: RevealStatement): Effect {
  if (state.phase !== 'reveal' || !isAtStage(state, statement)) return 'its stage takes no scores'
  if (statement.entries.length === 0) return 'it says nothing'
  const { workload, spec } = rules
  const { author, generation } = statement
  const items = workload.items(spec.workload.options, state.scoring!.split)
  let joules = 0
  let busyMs = 0
  const next = withScores(state, author, statement.entries, (before, entry) => {
    const { slot, nonce, values } = entry
    if (before.digest === null) return 'a slot was not committed to'
    if (before.values !== null) return 'a slot was shown before'
    if (scoreDigest({ run: state.run, scorer: author, generation, slot, nonce, values }) !== before.digest)
      return 'scores are not those that were committed to'
    unpackScores(values, items, workload.scoreBits)
    joules += entry.joules
    busyMs += entry.busyMs
    return {
      ...before,
      values: Buffer.from(values).toString('base64'),
      joules: entry.joules,
      busyMs: entry.busyMs,
    }
  })
  if (typeof next === 'string') return next
  // What the run has cost is counted when it is known who is believed (scoring-stages.ts).
  const worked = changeParticipant(next, author, (before) => ({
    ...before,
    joules: before.joules + joules,
    busyMs: before.busyMs + busyMs,
  }))
  return didSomething(worked, author)
}

function built(state: RunState, { author, cid }: BuiltStatement): Effect {
  if (state.phase !== 'merging') return 'nothing is built now'
  if (!state.builders.includes(author)) return 'its author was not asked to build'
  if (Object.hasOwn(state.built, author)) return 'its author has built'
  return didSomething({ ...state, built: { ...state.built, [author]: cid } }, author)
}

function proof(state: RunState, { voter }: ProofStatement): Effect {
  if (!Object.hasOwn(state.participants, voter)) return 'whom it accuses never took part'
  if (state.lies.some(({ peer, kind }) => peer === voter && kind === 'equivocation')) return 'it is known'
  const lie = {
    peer: voter,
    generation: state.generation,
    kind: 'equivocation',
    slots: [],
    items: 0,
  } as const
  return caughtLying({ ...state, lies: [...state.lies, lie] }, voter)
}

/**
 * The state after a statement, or the reason why it may not stand in the next block. Throws INVALID_ARGUMENT for a genome or scores that
 * are none of this run.
 */
export function withStatement(
  rules: RunRules,
  state: RunState,
  statement: Statement,
  timeMs: number,
): Effect {
  const { kind, author } = statement
  if (isOver(state)) return 'the run is over'
  // Controls come from the announcer or an admin, and proofs from whoever saw the lie: they need not take part.
  if (kind === 'join') return join(state, statement)
  if (kind === 'control') return control(state, statement, timeMs)
  if (kind === 'proof') return proof(state, statement)
  if (!isActive(state, author)) return 'its author takes no part'
  if (kind === 'leave') return leave(rules, state, statement)
  if (state.pausedAtMs !== null) return 'the run stands still'
  switch (kind) {
    case 'propose':
      return propose(rules, state, statement)
    case 'commit':
      return commit(state, statement)
    case 'reveal':
      return reveal(rules, state, statement)
    case 'built':
      return built(state, statement)
  }
}
