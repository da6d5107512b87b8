/** What a proposal must be whatever its block says: by who coordinates, of this height, and proven where it is not new. */
import { coordinatorOf, quorumOf } from '../../ledger/committee.ts'
import type { HeightContext } from './height.ts'
import type { IndexedSignature, ProposalMessage } from './messages.ts'

type Context = Pick<HeightContext, 'run' | 'height' | 'parent' | 'committee' | 'startView' | 'votes'>

/** Why no honest coordinator sends this proposal, or null. The signature of its vote has been checked. */
export function proposalFault(
  context: Context,
  { voter, vote, block, prevotes }: ProposalMessage,
): string | null {
  const { run, height, parent, committee, startView } = context
  if (coordinatorOf(committee, vote.view) !== committee.members[voter]) return 'it does not coordinate'
  if (block.run !== run || block.height !== height || block.parent !== parent)
    return 'the block belongs elsewhere'
  if (block.hash !== vote.hash) return 'it is signed for another block'
  if (block.view < startView || coordinatorOf(committee, block.view) !== block.proposer)
    return 'the block is by nobody who coordinated'
  if (vote.validView === null)
    return block.view === vote.view && prevotes.length === 0 ? null : 'the block is of another view'
  if (vote.validView < block.view) return 'the block is of a later view'
  return hasQuorum(context, vote.validView, block.hash, prevotes) ? null : 'no quorum prevoted for the block'
}

function hasQuorum(
  { height, committee, votes }: Context,
  view: number,
  hash: string,
  prevotes: readonly IndexedSignature[],
): boolean {
  const voters = new Set(prevotes.map(({ voter }) => voter))
  return (
    voters.size === prevotes.length &&
    voters.size >= quorumOf(committee.members.length) &&
    prevotes.every(({ voter, signature }) => {
      const member = committee.members[voter]
      const vote = { height, view, step: 'prevote', hash, validView: null, signature } as const
      return member !== undefined && votes.isVoteOf(member, vote)
    })
  )
}
