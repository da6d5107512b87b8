/** The votes of one height, counted by view, step and block. Keeps a bounded window of views, whatever a liar sends. */
import { areContradictory, type SignedVote, type Step } from '../../ledger/vote.ts'
import type { IndexedSignature } from './messages.ts'

/** Views around the current one of which votes are kept. */
export const VIEWS_BEHIND = 4
const VIEWS_AHEAD = 16

export interface Tally {
  /** `kept`: new; `known`: seen before, or too far away to keep; else the vote of this voter that it contradicts. */
  add(voter: number, vote: SignedVote): 'kept' | 'known' | SignedVote
  /** Votes of a step, whatever they are for. */
  count(view: number, step: Step): number
  /** Blocks (null: none) that have at least so many votes of a step: one at most, when it is a quorum. */
  agreed(view: number, step: Step, quorum: number): string | null | undefined
  signatures(view: number, step: Step, hash: string | null): IndexedSignature[]
  /** Views of which there are votes, the latest first. */
  views(): number[]
  /** The highest view that at least so many voters other than `self` have voted in, or −1. */
  reachedBy(voters: number, self: number): number
  /** Forgets views that are far behind. */
  moveTo(view: number): void
}

export function createTally(init: { readonly view: number }): Tally {
  let current = init.view
  const votes = new Map<number, Map<Step, Map<number, SignedVote>>>()
  const highest = new Map<number, number>()
  const of = (view: number, step: Step): ReadonlyMap<number, SignedVote> =>
    votes.get(view)?.get(step) ?? new Map()

  return {
    add(voter, vote) {
      highest.set(voter, Math.max(highest.get(voter) ?? -1, vote.view))
      if (vote.view < current - VIEWS_BEHIND || vote.view > current + VIEWS_AHEAD) return 'known'
      const earlier = of(vote.view, vote.step).get(voter)
      if (earlier !== undefined) return areContradictory(earlier, vote) ? earlier : 'known'
      const steps = votes.get(vote.view) ?? new Map<Step, Map<number, SignedVote>>()
      const voters = steps.get(vote.step) ?? new Map<number, SignedVote>()
      votes.set(vote.view, steps.set(vote.step, voters.set(voter, vote)))
      return 'kept'
    },
    count: (view, step) => of(view, step).size,
    agreed(view, step, quorum) {
      const counts = new Map<string | null, number>()
      for (const { hash } of of(view, step).values()) {
        const count = (counts.get(hash) ?? 0) + 1
        if (count >= quorum) return hash
        counts.set(hash, count)
      }
      return undefined
    },
    signatures: (view, step, hash) =>
      [...of(view, step)]
        .filter(([, vote]) => vote.hash === hash)
        .map(([voter, { signature }]) => ({ voter, signature }))
        .sort((a, b) => a.voter - b.voter),
    views: () => [...votes.keys()].sort((a, b) => b - a),
    reachedBy(voters, self) {
      const reached = [...highest].filter(([voter]) => voter !== self).map(([, view]) => view)
      return reached.sort((a, b) => b - a)[voters - 1] ?? -1
    },
    moveTo(view) {
      current = view
      for (const kept of votes.keys()) if (kept < view - VIEWS_BEHIND) votes.delete(kept)
    },
  }
}
