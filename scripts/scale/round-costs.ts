/** A block of a run: the real committee, consensus, votes and ledger blocks, in virtual time; the others fetch what was decided. */
import { type Block, createBlock } from '../../node/federated/ledger/block.ts'
import { drawCommittee, quorumOf } from '../../node/federated/ledger/committee.ts'
import { type Certificate, encodeCertificate } from '../../node/federated/ledger/vote.ts'
import { type Consensus, createConsensus } from '../../node/federated/rounds/consensus/consensus.ts'
import { type ConsensusEffect, DEFAULT_TIMING } from '../../node/federated/rounds/consensus/effects.ts'
import { encodeMessage } from '../../node/federated/rounds/consensus/messages.ts'
import { RoundsNews, RoundsPage, RoundsRequest } from '../../node/mesh/protocols/rounds.ts'
import { sealedVotes } from '../../test/helpers/sealed-votes.ts'
import { createVirtualClock } from '../../test/helpers/virtual-clock.ts'
import { ENVELOPE_BYTES } from './announcement-costs.ts'
import type { CostCase, CostRow } from './cost.ts'
import { GOSSIP_DEGREE, gossipCopies } from './gossip-graph.ts'
import { virtualMembers } from './members.ts'
import { countFrame, createTally, type Tally } from './virtual-streams.ts'

const RUN = 'ab'.repeat(16)
const run = Buffer.from(RUN, 'hex')
const PARENT = '0b'.repeat(32)
/** That of a spec which does not say. */
const COMMITTEE = 7
const WAY_MS = 20
/** A vote on the wire: run, index, height, view, step, hash and signature. */
const VOTE_BYTES = 140
const empty = { statement: undefined, message: undefined, tips: undefined, want: undefined }

interface Decided {
  readonly tally: Tally
  readonly block: Block
  readonly certificate: Certificate
  readonly voters: number
  readonly tookMs: number
}

/** One height: all of the committee are honest and here. */
function decide(participants: readonly string[]): Decided {
  const committee = drawCommittee(RUN, 0, participants, COMMITTEE)
  const tally = createTally()
  const clock = createVirtualClock()
  const voters = new Map<string, Consensus>()
  const decided = new Map<string, { block: Block; certificate: Certificate }>()

  function perform(self: string, effects: readonly ConsensusEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'send')
        for (const peer of effect.to) {
          const message = { run, message: encodeMessage(effect.message) }
          countFrame(tally, RoundsRequest.encode({ ...empty, message }))
          clock.later(WAY_MS, () => perform(peer, voters.get(peer)!.receive(self, effect.message)))
        }
      else if (effect.type === 'timer')
        clock.later(effect.delayMs, () => perform(self, voters.get(self)!.elapsed(effect.timer)))
      else if (effect.type === 'propose') {
        const { height, view } = effect
        const block = createBlock({
          run: RUN,
          height,
          parent: PARENT,
          timeMs: 1_000,
          proposer: self,
          view,
          statements: [],
        })
        perform(self, voters.get(self)!.propose(block))
      } else if (effect.type === 'decide') decided.set(self, effect)
    }
  }

  for (const self of committee.members) {
    const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
    voters.set(self, consensus)
    perform(
      self,
      consensus.begin({ height: 1, parent: PARENT, committee, startView: 0, objection: () => null }),
    )
  }
  for (const [self, consensus] of voters) perform(self, consensus.offer(true))
  while (decided.size < voters.size && Number.isFinite(clock.nextMs())) clock.step()
  const [first] = decided.values()
  if (first === undefined || decided.size < voters.size) throw new Error('a height was not decided')
  return { tally, ...first, voters: voters.size, tookMs: clock.nowMs }
}

export const roundCosts: CostCase = {
  name: 'rounds',
  run(peers): CostRow[] {
    const participants = virtualMembers(peers).map(({ peer }) => peer)
    const { tally, block, certificate, voters, tookMs } = decide(participants)
    const news = RoundsNews.encode({ run, height: 1 })
    const fetched = createTally()
    countFrame(fetched, RoundsRequest.encode({ ...empty, want: { run, from: 1 } }))
    countFrame(
      fetched,
      RoundsPage.encode({
        known: 1,
        announcement: new Uint8Array(0),
        blocks: [{ block: block.bytes, certificate: encodeCertificate(certificate) }],
        more: false,
        trace: new Uint8Array(0),
      }),
    )
    const votes = 2 * voters * (voters - 1)
    const row = { peers }
    return [
      {
        ...row,
        cost: 'messages of a block in its committee',
        unit: 'messages',
        measured: tally.messages,
        formula: voters - 1 + votes,
        tolerance: 0.1,
      },
      {
        ...row,
        cost: 'bytes of a block in its committee',
        unit: 'bytes',
        measured: tally.bytes,
        formula: (voters - 1) * (block.bytes.byteLength + VOTE_BYTES) + votes * VOTE_BYTES,
        tolerance: 0.2,
      },
      {
        ...row,
        cost: 'ways that a block takes to be final',
        unit: 'ways',
        measured: tookMs / WAY_MS,
        formula: 3,
        tolerance: 0.01,
      },
      {
        ...row,
        cost: 'a block fetched by a follower',
        unit: 'bytes',
        measured: fetched.bytes,
        formula: block.bytes.byteLength + quorumOf(voters) * 68 + 50,
        tolerance: 0.35,
      },
      {
        ...row,
        cost: 'news of a block, by peer',
        unit: 'bytes',
        measured: ((news.byteLength + ENVELOPE_BYTES) * gossipCopies(peers)) / peers,
        formula: (20 + ENVELOPE_BYTES) * (Math.min(GOSSIP_DEGREE, peers - 1) - 1),
        tolerance: 0.2,
      },
    ]
  },
}
