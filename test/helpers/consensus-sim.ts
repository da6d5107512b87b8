/**
 * A committee in one process under a virtual clock, over a network that delays, reorders, loses and splits, with members that crash, forget
 * everything but what they kept, fall silent or lie. One seed gives one history. It checks as it goes that no two certified blocks of one height
 * differ and that no honest member ever contradicts itself, and it counts what happened, so that a test can see that it was exercised.
 */
import { counterRandom } from '../../node/compute/training/philox.ts'
import { type Block, createBlock } from '../../node/federated/ledger/block.ts'
import { type Committee, drawCommittee, quorumOf } from '../../node/federated/ledger/committee.ts'
import { areContradictory, type SignedVote } from '../../node/federated/ledger/vote.ts'
import { type Consensus, createConsensus } from '../../node/federated/rounds/consensus/consensus.ts'
import type { ConsensusEffect, ConsensusTiming } from '../../node/federated/rounds/consensus/effects.ts'
import {
  type ConsensusMessage,
  decodeMessage,
  encodeMessage,
} from '../../node/federated/rounds/consensus/messages.ts'
import {
  decodeRecord,
  encodeRecord,
  type HeightRecord,
} from '../../node/federated/rounds/consensus/record.ts'
import { ed25519Votes, type VoteScheme } from '../../node/federated/rounds/consensus/vote-scheme.ts'
import { createLies, type Lie } from './consensus-liars.ts'
import { createLossyNetwork } from './lossy-network.ts'
import { SIM_SIGNERS, sealedVotes } from './sealed-votes.ts'
import { createVirtualClock } from './virtual-clock.ts'

const RUN = '00112233445566778899aabbccddeeff'
const GENESIS = 'aa'.repeat(32)

export interface SimInit {
  readonly seed: number
  readonly members: number
  /** Of the members, those that vote; default all. */
  readonly committee?: number
  /** What the first so many members are. */
  readonly liars?: readonly Lie[]
  readonly heights: number
  /** Share of messages that are lost while the network is bad. */
  readonly loss: number
  readonly maxDelayMs: number
  /** Crashes and partitions, spread over the bad time. */
  readonly crashes: number
  readonly partitions: number
  /** When everything becomes well: no more loss, crashes or partitions. */
  readonly healedAtMs: number
  readonly untilMs: number
  /** Honest members that lose what they kept in a crash: a fault of the worst kind, to see that the check would notice. */
  readonly forgetful?: boolean
  /** Real signatures, and everything that travels or is kept goes through its bytes. Slow: for few seeds. */
  readonly real?: boolean
}

export interface SimResult {
  /** Height that each honest member has reached. */
  readonly heights: readonly number[]
  /** Virtual time at which all honest members had all heights, or null. */
  readonly doneAtMs: number | null
  /** What must never be: two blocks at a height, a member against itself, an honest member named as a liar. */
  readonly violations: readonly string[]
  readonly named: ReadonlySet<string>
  readonly liars: ReadonlySet<string>
  readonly events: {
    messages: number
    lost: number
    crashes: number
    views: number
    synced: number
    reproposed: number
  }
}

const TIMING: ConsensusTiming = {
  proposeMs: 600,
  prevoteMs: 300,
  precommitMs: 300,
  growthMs: 200,
  maxMs: 5_000,
  resendMs: 400,
}

interface Certified {
  readonly block: Block
  readonly certificate: { view: number; votes: readonly { voter: number; signature: Uint8Array }[] }
}

type Packet =
  | { readonly kind: 'consensus'; readonly message: ConsensusMessage }
  | { readonly kind: 'ask'; readonly from: number }
  | { readonly kind: 'blocks'; readonly blocks: readonly Certified[] }
  | { readonly kind: 'tip'; readonly height: number }

interface Member {
  readonly peer: string
  readonly index: number
  readonly lie: Lie | null
  /** Tells twins of one peer apart. */
  readonly copy: number
  /** What is on its disk. */
  chain: Certified[]
  record: HeightRecord | null
  /** What is in its memory; null while it is down. */
  consensus: Consensus | null
}

