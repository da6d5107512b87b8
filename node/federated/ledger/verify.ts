/**
 * Whether blocks are the ledger of a run: each fits on the one below, is certified by the committee in force, and says nothing that the run does
 * not allow. Who is in the committee follows from the blocks themselves, through the state machine of the run, so nothing but the announcement
 * has to be trusted. Used for what a peer sends, for what is read from a disk, and by `village ledger verify`.
 */
import { VillageError } from '../../errors.ts'
import { type Announcement, checkAnnouncement } from './announcement.ts'
import { type Block, type CertifiedBlock, checkBlock, MAX_AHEAD_MS } from './block.ts'
import { type Committee, coordinatorOf } from './committee.ts'
import { decodeCertificate, isCertified } from './vote.ts'

/** The state machine of a run (rounds/), as far as the ledger needs it. */
export interface LedgerMachine<S> {
  start(announcement: Announcement): S
  /** Pure. Throws for a block that says what the run does not allow. */
  apply(state: S, block: Block): S
  /** Who decides about the next block. */
  committee(state: S): Committee
}

/** The end of a verified chain. */
export interface LedgerTip<S> {
  readonly run: string
  /** 0: the announcement. */
  readonly height: number
  readonly hash: string
  readonly timeMs: number
  /** View and epoch of the last block. */
  readonly view: number
  readonly epoch: number
  readonly state: S
}

export type LedgerVerdict =
  | {
      readonly ok: true
      readonly run: string
      readonly announcer: string
      readonly height: number
      /** Hash of the last block. */
      readonly hash: string
      readonly timeMs: number
      readonly statements: number
      readonly sizeBytes: number
    }
  | {
      readonly ok: false
      readonly code: LedgerFault
      /** Of the block that fails; 0: the announcement. */
      readonly height: number
      readonly reason: string
    }

const FAULTS = [
  'LEDGER_MALFORMED',
  'LEDGER_UNSIGNED',
  'LEDGER_BROKEN',
  'LEDGER_UNCERTIFIED',
  'LEDGER_REFUSED',
] as const
export type LedgerFault = (typeof FAULTS)[number]

export function startOfLedger<S>(machine: LedgerMachine<S>, announcement: Announcement): LedgerTip<S> {
  const state = machine.start(announcement)
  const { run, hash, timeMs } = announcement
  return { run, height: 0, hash, timeMs, view: 0, epoch: machine.committee(state).epoch, state }
}

/**
 * The first view of the height above: that of the last block, so that a coordinator stays until it fails; 0 where the committee or its order has
 * changed.
 */
export function startViewOf<S>(machine: LedgerMachine<S>, tip: LedgerTip<S>): number {
  return machine.committee(tip.state).epoch === tip.epoch ? tip.view : 0
}

/** Why the block cannot stand on this tip, or null. What it says is not looked at. */
function linkFault<S>(machine: LedgerMachine<S>, tip: LedgerTip<S>, block: Block): string | null {
  const committee = machine.committee(tip.state)
  if (block.run !== tip.run) return 'it is of another run'
  if (block.height !== tip.height + 1) return `its height is not ${tip.height + 1}`
  if (block.parent !== tip.hash) return 'its parent is another block'
  if (block.timeMs < tip.timeMs) return 'it is earlier than the block below'
  if (committee.members.length === 0) return 'nobody decides about it'
  if (block.view < startViewOf(machine, tip)) return 'it is of a view that was over'
  if (block.proposer !== coordinatorOf(committee, block.view))
    return 'its proposer did not coordinate in its view'
  return null
}

/** What speaks against voting for a block now, or null: for the consensus. */
export function objectionTo<S>(
  machine: LedgerMachine<S>,
  tip: LedgerTip<S>,
  block: Block,
  nowMs: number,
): string | null {
  if (block.timeMs > nowMs + MAX_AHEAD_MS) return 'it is later than the clock'
  const fault = linkFault(machine, tip, block)
  if (fault !== null) return fault
  try {
    machine.apply(tip.state, block)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/**
 * The tip with one more block, whose bytes have been checked already (`checkBlock`).
 * Throws LEDGER_BROKEN, LEDGER_UNCERTIFIED or LEDGER_REFUSED.
 */
export function extendLedger<S>(
  machine: LedgerMachine<S>,
  tip: LedgerTip<S>,
  { block, certificate }: CertifiedBlock,
): LedgerTip<S> {
  const fields = { run: tip.run, height: block.height }
  const fault = linkFault(machine, tip, block)
  if (fault !== null)
    throw new VillageError('LEDGER_BROKEN', `A block does not fit the chain of its run: ${fault}`, { fields })
  const committee = machine.committee(tip.state)
  if (!isCertified(tip.run, committee, block, certificate))
    throw new VillageError('LEDGER_UNCERTIFIED', undefined, { fields })
  const { height, hash, timeMs, view } = block
  return {
    run: tip.run,
    height,
    hash,
    timeMs,
    view,
    epoch: committee.epoch,
    state: applied(machine, tip, block),
  }
}

function applied<S>(machine: LedgerMachine<S>, tip: LedgerTip<S>, block: Block): S {
  try {
    return machine.apply(tip.state, block)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new VillageError(
      'LEDGER_REFUSED',
      `A block says something that its run does not allow: ${reason}`,
      {
        cause: error,
        fields: { run: tip.run, height: block.height },
      },
    )
  }
}

/** Verifies a ledger from its bytes alone. Never throws for what the bytes hold. */
export function verifyLedger<S>(
  machine: LedgerMachine<S>,
  ledger: {
    readonly announcement: Uint8Array
    readonly blocks: Iterable<{ readonly block: Uint8Array; readonly certificate: Uint8Array }>
  },
): LedgerVerdict {
  let height = 0
  let statements = 0
  let sizeBytes = ledger.announcement.byteLength
  try {
    const announcement = checkAnnouncement(ledger.announcement)
    let tip = startOfLedger(machine, announcement)
    for (const entry of ledger.blocks) {
      height += 1
      const block = checkBlock(entry.block)
      tip = extendLedger(machine, tip, { block, certificate: decodeCertificate(entry.certificate) })
      statements += block.statements.length
      sizeBytes += entry.block.byteLength + entry.certificate.byteLength
    }
    const { run, hash, timeMs } = tip
    return { ok: true, run, announcer: announcement.announcer, height, hash, timeMs, statements, sizeBytes }
  } catch (error) {
    const code = error instanceof VillageError ? FAULTS.find((fault) => fault === error.code) : undefined
    if (code === undefined) throw error
    return { ok: false, code, height, reason: (error as Error).message }
  }
}
