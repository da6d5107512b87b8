/** Ledgers made by hand: members with fixed keys, a state machine that counts, blocks with real certificates. */
import { createHash } from 'node:crypto'
import { type Announcement, signAnnouncement } from '../../node/federated/ledger/announcement.ts'
import { type Block, type CertifiedBlock, createBlock } from '../../node/federated/ledger/block.ts'
import { coordinatorOf, drawCommittee, quorumOf } from '../../node/federated/ledger/committee.ts'
import type { SignedStatement, Statement } from '../../node/federated/ledger/statement.ts'
import { signStatement } from '../../node/federated/ledger/statement-codec.ts'
import {
  extendLedger,
  type LedgerMachine,
  type LedgerTip,
  startOfLedger,
} from '../../node/federated/ledger/verify.ts'
import { type Certificate, signVote } from '../../node/federated/ledger/vote.ts'
import { parseRunSpec } from '../../node/federated/rounds/spec-check.ts'
import { peerOf, type Signer, signerFromSeed } from '../../node/mesh/membership/keys.ts'

export interface Key {
  readonly signer: Signer
  readonly peer: string
}

/** The same keys every time, so that bytes can be kept as vectors. */
export const keyOf = (name: string): Key => {
  const signer = signerFromSeed(createHash('sha256').update(name).digest())
  return { signer, peer: peerOf(signer.publicKey) }
}

export const KEYS: readonly Key[] = ['ada', 'ben', 'cleo', 'dora'].map(keyOf)
export const [ADA, BEN] = KEYS as readonly [Key, Key]

export const signerOf = (peer: string): Signer => KEYS.find((key) => key.peer === peer)!.signer

export const SPEC = parseRunSpec({
  name: 'a run of tests',
  workload: { kind: 'merge', options: { parents: ['bafyone', 'bafytwo'], weight: 0.1 } },
  strategy: { name: 'tournament', options: {} },
  seed: 7,
  population: 12,
  limits: { generations: 5 },
})

export const announce = (name = SPEC.name): Announcement =>
  signAnnouncement(ADA.signer, {
    village: 'village-of-tests',
    timeMs: 1_000_000,
    spec: parseRunSpec({ ...SPEC, name }),
  })

/** One of each kind that needs no votes. */
export const statementsOf = (author: string): Statement[] => [
  { kind: 'join', author, sequence: 1, cores: 4, memoryBytes: 2 ** 33, software: '1.2.3-rc.1' },
  { kind: 'leave', author, sequence: 2 },
  { kind: 'control', author, sequence: 3, action: 'pause' },
  {
    kind: 'propose',
    author,
    generation: 3,
    entries: [
      {
        slot: 2,
        genome: { density: 0.1, weights: [1e-9, -0.5, 3], method: 'ties' },
        origin: { parents: ['2.1', '0.11'], by: 'crossover' },
      },
      { slot: 5, genome: {}, origin: { parents: [], by: 'sample' } },
    ],
  },
  {
    kind: 'commit',
    author,
    generation: 3,
    stage: 1,
    entries: [
      { slot: 0, digest: '01'.repeat(32) },
      { slot: 7, digest: null },
      { slot: 255, digest: 'ff'.repeat(32) },
    ],
  },
  {
    kind: 'reveal',
    author,
    generation: 3,
    stage: 0,
    entries: [
      {
        slot: 7,
        nonce: Uint8Array.from({ length: 16 }, (_, index) => index),
        values: Uint8Array.from([255, 0, 127]),
        joules: 12.75,
        busyMs: 4_321,
      },
    ],
  },
  { kind: 'built', author, cid: 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi' },
]

/** Two votes of one member for one step that contradict. */
export function proofAgainst(run: string, liar: Key, author: string): Statement {
  const vote = (hash: string | null) =>
    signVote(liar.signer, run, { height: 4, view: 1, step: 'prevote', hash, validView: null })
  return { kind: 'proof', author, voter: liar.peer, votes: [vote(null), vote('0a'.repeat(32))] }
}

/** What the machine of these tests keeps: who has joined, and how often the committee was drawn. */
export interface Counted {
  readonly run: string
  readonly announcer: string
  readonly joined: readonly string[]
  readonly drawn: number
}

/** `join` adds a member; `control start` draws the committee of all who joined; `leave` is not allowed here. */
export const COUNTING: LedgerMachine<Counted> = {
  start: ({ run, announcer }) => ({ run, announcer, joined: [], drawn: 0 }),
  apply(state, { statements }) {
    let next = state
    for (const { statement } of statements) {
      if (statement.kind === 'leave') throw new Error('nobody may leave')
      if (statement.kind === 'join') next = { ...next, joined: [...next.joined, statement.author] }
      if (statement.kind === 'control') next = { ...next, drawn: next.drawn + 1 }
    }
    return next
  },
  committee: ({ run, announcer, joined, drawn }) =>
    drawn === 0 ? { epoch: 0, members: [announcer] } : drawCommittee(run, drawn, joined, 4),
}

/** A certificate by the first members of the committee, as many as are asked for: a quorum if nothing is said. */
export function certify(tip: LedgerTip<Counted>, block: Block, voters?: number): Certificate {
  const { members } = COUNTING.committee(tip.state)
  const view = block.view
  return {
    view,
    votes: members.slice(0, voters ?? quorumOf(members.length)).map((peer, voter) => ({
      voter,
      signature: signVote(signerOf(peer), tip.run, {
        height: block.height,
        view,
        step: 'precommit',
        hash: block.hash,
        validView: null,
      }).signature,
    })),
  }
}

export function blockOn(
  tip: LedgerTip<Counted>,
  statements: readonly SignedStatement[],
  over: { view?: number; timeMs?: number; proposer?: string; height?: number; parent?: string } = {},
): Block {
  const view = over.view ?? 0
  return createBlock({
    run: tip.run,
    height: tip.height + 1,
    parent: tip.hash,
    timeMs: tip.timeMs + 10,
    proposer: coordinatorOf(COUNTING.committee(tip.state), view),
    ...over,
    view,
    statements,
  })
}

/** Four join, the committee is drawn, and so many blocks follow, each with a proposal of one of them. */
export function makeLedger(
  announcement: Announcement,
  blocks: number,
): { tips: LedgerTip<Counted>[]; blocks: CertifiedBlock[] } {
  const { run } = announcement
  const tips = [startOfLedger(COUNTING, announcement)]
  const made: CertifiedBlock[] = []
  const add = (statements: readonly SignedStatement[]) => {
    const tip = tips.at(-1)!
    const block = blockOn(tip, statements)
    const certified = { block, certificate: certify(tip, block) }
    made.push(certified)
    tips.push(extendLedger(COUNTING, tip, certified))
  }
  const join = (key: Key) =>
    signStatement(key.signer, run, {
      kind: 'join',
      author: key.peer,
      sequence: 1,
      cores: 2,
      memoryBytes: 4_096,
      software: '1',
    })
  add(KEYS.map(join))
  add([signStatement(ADA.signer, run, { kind: 'control', author: ADA.peer, sequence: 2, action: 'start' })])
  for (let count = 2; count < blocks; count++)
    add([
      signStatement(BEN.signer, run, {
        kind: 'propose',
        author: BEN.peer,
        generation: count,
        entries: [{ slot: 0, genome: { count }, origin: { parents: [], by: 'sample' } }],
      }),
    ])
  return { tips, blocks: made }
}
