/** What this member has said at a height and is bound by: it changes with each vote and is kept before the vote is sent. */
import type { Block } from '../../ledger/block.ts'
import type { SignedVote, Step } from '../../ledger/vote.ts'
import type { IndexedSignature } from './messages.ts'
import type { HeightRecord } from './record.ts'
import type { VoteScheme } from './vote-scheme.ts'

export interface OwnVotes {
  /** `lockedValue`, `lockedRound`, `validValue`, `validRound` of the paper. */
  locked: HeightRecord['locked']
  valid: HeightRecord['valid']
  readonly proposed: HeightRecord['proposed']
  readonly all: readonly SignedVote[]
  /** Of a view and the one before. */
  recent(view: number): readonly SignedVote[]
  /** Signs; null where this member has voted in this step of this view already. */
  sign(view: number, step: Step, hash: string | null, validView: number | null): SignedVote | null
  /** The same for a proposal, which is kept with its vote. */
  signProposal(
    view: number,
    block: Block,
    validView: number | null,
    prevotes: readonly IndexedSignature[],
  ): SignedVote | null
  /** What is to be kept, if anything was signed since the last time; else null. */
  unkept(view: number): HeightRecord | null
}

/** In which step a member is that has given this vote; its own proposal alone does not move it. */
export const STEP_AFTER: Record<Step, Step | null> = {
  propose: null,
  prevote: 'prevote',
  precommit: 'precommit',
}

export function createOwnVotes(
  context: { readonly height: number; readonly votes: VoteScheme },
  record: HeightRecord | null,
): OwnVotes {
  const { height } = context
  let votes: readonly SignedVote[] = record?.votes ?? []
  let proposed = record?.proposed ?? null
  let isUnkept = false

  const own: OwnVotes = {
    locked: record?.locked ?? null,
    valid: record?.valid ?? null,
    get proposed() {
      return proposed
    },
    get all() {
      return votes
    },
    recent: (view) => votes.filter((vote) => vote.view >= view - 1),
    sign(view, step, hash, validView) {
      if (votes.some((vote) => vote.view === view && vote.step === step)) return null
      const vote = context.votes.sign({ height, view, step, hash, validView })
      votes = [...own.recent(view), vote]
      isUnkept = true
      return vote
    },
    signProposal(view, block, validView, prevotes) {
      const vote = own.sign(view, 'propose', block.hash, validView)
      if (vote !== null) proposed = { block, prevotes }
      return vote
    },
    unkept(view) {
      if (!isUnkept) return null
      isUnkept = false
      const hasProposed = votes.some((vote) => vote.step === 'propose')
      const { locked, valid } = own
      return { height, view, votes, locked, valid, proposed: hasProposed ? proposed : null }
    },
  }
  return own
}
