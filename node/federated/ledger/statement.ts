/**
 * What a participant can say in a run. A statement is signed by its author for one run and has its effect by standing in a block; what it
 * does there is decided by the state machine of the run (rounds/). The forms and limits here are checked before anybody votes.
 */
import type { Genome, Origin } from '../evolve/strategy.ts'
import type { SignedVote } from './vote.ts'

export const MAX_STATEMENT_BYTES = 256 * 1_024
export const MAX_SLOTS = 256
/** Last value of `generation`: the limit of a run, one more for the final scoring included. */
export const MAX_GENERATION = 100_000
/** Rounds of drawing more scorers for a generation. */
export const MAX_STAGE = 32
export const NONCE_BYTES = 16
/** Of the scores of one candidate: 65,536 items of one bit, or 8,192 of eight. */
export const MAX_VALUES_BYTES = 8_192
export const MAX_PARENTS = 16

interface Said {
  /** Peer ID of who signs it. */
  readonly author: string
}

/**
 * `join`, `leave` and `control` of one author count only with a number above that of the last one in the ledger: an old one that somebody
 * sends again changes nothing.
 */
interface Sequenced extends Said {
  readonly sequence: number
}

export interface JoinStatement extends Sequenced {
  readonly kind: 'join'
  readonly cores: number
  readonly memoryBytes: number
  /** Version of its software, for who wonders why results differ. */
  readonly software: string
}

export interface LeaveStatement extends Sequenced {
  readonly kind: 'leave'
}

export interface ControlStatement extends Sequenced {
  readonly kind: 'control'
  readonly action: ControlAction
}
export const CONTROL_ACTIONS = ['start', 'pause', 'resume', 'stop'] as const
export type ControlAction = (typeof CONTROL_ACTIONS)[number]

export interface ProposeStatement extends Said {
  readonly kind: 'propose'
  readonly generation: number
  readonly entries: readonly ProposedCandidate[]
}
export interface ProposedCandidate {
  readonly slot: number
  readonly genome: Genome
  readonly origin: Origin
}

export interface CommitStatement extends Said {
  readonly kind: 'commit'
  readonly generation: number
  readonly stage: number
  readonly entries: readonly ScoreCommitment[]
}
export interface ScoreCommitment {
  readonly slot: number
  /** Hex of `scoreDigest`; null: the candidate cannot be scored. */
  readonly digest: string | null
}

export interface RevealStatement extends Said {
  readonly kind: 'reveal'
  readonly generation: number
  readonly stage: number
  readonly entries: readonly ScoreReveal[]
}
export interface ScoreReveal {
  readonly slot: number
  /** 16 random bytes, so that a commitment cannot be guessed. */
  readonly nonce: Uint8Array
  /** Scores by item, quantised as the workload says. */
  readonly values: Uint8Array
  readonly joules: number
  /** Whole milliseconds of work. */
  readonly busyMs: number
}

export interface BuiltStatement extends Said {
  readonly kind: 'built'
  readonly cid: string
}

/** That a member of the committee signed two different votes for one height, view and step. */
export interface ProofStatement extends Said {
  readonly kind: 'proof'
  readonly voter: string
  readonly votes: readonly [SignedVote, SignedVote]
}

export type Statement =
  | JoinStatement
  | LeaveStatement
  | ControlStatement
  | ProposeStatement
  | CommitStatement
  | RevealStatement
  | BuiltStatement
  | ProofStatement
export type StatementKind = Statement['kind']

/** A statement whose form and signature have been checked (or that was just made). */
export interface SignedStatement {
  readonly statement: Statement
  /** The encoding, as it stands in a block. */
  readonly bytes: Uint8Array
  /** Hex SHA-256 of `bytes`: the name of the statement. */
  readonly digest: string
}