export function simulate(init: SimInit): SimResult {
  const words = counterRandom(init.seed, 7)
  let drawn = 0
  const random = () => words.word(drawn++) / 2 ** 32
  const below = (count: number) => Math.floor(random() * count)

  const votesOf = (peer: string): VoteScheme =>
    init.real === true ? ed25519Votes(SIM_SIGNERS.get(peer)!, RUN) : sealedVotes(peer)
  const overWire = (from: Member, to: Consensus, message: ConsensusMessage) =>
    init.real === true
      ? decodeMessage(encodeMessage(message), (voter, vote) => to.wants(from.peer, voter, vote))
      : message
  const toDisk = (record: HeightRecord) => (init.real === true ? decodeRecord(encodeRecord(record)) : record)
  const peers = [...SIM_SIGNERS.keys()].slice(0, init.members)
  const size = init.committee ?? init.members
  const committees = new Map<number, Committee>()
  const epochOf = (height: number) => Math.floor((height - 1) / 3)
  const committeeAt = (height: number): Committee => {
    const epoch = epochOf(height)
    const known = committees.get(epoch) ?? drawCommittee(RUN, epoch, peers, size)
    committees.set(epoch, known)
    return known
  }
  // Those who lie sit in the committee: a liar that does not vote proves nothing.
  const inCommittee = new Set(committeeAt(1).members)
  const ordered = [
    ...peers.filter((peer) => inCommittee.has(peer)),
    ...peers.filter((peer) => !inCommittee.has(peer)),
  ]
  const members: Member[] = []
  ordered.forEach((peer, index) => {
    const lie = init.liars?.[index] ?? null
    for (let copy = 0; copy < (lie === 'twins' ? 2 : 1); copy++)
      members.push({ peer, index, lie, copy, chain: [], record: null, consensus: null })
  })
  const honest = members.filter(({ lie }) => lie === null)
  const liars = new Set(members.filter(({ lie }) => lie !== null).map(({ peer }) => peer))

  const violations: string[] = []
  const named = new Set<string>()
  const events = { messages: 0, lost: 0, crashes: 0, views: 0, synced: 0, reproposed: 0 }
  const decided = new Map<number, string>()
  const said = new Map<string, SignedVote>()
  const clock = createVirtualClock()
  const { later } = clock
  let doneAtMs: number | null = null

  const network = createLossyNetwork<Member>({ ...init, clock, random })
  function transmit(from: Member, to: string, packet: Packet): void {
    for (const target of members) {
      if (target.peer !== to || target === from) continue
      // The liar with two copies shows each half of the others another face.
      const isSeen = from.lie !== 'twins' || from.copy === (target.index + init.seed) % 2 || random() < 0.2
      events.messages += 1
      if (isSeen && !network.carry(from, target, () => deliver(from, target, packet))) events.lost += 1
    }
  }

  function deliver(from: Member, to: Member, packet: Packet): void {
    if (to.consensus === null) return
    if (to.lie === 'silent') return
    if (packet.kind === 'consensus') {
      lies.hear(to, packet.message.vote)
      const message = overWire(from, to.consensus, packet.message)
      if (message !== null) run(to, to.consensus.receive(from.peer, message))
    } else if (packet.kind === 'ask') {
      const blocks = to.chain.slice(Math.max(0, packet.from - 1), packet.from + 5)
      if (blocks.length > 0) transmit(to, from.peer, { kind: 'blocks', blocks })
    } else if (packet.kind === 'tip') {
      if (packet.height > to.chain.length) transmit(to, from.peer, { kind: 'ask', from: to.chain.length + 1 })
    } else for (const certified of packet.blocks) adopt(to, certified)
  }

  function makeBlock(member: Member, height: number, view: number): Block {
    const parent = member.chain[height - 2]?.block
    return createBlock({
      run: RUN,
      height,
      parent: parent?.hash ?? GENESIS,
      timeMs: Math.max(parent?.timeMs ?? 0, Math.floor(clock.nowMs) * 1_000 + below(1_000)),
      proposer: member.peer,
      view,
      statements: [],
    })
  }

  function begin(member: Member): void {
    const height = member.chain.length + 1
    const below1 = member.chain.at(-1)?.block
    const startView = below1 !== undefined && epochOf(below1.height) === epochOf(height) ? below1.view : 0
    const effects = member.consensus!.begin(
      {
        height,
        parent: below1?.hash ?? GENESIS,
        committee: committeeAt(height),
        startView,
        objection: (block) => (block.timeMs < (below1?.timeMs ?? 0) ? 'it is too early' : null),
      },
      member.record,
    )
    run(member, effects)
    if (height > init.heights) return
    // Some have something to say at once; after a while everybody knows of it.
    const mine = member.consensus
    const speak = () => {
      if (member.consensus === mine && mine !== null && mine.height === height) run(member, mine.offer(true))
    }
    later(random() < 0.5 ? random() * 50 : 700 + random() * 300, speak)
  }

  function adopt(member: Member, { block, certificate }: Certified): void {
    const parent = member.chain.at(-1)?.block.hash ?? GENESIS
    if (block.height !== member.chain.length + 1 || block.parent !== parent) return
    const committee = committeeAt(block.height)
    const scheme = votesOf(member.peer)
    const isGood = certificate.votes.every(({ voter, signature }) =>
      scheme.isVoteOf(committee.members[voter]!, {
        height: block.height,
        view: certificate.view,
        step: 'precommit',
        hash: block.hash,
        validView: null,
        signature,
      }),
    )
    if (!isGood || certificate.votes.length < quorumOf(committee.members.length)) {
      violations.push(`a certificate of height ${block.height} does not hold`)
      return
    }
    const other = decided.get(block.height)
    if (other !== undefined && other !== block.hash && member.lie === null)
      violations.push(`two blocks at height ${block.height}`)
    if (member.lie === null) decided.set(block.height, block.hash)
    if (certificate.view > block.view) events.reproposed += 1
    member.chain.push({ block, certificate })
    if (doneAtMs === null && honest.every(({ chain }) => chain.length >= init.heights)) doneAtMs = clock.nowMs
    if (member.consensus !== null) begin(member)
  }

  function watch(member: Member, message: ConsensusMessage): void {
    if (member.lie !== null) return
    const { vote } = message
    const name = `${member.peer} ${vote.height} ${vote.view} ${vote.step}`
    const earlier = said.get(name)
    if (earlier !== undefined && areContradictory(earlier, vote)) violations.push(`${name} twice`)
    said.set(name, vote)
  }

  function run(member: Member, effects: readonly ConsensusEffect[]): void {
    const mine = member.consensus
    for (const effect of effects) {
      if (member.consensus !== mine || mine === null) return // it crashed in the middle
      if (dueCrash > 0 && member.lie === null && clock.nowMs < init.healedAtMs && random() < 0.02) {
        dueCrash -= 1
        crash(member)
        return
      }
      if (effect.type === 'persist') member.record = toDisk(effect.record)
      else if (effect.type === 'send') {
        watch(member, effect.message)
        if (member.lie !== 'silent' && member.lie !== 'rival')
          for (const peer of effect.to) transmit(member, peer, { kind: 'consensus', message: effect.message })
      } else if (effect.type === 'timer')
        later(effect.delayMs, () => {
          if (member.consensus === mine) run(member, mine.elapsed(effect.timer))
        })
      else if (effect.type === 'propose') {
        if (effect.height <= init.heights)
          run(member, mine.propose(makeBlock(member, effect.height, effect.view)))
      } else if (effect.type === 'decide') {
        adopt(member, effect)
        for (const peer of peers)
          if (!inCommittee.has(peer)) transmit(member, peer, { kind: 'tip', height: member.chain.length })
      } else if (effect.type === 'behind') {
        events.synced += 1
        transmit(member, effect.peer, { kind: 'ask', from: member.chain.length + 1 })
      } else if (effect.type === 'ahead') {
        const blocks = member.chain.slice(effect.height - 1, effect.height + 3)
        if (blocks.length > 0) transmit(member, effect.peer, { kind: 'blocks', blocks })
      } else if (effect.type === 'view') events.views += 1
      else if (effect.type === 'lie' && member.lie === null) {
        named.add(effect.voter)
        if (!liars.has(effect.voter) && init.forgetful !== true)
          violations.push(`${effect.voter} is honest and was named`)
        if (!areContradictory(effect.votes[0], effect.votes[1])) violations.push('a proof proves nothing')
      } else if (effect.type === 'refused' && member.lie === null && !liars.has(effect.peer))
        violations.push(`an honest member was refused: ${effect.reason}`)
    }
  }

  function start(member: Member): void {
    if (member.lie === 'stale') member.record = null // it forgets what it signed
    if (init.forgetful === true) member.record = null
    member.consensus = createConsensus({
      run: RUN,
      self: member.peer,
      votes: votesOf(member.peer),
      timing: TIMING,
    })
    begin(member)
  }

  function crash(member: Member): void {
    if (member.consensus === null) return
    events.crashes += 1
    member.consensus = null
    later(Math.min(random() * 4_000, Math.max(0, init.healedAtMs - clock.nowMs)), () => start(member))
  }

  let dueCrash = init.crashes
  const lies = createLies<Member>({
    random,
    peers,
    committeeAt,
    votesOf,
    makeBlock: (liar, height, view) => makeBlock(liar, height, view),
    send: (liar, peer, message) => transmit(liar, peer, { kind: 'consensus', message }),
  })
  for (const member of members) start(member)
  for (const member of members.filter(({ lie }) => lie === 'stale'))
    for (let count = 0; count < 8; count++) later(random() * init.healedAtMs, () => crash(member))
  // What the digests of the real service do: now and then somebody hears how far another is.
  const chat = () => {
    for (const member of members)
      if (member.consensus !== null) {
        const peer = peers[below(peers.length)]!
        if (peer !== member.peer) transmit(member, peer, { kind: 'tip', height: member.chain.length })
      }
    later(1_500, chat)
  }
  later(1_500, chat)

  while (doneAtMs === null && violations.length === 0 && clock.nextMs() <= init.untilMs) clock.step()
  return { heights: honest.map(({ chain }) => chain.length), doneAtMs, violations, named, liars, events }
}
