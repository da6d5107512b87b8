/**
 * Where a run stood when this node stopped: the latest checkpoint, and the blocks above it, verified again. What the disk has lost or changed
 * is put aside and comes from the other members.
 */
import { toVillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Announcement } from '../ledger/announcement.ts'
import type { LedgerEntry, LedgerStore } from '../ledger/ledger-store.ts'
import { type LedgerMachine, type LedgerTip, startOfLedger } from '../ledger/verify.ts'
import type { HeightRecord } from './consensus/record.ts'
import { extendAtLeisure } from './ledger-check.ts'
import { type RunState, STATE_FORMAT } from './run-state.ts'

export interface StoredRun {
  readonly tip: LedgerTip<RunState>
  readonly record: HeightRecord | null
  /** The record of votes at this height is lost: no vote up to it. 0: nothing is lost. */
  readonly muteTo: number
}

/** At a time: what of a ledger lies in memory while it is read. */
const PAGE = { count: 256, sizeBytes: 4 * 2 ** 20 }

interface Components {
  readonly ledgers: LedgerStore<RunState>
  readonly machine: LedgerMachine<RunState>
  readonly log: Log
}

/** The latest checkpoint whose blocks are all there and whole: others will ask for them. */
async function soundSnapshot({ ledgers, log }: Components, run: string): Promise<LedgerTip<RunState> | null> {
  const kept = await ledgers.snapshot(run, Number.MAX_SAFE_INTEGER)
  const damaged = kept === null ? null : await ledgers.firstDamage(run, kept.height)
  if (damaged === null) return kept
  log.error({ run, height: damaged }, 'a block of a run is damaged here, and is fetched again')
  await ledgers.quarantine(run, damaged)
  return await ledgers.snapshot(run, damaged - 1)
}

async function storedTip(components: Components, announcement: Announcement): Promise<LedgerTip<RunState>> {
  const { ledgers, machine, log } = components
  const { run } = announcement
  const kept = await soundSnapshot(components, run)
  let tip = kept?.state.format === STATE_FORMAT ? kept : startOfLedger(machine, announcement)
  try {
    await extendAtLeisure(machine, tip, storedBlocks(components, run, tip.height + 1), (next) => {
      tip = next
    })
    return tip
  } catch (error) {
    const { code } = toVillageError(error)
    if (!code.startsWith('LEDGER_')) throw error
    log.error({ run, height: tip.height + 1, code }, 'a block of a run is damaged here, and is fetched again')
    await ledgers.quarantine(run, tip.height + 1)
    return tip
  }
}

async function storedRecord(
  { ledgers, log }: Components,
  run: string,
): Promise<{ record: HeightRecord | null; muteTo: number }> {
  try {
    return { record: await ledgers.record(run), muteTo: 0 }
  } catch (error) {
    const { code, fields } = toVillageError(error)
    if (code !== 'LEDGER_CORRUPT') throw error
    log.error(
      { run, height: fields.height },
      'own votes in a run are lost: this node does not vote on that block',
    )
    return { record: null, muteTo: Number(fields.height) }
  }
}

export async function readStoredRun(components: Components, announcement: Announcement): Promise<StoredRun> {
  const tip = await storedTip(components, announcement)
  return { tip, ...(await storedRecord(components, announcement.run)) }
}

/** The blocks of a run from a height on, as they lie on the disk. Throws LEDGER_CORRUPT. */
export async function* storedBlocks(
  { ledgers }: Pick<Components, 'ledgers'>,
  run: string,
  from = 1,
): AsyncGenerator<LedgerEntry> {
  for (let height = from; ; ) {
    const page = await ledgers.blocks(run, height, PAGE).catch(async (error: unknown) => {
      const { code, fields } = toVillageError(error)
      const intact = Number(fields.height) - height
      if (code !== 'LEDGER_CORRUPT' || !(intact > 0)) throw error
      return await ledgers.blocks(run, height, { ...PAGE, count: intact }) // those below are still good
    })
    if (page.length === 0) return
    yield* page
    height += page.length
  }
}
