/** Verifies a ledger (ledger/verify.ts) without holding the event loop: a long one takes seconds, and other members wait for answers meanwhile. */
import { setImmediate as breathe } from 'node:timers/promises'
import { toVillageError } from '../../errors.ts'
import { checkAnnouncement } from '../ledger/announcement.ts'
import { checkBlock } from '../ledger/block.ts'
import type { LedgerEntry } from '../ledger/ledger-store.ts'
import {
  extendLedger,
  type LedgerFault,
  type LedgerMachine,
  type LedgerTip,
  type LedgerVerdict,
  startOfLedger,
} from '../ledger/verify.ts'
import { decodeCertificate } from '../ledger/vote.ts'
import type { RunState } from './run-state.ts'

/** A block takes about a millisecond. */
const BLOCKS_BETWEEN_BREATHS = 8

/** The tip with the blocks of `entries`; `onTip` sees each. Throws as extendLedger() and checkBlock() do. */
export async function extendAtLeisure(
  machine: LedgerMachine<RunState>,
  from: LedgerTip<RunState>,
  entries: AsyncIterable<LedgerEntry> | Iterable<LedgerEntry>,
  onTip: (tip: LedgerTip<RunState>, said: { statements: number; sizeBytes: number }) => void,
): Promise<void> {
  let tip = from
  for await (const { block: bytes, certificate } of entries) {
    const block = checkBlock(bytes)
    tip = extendLedger(machine, tip, { block, certificate: decodeCertificate(certificate) })
    onTip(tip, {
      statements: block.statements.length,
      sizeBytes: bytes.byteLength + certificate.byteLength,
    })
    if (tip.height % BLOCKS_BETWEEN_BREATHS === 0) await breathe()
  }
}

const isFault = (code: string): code is LedgerFault => code.startsWith('LEDGER_') && code !== 'LEDGER_CORRUPT'

/** Throws only for what is no fault of the ledger: a disk that has lost blocks of it. */
export async function checkLedger(
  machine: LedgerMachine<RunState>,
  ledger: {
    readonly announcement: Uint8Array
    readonly blocks: AsyncIterable<LedgerEntry> | Iterable<LedgerEntry>
  },
): Promise<LedgerVerdict> {
  let height = 0
  let statements = 0
  let sizeBytes = ledger.announcement.byteLength
  try {
    const announcement = checkAnnouncement(ledger.announcement)
    let end = startOfLedger(machine, announcement)
    height = 1
    await extendAtLeisure(machine, end, ledger.blocks, (tip, said) => {
      end = tip
      height = tip.height + 1
      statements += said.statements
      sizeBytes += said.sizeBytes
    })
    const { run, hash, timeMs } = end
    return {
      ok: true,
      run,
      announcer: announcement.announcer,
      height: end.height,
      hash,
      timeMs,
      statements,
      sizeBytes,
    }
  } catch (error) {
    const { code, message } = toVillageError(error)
    if (!isFault(code)) throw error
    return { ok: false, code, height, reason: message }
  }
}
