/** How votes are signed and checked: with Ed25519 in ledgers, with something cheaper in simulations of thousands of votes. */
import type { Signer } from '../../../mesh/membership/keys.ts'
import { isVoteOf, type SignedVote, signVote, type Vote } from '../../ledger/vote.ts'

export interface VoteScheme {
  sign(vote: Vote): SignedVote
  isVoteOf(voter: string, vote: SignedVote): boolean
}

/** `run`: hex id. */
export function ed25519Votes(signer: Signer, run: string): VoteScheme {
  return {
    sign: (vote) => signVote(signer, run, vote),
    isVoteOf: (voter, vote) => isVoteOf(voter, run, vote),
  }
}
