/** What members of a simulated committee say who break its rules: as much as their key can sign. */
import type { Block } from '../../node/federated/ledger/block.ts'
import { type Committee, coordinatorOf } from '../../node/federated/ledger/committee.ts'
import { STEPS, type Vote } from '../../node/federated/ledger/vote.ts'
import type { ConsensusMessage } from '../../node/federated/rounds/consensus/messages.ts'
import type { VoteScheme } from '../../node/federated/rounds/consensus/vote-scheme.ts'

/**
 * `silent`: says nothing. `twins`: two copies of one member that show each half of the others another face. `random`: votes at random for
 * what it has seen. `rival`: votes for every block at once, and proposes others, as valid earlier where it can claim it. `stale`: forgets in
 * every crash what it has signed.
 */
export type Lie = 'silent' | 'twins' | 'random' | 'rival' | 'stale'

export interface Liar {
  readonly peer: string
  readonly lie: Lie | null
  readonly chain: readonly unknown[]
  readonly consensus: { readonly view: number } | null
}

export function createLies<L extends Liar>(world: {
  readonly random: () => number
  readonly peers: readonly string[]
  readonly committeeAt: (height: number) => Committee
  readonly votesOf: (peer: string) => VoteScheme
  readonly makeBlock: (liar: L, height: number, view: number) => Block
  readonly send: (liar: L, peer: string, message: ConsensusMessage) => void
}): {
  /** What a member does when it hears of a vote; nothing, where it is honest. */
  hear(member: L, vote: Vote): void
} {
  const { random, peers, committeeAt, votesOf, makeBlock, send } = world
  const below = (count: number) => Math.floor(random() * count)
  const hashes = new Map<number, Set<string>>()
  const supported = new Set<string>()
  const isNew = (what: string) => !supported.has(what) && supported.add(what) !== undefined

  /** Votes and proposals at random for whatever has been seen, different ones for different members. */
  function babble(liar: L, height: number): void {
    if (random() < 0.5) return
    const committee = committeeAt(height)
    const voter = committee.members.indexOf(liar.peer)
    const scheme = votesOf(liar.peer)
    if (voter < 0) return
    for (const peer of peers) {
      if (random() < 0.5) continue
      const view = Math.max(0, (liar.consensus?.view ?? 0) + below(3) - 1)
      const step = STEPS[below(3)]!
      const choices = [null, ...(hashes.get(height) ?? [])]
      if (step !== 'propose') {
        const hash = choices[below(choices.length)]!
        send(liar, peer, {
          kind: 'vote',
          voter,
          vote: scheme.sign({ height, view, step, hash, validView: null }),
        })
      } else if (coordinatorOf(committee, view) === liar.peer && liar.chain.length === height - 1) {
        const block = makeBlock(liar, height, view)
        const vote = scheme.sign({ height, view, step, hash: block.hash, validView: null })
        send(liar, peer, { kind: 'proposal', voter, vote, block, prevotes: [] })
      }
    }
  }

  /** For every block a prevote and a precommit at once; where it coordinates, a block for each half. */
  function support(liar: L, { height, view, hash }: Vote): void {
    const committee = committeeAt(height)
    const voter = committee.members.indexOf(liar.peer)
    const scheme = votesOf(liar.peer)
    if (voter < 0) return
    for (const step of ['prevote', 'precommit'] as const)
      if (isNew(`${liar.peer} ${height} ${view} ${step} ${hash}`)) {
        const vote = scheme.sign({ height, view, step, hash, validView: null })
        for (const peer of peers) send(liar, peer, { kind: 'vote', voter, vote })
      }
    for (const at of [view, view + 1]) {
      if (coordinatorOf(committee, at) !== liar.peer || liar.chain.length !== height - 1) continue
      if (isNew(`${liar.peer} ${height} ${at} propose`)) proposeTwo(liar, voter, height, at)
    }
  }

  /** Two blocks; where it has coordinated before, also as one of that time which a quorum is said to have found valid. */
  function proposeTwo(liar: L, voter: number, height: number, view: number): void {
    const earlier = view - committeeAt(height).members.length
    const blocks = [0, 1].map(() => makeBlock(liar, height, earlier >= 0 && random() < 0.7 ? earlier : view))
    for (const peer of peers) {
      const block = blocks[below(2)]!
      const validView = block.view === view ? null : view - 1
      const vote = votesOf(liar.peer).sign({ height, view, step: 'propose', hash: block.hash, validView })
      send(liar, peer, { kind: 'proposal', voter, vote, block, prevotes: [] })
    }
  }

  return {
    hear(member, vote) {
      const seen = hashes.get(vote.height) ?? new Set<string>()
      hashes.set(vote.height, seen)
      if (vote.hash !== null) seen.add(vote.hash)
      if (member.lie === 'random') babble(member, vote.height)
      if (member.lie === 'rival') support(member, vote)
    },
  }
}
