/** Members of simulated committees, and signatures for them that cost a hundredth of Ed25519. */
import { createHash } from 'node:crypto'
import type { Vote } from '../../node/federated/ledger/vote.ts'
import type { VoteScheme } from '../../node/federated/rounds/consensus/vote-scheme.ts'
import { peerOf, type Signer, signerFromSeed } from '../../node/mesh/membership/keys.ts'

/** The same sixteen peers every time, with their real keys. */
export const SIM_SIGNERS: ReadonlyMap<string, Signer> = new Map(
  Array.from({ length: 16 }, (_, index) => {
    const signer = signerFromSeed(createHash('sha256').update(`sim ${index}`).digest())
    return [peerOf(signer.publicKey), signer]
  }),
)

/** Nobody in a test makes that of another: the secret of a voter is its name and a word of this file. */
function sealOf(voter: string, vote: Vote): Uint8Array {
  const text = `${voter} secret ${vote.height} ${vote.view} ${vote.step} ${vote.hash} ${vote.validView}`
  return createHash('sha512').update(text).digest()
}

export const sealedVotes = (self: string): VoteScheme => ({
  sign: (vote) => ({ ...vote, signature: sealOf(self, vote) }),
  isVoteOf: (voter, vote) => Buffer.compare(sealOf(voter, vote), vote.signature) === 0,
})
