/**
 * The agreement of one member on one height after another. Pure like height.ts: it holds the height that is being decided, keeps what arrives for
 * the next one until that begins, and notices who is behind and who is ahead. Whoever is not in the committee follows the same way, without a vote.
 */
import type { Block } from '../../ledger/block.ts'
import { MAX_COMMITTEE, type SignedVote } from '../../ledger/vote.ts'
import type { ConsensusEffect, ConsensusTimer, ConsensusTiming } from './effects.ts'
import { createHeight, type Height, type HeightInit } from './height.ts'
import type { ConsensusMessage } from './messages.ts'
import type { HeightRecord } from './record.ts'
import type { VoteScheme } from './vote-scheme.ts'

/** Messages for the next height that are kept: of one peer some views of votes and one proposal, and few proposals in all. */
const MAX_EARLY_VOTES = 24
const MAX_EARLY_PROPOSALS = 4
const MAX_LATE_VOTES = 64

export interface Consensus {
  /** The height that is being decided; 0 before the first `begin`. */
  readonly height: number
  readonly view: number
  /** Whether this member votes at this height. */
  readonly isVoter: boolean
  /**
   * Begins a height: at the start, after a decided block was stored and applied, and after blocks came from elsewhere. `record` is what was
   * kept last: it counts if it is of this height; if it is of a later one, this member has been here before and has no vote any more. `mute`: the
   * same, because what was voted at this height is not known.
   */
  begin(
    init: Omit<HeightInit, 'run'> & { readonly mute?: boolean },
    record?: HeightRecord | null,
  ): ConsensusEffect[]
  /** Whether this member has something that ought to stand in a block: statements that are in none yet, or a deadline that has passed. */
  offer(hasReason: boolean): ConsensusEffect[]
  /** Answers the effect `propose`. */
  propose(block: Block): ConsensusEffect[]
  /** Whether a proposal of which only the vote is known can matter, brought by this peer: for `decodeMessage`. */
  wants(from: string, voter: number, vote: SignedVote): boolean
  /** `from` is who brought the message (for complaints), not who signed it. */
  receive(from: string, message: ConsensusMessage): ConsensusEffect[]
  elapsed(timer: ConsensusTimer): ConsensusEffect[]
  /** For a peer that has just been connected: what it may have missed. */
  greet(peer: string): ConsensusEffect[]
}

export function createConsensus(init: {
  /** Hex id of the run. */
  readonly run: string
  /** Own peer ID. */
  readonly self: string
  readonly votes: VoteScheme
  readonly timing: ConsensusTiming
}): Consensus {
  let height = 0
  let current: Height | null = null
  let early = new Map<string, ConsensusMessage[]>()
  let late = new Set<string>()

  /** Whether an early proposal of this peer can be kept. */
  function hasRoom(from: string): boolean {
    const isProposal = ({ kind }: ConsensusMessage) => kind === 'proposal'
    const proposals = [...early.values()].flat().filter(isProposal).length
    return proposals < MAX_EARLY_PROPOSALS && !early.get(from)?.some(isProposal)
  }

  /** Of the next height: kept, within bounds, until this one is decided. What does not fit will be sent again. */
  function keepEarly(from: string, message: ConsensusMessage): ConsensusEffect[] {
    const isFirst = !early.has(from)
    if (isFirst && early.size >= MAX_COMMITTEE) return []
    const kept = early.get(from) ?? []
    const fits = message.kind === 'proposal' ? hasRoom(from) : kept.length < MAX_EARLY_VOTES
    early.set(from, fits ? [...kept, message] : kept)
    return isFirst ? [{ type: 'behind', peer: from, height }] : []
  }

  /** Of a decided height: a vote that comes once was only slow; who sends it again has not heard. */
  function answerLate(from: string, message: ConsensusMessage): ConsensusEffect[] {
    const { vote, voter } = message
    const name = `${from} ${voter} ${vote.height} ${vote.view} ${vote.step}`
    const isFirst = vote.height === height - 1 && !late.has(name)
    if (isFirst && late.size < MAX_LATE_VOTES * MAX_COMMITTEE) late.add(name)
    return isFirst ? [] : [{ type: 'ahead', peer: from, height: vote.height }]
  }

  return {
    get height() {
      return height
    },
    get view() {
      return current?.view ?? 0
    },
    get isVoter() {
      return current !== null
    },
    begin(heightInit, record = null) {
      const waiting = heightInit.height === height + 1 ? early : new Map<string, ConsensusMessage[]>()
      height = heightInit.height
      early = new Map()
      late = new Set()
      const self = heightInit.committee.members.indexOf(init.self)
      if (self < 0 || heightInit.mute === true || (record !== null && record.height > height)) {
        current = null
        return []
      }
      const next = createHeight({ ...init, ...heightInit, self }, record?.height === height ? record : null)
      current = next
      const effects = next.begin()
      for (const [from, messages] of waiting)
        for (const message of messages) effects.push(...next.receive(from, message))
      return effects
    },
    offer: (hasReason) => current?.offer(hasReason) ?? [],
    propose: (block) => current?.propose(block) ?? [],
    receive(from, message) {
      if (message.vote.height < height) return answerLate(from, message)
      if (message.vote.height > height + 1) return [{ type: 'behind', peer: from, height }]
      if (message.vote.height === height + 1) return keepEarly(from, message)
      return current?.receive(from, message) ?? []
    },
    wants(from, voter, vote) {
      if (current === null) return false
      return vote.height === height ? current.wants(voter, vote) : vote.height === height + 1 && hasRoom(from)
    },
    elapsed: (timer) => current?.elapsed(timer) ?? [],
    greet: (peer) => current?.said().map((message) => ({ type: 'send', to: [peer], message })) ?? [],
  }
}
