/** One member of a committee of four, driven by hand: what the others say, and what it answers. */
import * as assert from 'uvu/assert'
import { type Block, createBlock } from '../../node/federated/ledger/block.ts'
import { coordinatorOf, drawCommittee } from '../../node/federated/ledger/committee.ts'
import type { Step } from '../../node/federated/ledger/vote.ts'
import { createConsensus } from '../../node/federated/rounds/consensus/consensus.ts'
import { type ConsensusEffect, DEFAULT_TIMING } from '../../node/federated/rounds/consensus/effects.ts'
import type { ConsensusMessage } from '../../node/federated/rounds/consensus/messages.ts'
import type { HeightRecord } from '../../node/federated/rounds/consensus/record.ts'
import { keyOf } from './ledgers.ts'
import { sealedVotes } from './sealed-votes.ts'

export const RUN = 'ab'.repeat(16)
export const PARENT = '0b'.repeat(32)
export const HEIGHT = 5
export const committee = drawCommittee(
  RUN,
  0,
  ['one', 'two', 'three', 'four'].map((name) => keyOf(name).peer),
  4,
)
/** Whoever does not coordinate the first three views: it only answers. */
export const SELF = committee.members[3]!
export const OTHERS = [0, 1, 2]

export const blockAt = (view: number, timeMs = 100): Block =>
  createBlock({
    run: RUN,
    height: HEIGHT,
    parent: PARENT,
    timeMs,
    proposer: coordinatorOf(committee, view),
    view,
    statements: [],
  })

export function signed(
  voter: number,
  view: number,
  step: Step,
  hash: string | null,
  validView: number | null = null,
) {
  return sealedVotes(committee.members[voter]!).sign({ height: HEIGHT, view, step, hash, validView })
}

export const voteOf = (voter: number, view: number, step: 'prevote' | 'precommit', hash: string | null) =>
  ({ kind: 'vote', voter, vote: signed(voter, view, step, hash) }) as const

/** A proposal of the coordinator of a view; with `validView` also the prevotes of three for that view. */
export function proposalOf(
  view: number,
  block: Block,
  validView: number | null = null,
  prevoters = OTHERS,
): ConsensusMessage {
  const voter = view % committee.members.length
  const vote = signed(voter, view, 'propose', block.hash, validView)
  const prevotes =
    validView === null
      ? []
      : prevoters.map((index) => ({
          voter: index,
          signature: signed(index, validView, 'prevote', block.hash).signature,
        }))
  return { kind: 'proposal', voter, vote, block, prevotes }
}

export function createMember(record: HeightRecord | null = null, self = SELF) {
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  let kept: HeightRecord | null = record
  const effects: ConsensusEffect[] = []
  const note = (more: readonly ConsensusEffect[]) => {
    // Whatever is sent is on the disk already.
    let isKept = true
    for (const effect of more) {
      if (effect.type === 'persist') {
        kept = effect.record
        isKept = true
      }
      if (effect.type === 'send' && effect.to.length > 0)
        isKept &&=
          kept?.votes.some(
            ({ step, view }) => step === effect.message.vote.step && view === effect.message.vote.view,
          ) ?? false
      assert.ok(isKept, 'something is sent that was not kept')
    }
    effects.push(...more)
  }
  note(
    consensus.begin(
      { height: HEIGHT, parent: PARENT, committee, startView: 0, objection: () => null },
      record,
    ),
  )
  return {
    consensus,
    record: () => kept,
    hear: (message: ConsensusMessage) => note(consensus.receive(committee.members[message.voter]!, message)),
    elapse: (step: Step | 'resend', view = consensus.view) =>
      note(consensus.elapsed({ height: HEIGHT, view, step })),
    offer: () => note(consensus.offer(true)),
    propose: (block: Block) => note(consensus.propose(block)),
    /** What it voted in a step of a view: a hash, null for none, undefined for nothing yet. */
    voted(step: Step, view: number): string | null | undefined {
      const said = new Set<string | null>()
      for (const effect of effects)
        if (effect.type === 'send' && effect.message.vote.step === step && effect.message.vote.view === view)
          said.add(effect.message.vote.hash)
      assert.ok(said.size <= 1, `two votes for step ${step} of view ${view}`)
      return said.size === 0 ? undefined : [...said][0]!
    },
    of: <T extends ConsensusEffect['type']>(type: T) =>
      effects.filter((effect): effect is Extract<ConsensusEffect, { type: T }> => effect.type === type),
  }
}

/** A member that has locked `block` in view 0 and gone on to view 1. */
export function createLocked(block: Block) {
  const member = createMember()
  member.hear(proposalOf(0, block))
  for (const voter of [0, 1]) member.hear(voteOf(voter, 0, 'prevote', block.hash))
  assert.is(member.voted('precommit', 0), block.hash)
  for (const voter of [0, 1]) member.hear(voteOf(voter, 0, 'precommit', null))
  member.elapse('precommit', 0)
  assert.is(member.consensus.view, 1)
  return member
}
