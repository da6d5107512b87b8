/**
 * Agreement on the block of one height: Tendermint's algorithm 1 (Buchman, Kwon, Milosevic: arXiv 1807.04938; line numbers below are of
 * its listing, "round" there is "view" here). Without input or output of its own: what happens comes in by calls, what is to be done goes out as
 * effects, time is a timer that somebody else runs. Differences from the listing:
 * - A member waits for a proposal only while somebody has something to say: it has a reason of its own (`offer`), or more members
 *   than may lie have voted in the view already. So a run in which nothing happens costs nothing.
 * - A proposal of an earlier block carries the prevotes that made it valid, instead of relying on gossip to have brought them.
 * - Who leaves a view, or passes over it, gives its missing votes of it for no block (the paper relies on gossip there too).
 * - A member follows to the highest view that more voters than may lie have reached (line 55 asks for one common view).
 */
import type { Block } from '../../ledger/block.ts'
import { type Committee, coordinatorOf, faultyOf, quorumOf } from '../../ledger/committee.ts'
import type { SignedVote, Step } from '../../ledger/vote.ts'
import type { ConsensusEffect, ConsensusTimer, ConsensusTiming } from './effects.ts'
import type { ConsensusMessage, IndexedSignature, ProposalMessage, VoteMessage } from './messages.ts'
import { createOwnVotes, STEP_AFTER } from './own-votes.ts'
import { proposalFault } from './proposal-fault.ts'
import type { HeightRecord } from './record.ts'
import { createTally, VIEWS_BEHIND } from './tally.ts'
import { createHeightTimers } from './timers.ts'
import type { VoteScheme } from './vote-scheme.ts'

export interface HeightInit {
  /** Hex id of the run. */
  readonly run: string
  readonly height: number
  /** Hex hash of the block below. */
  readonly parent: string
  readonly committee: Committee
  /** The first view: that of the block below in the same epoch, 0 in a new one. */
  readonly startView: number
  /** What speaks against a block; of a new one also by time and what it lacks. What a quorum prevoted must stay acceptable to all: some are locked. */
  readonly objection: (block: Block, isNew: boolean) => string | null
}

export interface HeightContext extends HeightInit {
  /** Own index in the committee. */
  readonly self: number
  readonly votes: VoteScheme
  readonly timing: ConsensusTiming
}

/** Each call gives the effects of what it did. Does nothing more once it has decided. */
export interface Height {
  readonly view: number
  readonly isDecided: boolean
  /** Whether this member has something that ought to stand in a block. */
  offer(hasReason: boolean): ConsensusEffect[]
  /** A block of this height and the present view, in answer to the effect `propose`; ignored when it comes too late. */
  propose(block: Block): ConsensusEffect[]
  /** Whether a proposal with this vote is by who coordinates, and new (or the proof of a lie). */
  wants(voter: number, vote: SignedVote): boolean
  receive(from: string, message: ConsensusMessage): ConsensusEffect[]
  elapsed(timer: ConsensusTimer): ConsensusEffect[]
  /** What this member has said in this view and the one before, for a peer that may have missed it. */
  said(): ConsensusMessage[]
}

interface Proposal extends ProposalMessage {
  /** Nothing speaks against its block. */
  readonly isAcceptable: boolean
}

