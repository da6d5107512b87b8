/**
 * What members of a committee send each other. A message names its voter by index in the committee of its height, and counts by the
 * signature in it: whoever brings it may be somebody else.
 */
import { SIGNATURE_BYTES } from '../../../mesh/membership/keys.ts'
import { type Block, checkBlock, MAX_BLOCK_BYTES } from '../../ledger/block.ts'
import {
  type CborValue,
  decodeCanonical,
  encodeCanonical,
  malformed,
  readBytes,
  readInteger,
  readList,
  readTuple,
} from '../../ledger/codec.ts'
import { MAX_COMMITTEE, readVote, type SignedVote, voteFields } from '../../ledger/vote.ts'

const MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + 512 + MAX_COMMITTEE * (SIGNATURE_BYTES + 8)
const VOTE = 0
const PROPOSAL = 1

/** A signature by the member of this index. */
export interface IndexedSignature {
  readonly voter: number
  readonly signature: Uint8Array
}

export interface VoteMessage {
  readonly kind: 'vote'
  readonly voter: number
  /** Of step `prevote` or `precommit`. */
  readonly vote: SignedVote
}

export interface ProposalMessage {
  readonly kind: 'proposal'
  readonly voter: number
  /** Of step `propose`, with the hash of the block. */
  readonly vote: SignedVote
  readonly block: Block
  /**
   * Where `vote.validView` is not null: the quorum of prevotes of that view. They travel with the proposal, so that it counts wherever it
   * arrives, whatever else was lost.
   */
  readonly prevotes: readonly IndexedSignature[]
}

export type ConsensusMessage = VoteMessage | ProposalMessage

export const signatureFields = (votes: readonly IndexedSignature[]): CborValue[] =>
  votes.map(({ voter, signature }) => [voter, signature])

/** Indexes rise, so that nobody counts twice. Throws LEDGER_MALFORMED. */
export function readSignatures(value: unknown): IndexedSignature[] {
  const votes = readList(value, MAX_COMMITTEE, 'the votes of a quorum').map((entry) => {
    const [voter, signature] = readTuple(entry, 2, 'a vote of a quorum')
    return {
      voter: readVoter(voter),
      signature: readBytes(signature, SIGNATURE_BYTES, SIGNATURE_BYTES, 'a signature of a quorum'),
    }
  })
  if (votes.some(({ voter }, index) => index > 0 && voter <= votes[index - 1]!.voter))
    throw malformed('the voters of a quorum do not rise')
  return votes
}

const readVoter = (value: unknown) => readInteger(value, 0, MAX_COMMITTEE - 1, 'a voter')

export function encodeMessage(message: ConsensusMessage): Uint8Array {
  return encodeCanonical(
    message.kind === 'vote'
      ? [VOTE, message.voter, voteFields(message.vote)]
      : [
          PROPOSAL,
          message.voter,
          voteFields(message.vote),
          message.block.bytes,
          signatureFields(message.prevotes),
        ],
  )
}

/**
 * Reads a message from a peer. The block and its statements are checked whole; the signatures of votes are not, because who may vote
 * follows from the state of the run (Consensus.receive does that). Checking a full block takes tens of milliseconds: `wants` is asked before,
 * and null is given for a proposal that it does not want. Throws LEDGER_MALFORMED or LEDGER_UNSIGNED.
 */
export function decodeMessage(bytes: Uint8Array): ConsensusMessage
export function decodeMessage(
  bytes: Uint8Array,
  wants: (voter: number, vote: SignedVote) => boolean,
): ConsensusMessage | null
export function decodeMessage(
  bytes: Uint8Array,
  wants: (voter: number, vote: SignedVote) => boolean = () => true,
): ConsensusMessage | null {
  const value = decodeCanonical(bytes, MAX_MESSAGE_BYTES, 'a message')
  const isVote = Array.isArray(value) && value[0] === VOTE
  const [kind, voter, fields, blockBytes, prevotes] = readTuple(value, isVote ? 3 : 5, 'a message')
  if (kind !== VOTE && kind !== PROPOSAL) throw malformed('a message is of no known kind')
  const vote = readVote(fields)
  if ((vote.step === 'propose') !== (kind === PROPOSAL)) throw malformed('a message has another step')
  if (kind === VOTE) return { kind: 'vote', voter: readVoter(voter), vote }
  if (!wants(readVoter(voter), vote)) return null
  const block = checkBlock(readBytes(blockBytes, 1, MAX_BLOCK_BYTES, 'the block of a proposal'))
  if (block.hash !== vote.hash || block.height !== vote.height)
    throw malformed('a proposal is signed for another block')
  return { kind: 'proposal', voter: readVoter(voter), vote, block, prevotes: readSignatures(prevotes) }
}
