/** What the consensus asks of whoever drives it. Effects are carried out in their order: what is kept is on the disk before anything is sent. */
import type { Block } from '../../ledger/block.ts'
import type { Certificate, SignedVote, Step } from '../../ledger/vote.ts'
import type { ConsensusMessage } from './messages.ts'
import type { HeightRecord } from './record.ts'

export interface ConsensusTimer {
  readonly height: number
  readonly view: number
  readonly step: Step | 'resend'
}

export type ConsensusEffect =
  /** Write it and wait until it is on the disk; then go on with the next effect. */
  | { readonly type: 'persist'; readonly record: HeightRecord }
  | { readonly type: 'send'; readonly to: readonly string[]; readonly message: ConsensusMessage }
  /** Call `elapsed(timer)` after this time. Timers of heights and views that are over do nothing: they need not be cancelled. */
  | { readonly type: 'timer'; readonly timer: ConsensusTimer; readonly delayMs: number }
  /** This member coordinates: call `propose(block)` with a block of this height and view when there is something to say. */
  | { readonly type: 'propose'; readonly height: number; readonly view: number }
  /** Another view, and so another coordinator: statements that wait for a block go to that one. */
  | {
      readonly type: 'view'
      readonly height: number
      readonly view: number
      readonly coordinator: string
    }
  /** The block is final: store it, apply it, and call `begin` for the next height. */
  | { readonly type: 'decide'; readonly block: Block; readonly certificate: Certificate }
  /** This peer knows of a later height, or a quorum of a block that this member lacks: ask it for blocks from `height` on. */
  | { readonly type: 'behind'; readonly peer: string; readonly height: number }
  /** This peer still votes on a height that is decided: send it the certified block. */
  | { readonly type: 'ahead'; readonly peer: string; readonly height: number }
  /** The voter has signed both: make a `proof` of it. */
  | {
      readonly type: 'lie'
      readonly voter: string
      readonly votes: readonly [SignedVote, SignedVote]
    }
  /** The peer brought a message that no honest member sends. */
  | { readonly type: 'refused'; readonly peer: string; readonly reason: string }

/** How long each step waits, in milliseconds; each further view of a height waits `growthMs` longer, up to `maxMs`. */
export interface ConsensusTiming {
  readonly proposeMs: number
  readonly prevoteMs: number
  readonly precommitMs: number
  readonly growthMs: number
  readonly maxMs: number
  /** Until own messages are sent again; doubles each time, up to `maxMs`. */
  readonly resendMs: number
}

export const DEFAULT_TIMING: ConsensusTiming = {
  proposeMs: 3_000,
  prevoteMs: 1_000,
  precommitMs: 1_000,
  growthMs: 1_000,
  maxMs: 30_000,
  resendMs: 1_500,
}