/** Begins, or goes on from what was kept. `begin` gives the first effects. */
export function createHeight(
  context: HeightContext,
  record: HeightRecord | null,
): Height & { begin(): ConsensusEffect[] } {
  const { committee, self, height, startView } = context
  const quorum = quorumOf(committee.members.length)
  const faulty = faultyOf(committee.members.length)
  const others = committee.members.filter((_, index) => index !== self)

  let view = Math.max(startView, record?.view ?? startView)
  let step: Step = 'propose'
  const own = createOwnVotes(context, record)
  let hasReason = false
  let isActive = false
  let isDecided = false
  let effects: ConsensusEffect[] = []
  const tally = createTally({ view })
  const timers = createHeightTimers(context)
  const proposals = new Map<number, Proposal>()
  const acceptable = new Map<string, Block>()
  /** What was done or asked for, and is done once. */
  const done = new Set<string>()

  const once = (what: string): boolean => {
    if (done.has(what)) return false
    done.add(what)
    return true
  }
  const send = (message: ConsensusMessage) => {
    if (others.length > 0) effects.push({ type: 'send', to: others, message })
  }
  const startTimer = (of: Step) => effects.push(...timers.step(view, of))
  const startResending = () => {
    if (others.length > 0 && own.all.length > 0) effects.push(...timers.resend(view))
  }

  function castAt(at: number, of: 'prevote' | 'precommit', hash: string | null): void {
    const vote = own.sign(at, of, hash, null)
    if (vote === null) return
    tally.add(self, vote)
    send({ kind: 'vote', voter: self, vote })
    startResending()
  }

  function cast(of: 'prevote' | 'precommit', hash: string | null): void {
    step = of
    castAt(view, of, hash)
  }

  function sendProposal(block: Block, validView: number | null, prevotes: readonly IndexedSignature[]): void {
    const vote = own.signProposal(view, block, validView, prevotes)
    if (vote === null) return
    const proposal: ProposalMessage = { kind: 'proposal', voter: self, vote, block, prevotes }
    acceptable.set(block.hash, block)
    proposals.set(view, { ...proposal, isAcceptable: true })
    send(proposal)
  }

  const isCoordinator = () => coordinatorOf(committee, view) === committee.members[self]

  /** Lines 11 to 21: the coordinator proposes, everybody else waits for it. */
  function attend(): void {
    if (!isActive || step !== 'propose') return
    startTimer('propose')
    if (!isCoordinator() || proposals.has(view)) return
    if (own.valid !== null) sendProposal(own.valid.block, own.valid.view, own.valid.prevotes)
    else if (hasReason) effects.push({ type: 'propose', height, view })
  }

  function enter(next: number): void {
    // Others may need this vote to leave the view: nobody relays what only this member got from a liar.
    for (const missed of ['prevote', 'precommit'] as const) castAt(next - 1, missed, null)
    view = next
    step = 'propose'
    isActive = hasReason || own.valid !== null
    tally.moveTo(view)
    forget()
    effects.push({ type: 'view', height, view, coordinator: coordinatorOf(committee, view) })
    startResending()
    attend()
  }

  /** Proposals of views that no vote is kept of, and what was found about their blocks. */
  function forget(): void {
    for (const kept of proposals.keys()) if (kept < view - VIEWS_BEHIND) proposals.delete(kept)
    for (const hash of acceptable.keys())
      if (own.valid?.block.hash !== hash && ![...proposals.values()].some(({ vote }) => vote.hash === hash))
        acceptable.delete(hash)
  }

  /** Lines 22 to 33. */
  function answerProposal(): boolean {
    const proposal = step === 'propose' ? proposals.get(view) : undefined
    if (proposal === undefined) return false
    const { hash, validView } = proposal.vote
    const { locked } = own
    const isFree = locked === null || locked.hash === hash || (validView !== null && locked.view <= validView)
    isActive = true
    cast('prevote', proposal.isAcceptable && isFree ? hash : null)
    return true
  }

  /** Lines 34 to 46. */
  function answerPrevotes(): boolean {
    if (step === 'propose') return false
    const hash = tally.agreed(view, 'prevote', quorum)
    if (step === 'prevote' && tally.count(view, 'prevote') >= quorum) startTimer('prevote')
    if (hash === null && step === 'prevote') {
      cast('precommit', null)
      return true
    }
    const block = typeof hash === 'string' ? acceptable.get(hash) : undefined
    if (block === undefined || !once(`valid ${view}`)) return false
    own.valid = { view, block, prevotes: tally.signatures(view, 'prevote', block.hash) }
    if (step === 'prevote') {
      own.locked = { view, hash: block.hash }
      cast('precommit', block.hash)
    }
    return true
  }

  /** Lines 47 to 54. */
  function answerPrecommits(): boolean {
    for (const at of tally.views()) {
      const hash = tally.agreed(at, 'precommit', quorum)
      if (typeof hash !== 'string') continue
      const block = blockOf(hash)
      if (block !== undefined) {
        const votes = tally.signatures(at, 'precommit', hash)
        isDecided = true
        effects.push({ type: 'decide', block, certificate: { view: at, votes } })
        return false
      }
      const holder = tally.signatures(at, 'precommit', hash).find(({ voter }) => voter !== self)
      if (holder !== undefined && once(`lacking ${hash}`))
        effects.push({ type: 'behind', peer: committee.members[holder.voter]!, height })
    }
    if (tally.count(view, 'precommit') < quorum) return false
    if (tally.agreed(view, 'precommit', quorum) === null) {
      enter(view + 1) // nothing can come of this view any more
      return true
    }
    startTimer('precommit')
    return false
  }

  function blockOf(hash: string): Block | undefined {
    const known = acceptable.get(hash) ?? (own.valid?.block.hash === hash ? own.valid.block : undefined)
    if (known !== undefined) return known
    for (const { block } of proposals.values()) if (block.hash === hash) return block
    return undefined
  }

  /** Line 55, and waking up: more voters than may lie are here. */
  function follow(): boolean {
    const reached = tally.reachedBy(faulty + 1, self)
    if (reached > view) {
      enter(reached)
      isActive = true
      attend()
      return true
    }
    if (reached < view || isActive) return false
    isActive = true
    attend()
    return false
  }

  /** Applies the rules until none fires, and gives what is to be done, what is to be kept first. */
  function collect(): ConsensusEffect[] {
    while (!isDecided && (follow() || answerProposal() || answerPrevotes() || answerPrecommits())) {
      // again: each rule may enable another
    }
    const todo = effects
    effects = []
    const record = own.unkept(view)
    return record !== null ? [{ type: 'persist', record }, ...todo] : todo
  }

  function takeProposal(message: ProposalMessage): void {
    const { block, vote } = message
    const isAcceptable =
      acceptable.has(block.hash) || context.objection(block, vote.validView === null) === null
    if (isAcceptable) acceptable.set(block.hash, block)
    proposals.set(vote.view, { ...message, isAcceptable })
  }

  function take(from: string, message: ConsensusMessage): void {
    const { voter, vote } = message
    const member = committee.members[voter]
    if (voter === self || vote.height !== height || vote.view < startView) return
    if (member === undefined || !context.votes.isVoteOf(member, vote)) {
      effects.push({ type: 'refused', peer: from, reason: 'a vote is not signed by its voter' })
      return
    }
    // Before it counts: who brings a coordinator's proposal without its proof must not keep out the whole one.
    const fault = message.kind === 'proposal' ? proposalFault(context, message) : null
    if (fault !== null) {
      effects.push({ type: 'refused', peer: from, reason: fault })
      return
    }
    const added = tally.add(voter, vote)
    if (added === 'kept') {
      if (message.kind === 'proposal') takeProposal(message)
    } else if (added !== 'known' && once(`lie ${voter}`)) {
      effects.push({ type: 'lie', voter: member, votes: [added, vote] })
    }
  }

  function said(): ConsensusMessage[] {
    return own
      .recent(view)
      .map((vote): VoteMessage | ProposalMessage =>
        vote.step === 'propose' ? proposals.get(vote.view)! : { kind: 'vote', voter: self, vote },
      )
  }

  const act = (what: () => void): ConsensusEffect[] => {
    if (isDecided) return []
    what()
    return collect()
  }

  return {
    get view() {
      return view
    },
    get isDecided() {
      return isDecided
    },
    begin: () => act(resume),
    offer: (reason) =>
      act(() => {
        hasReason = reason
        if (!reason) return
        isActive = true
        attend()
      }),
    propose: (block) =>
      act(() => {
        const isTimely = step === 'propose' && block.view === view && block.height === height
        if (isTimely && isCoordinator() && !proposals.has(view)) sendProposal(block, null, [])
      }),
    wants(voter, vote) {
      const member = committee.members[voter]
      if (isDecided || member === undefined || done.has(`lie ${voter}`) || vote.view < startView) return false
      if (member !== coordinatorOf(committee, vote.view)) return false
      return proposals.get(vote.view)?.vote.hash !== vote.hash && context.votes.isVoteOf(member, vote)
    },
    receive: (from, message) => act(() => take(from, message)),
    elapsed: (timer) =>
      act(() => {
        if (timer.height !== height || timer.view !== view) return
        if (timer.step === 'resend') {
          for (const message of said()) send(message)
          timers.resent()
          startResending()
        } else if (timer.step === 'propose' && step === 'propose')
          cast('prevote', null) // lines 57 to 60
        else if (timer.step === 'prevote' && step === 'prevote')
          cast('precommit', null) // lines 61 to 64
        else if (timer.step === 'precommit') enter(view + 1) // lines 65 to 67
      }),
    said,
  }

  /** Goes on where the record says: the own votes count again, and are sent again. */
  function resume(): void {
    const { all, valid, proposed } = own
    if (all.length === 0) return
    if (valid !== null) acceptable.set(valid.block.hash, valid.block)
    for (const vote of all) {
      tally.add(self, vote)
      const at = STEP_AFTER[vote.step]
      if (vote.view === view && at !== null) step = at
      if (vote.step === 'propose' && proposed !== null) {
        acceptable.set(proposed.block.hash, proposed.block)
        proposals.set(vote.view, { kind: 'proposal', voter: self, vote, ...proposed, isAcceptable: true })
      }
    }
    isActive = true
    for (const message of said()) send(message)
    startResending()
    attend()
  }
}
