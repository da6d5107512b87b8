/**
 * Brings a data directory to the present version, and back. Whatever happens, and whenever:
 *
 * 1. Files that move are copied to their new place; nothing of the old version is touched.
 * 2. The records and the version number are written to the store in one synced batch: from here on the data are of the new version.
 * 3. The old copies are removed.
 *
 * Cut off before 2, the data are of the old version, and its program starts with them; the next opening removes the copies and begins anew.
 * Cut off after 2, the next opening does 3. A snapshot of before is kept for the way back (data-snapshot.ts).
 */
import { constants } from 'node:fs'
import { copyFile, mkdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import { loadRecords } from './backup-state.ts'
import {
  checkMoves,
  keptVersions,
  readSnapshot,
  recordsFile,
  sizeOf,
  snapshotFile,
  snapshotFolder,
  takeSnapshot,
  UPGRADE_FOLDER,
} from './data-snapshot.ts'
import { syncDirectory, syncFile, writeDurably } from './durable-files.ts'
import { VillageError } from './errors.ts'
import { DATA_VERSION, type FileMove, MIGRATIONS, type Migration } from './migrations.ts'
import type { Database } from './store.ts'

export const VERSION_KEY = 'data-version'
const JOURNAL = 'journal.json'
const BACK_NOTE = 'back.json'
/** Beside what is copied: logs of the store, folders. */
const SPARE_BYTES = 16 * 2 ** 20

interface Journal {
  readonly version: 1
  readonly from: number
  readonly moves: readonly FileMove[]
}

export interface UpgradeInit {
  readonly directory: string
  /** The tables; others in tests. */
  readonly target?: number
  readonly migrations?: Readonly<Record<number, Migration>>
  readonly now?: () => number
  readonly freeBytes?: () => Promise<number>
  /** Called before every step that changes the disk; a test stops here. */
  readonly onStep?: (step: string) => void
}

const at = (directory: string, ...rest: string[]) => path.join(directory, UPGRADE_FOLDER, ...rest)

async function readNote<T>(file: string): Promise<T | null> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return text === null ? null : (JSON.parse(text) as T) // written whole, by this program
}

/** Null for a store that is new. Throws DATA_CORRUPT. */
export async function storedVersion(db: Database): Promise<number | null> {
  const stored = await db.get(VERSION_KEY)
  if (stored === undefined) return null
  const version = Number(stored)
  if (!Number.isInteger(version) || version < 1)
    throw new VillageError('DATA_CORRUPT', 'The data version is not a number', { fields: { stored } })
  return version
}

const writeVersion = (db: Database, version: number) =>
  // abstract-level passes `sync` on to classic-level, whose own option it is.
  db.put(VERSION_KEY, String(version), { sync: true } as object)

async function removeFiles(directory: string, files: readonly string[]): Promise<void> {
  for (const file of files) await rm(path.join(directory, file), { force: true })
  for (const folder of new Set(files.map((file) => path.dirname(path.join(directory, file)))))
    await syncDirectory(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
}

/** Ends what an upgrade that was cut off had begun: takes its copies away, or the originals, by what the store says. */
async function settleJournal(db: Database, init: UpgradeInit): Promise<void> {
  const { directory, onStep = () => {} } = init
  const journal = await readNote<Journal>(at(directory, JOURNAL))
  if (journal === null) return
  checkMoves(journal.moves)
  const isDone = (await storedVersion(db)) !== journal.from
  onStep(isDone ? 'remove what was moved' : 'remove what was copied')
  await removeFiles(
    directory,
    journal.moves.map(({ from, to }) => (isDone ? from : to)),
  )
  onStep('remove the journal')
  await rm(at(directory, JOURNAL))
  await syncDirectory(at(directory))
}

async function checkDisk(init: UpgradeInit, moves: readonly FileMove[]): Promise<void> {
  const { directory } = init
  const sizes = await Promise.all(moves.map(({ from }) => stat(path.join(directory, from))))
  const moved = sizes.reduce((sum, { size }) => sum + size, 0)
  // The snapshot holds the records and the files once more; the store writes its batch before it drops what it replaces.
  const neededBytes = 2 * (await sizeOf(path.join(directory, 'state'))) + 2 * moved + SPARE_BYTES
  const free = async () => {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  }
  const freeBytes = await (init.freeBytes ?? free)()
  if (freeBytes < neededBytes)
    throw new VillageError('DISK_FULL', `An upgrade of the data needs ${neededBytes} bytes of free disk`, {
      fields: { neededBytes, freeBytes },
    })
}

async function migrate(db: Database, from: number, init: UpgradeInit): Promise<void> {
  const { directory, migrations = MIGRATIONS, now = Date.now, onStep = () => {} } = init
  const migration = migrations[from]
  if (migration === undefined)
    throw new VillageError('INTERNAL', `There is no migration from data version ${from}`)
  const moves = await migration.moves(directory)
  await checkDisk(init, moves)
  onStep('take the snapshot')
  await mkdir(at(directory), { recursive: true, mode: 0o700 })
  await rm(at(directory, 'replaced-state'), { recursive: true, force: true })
  await takeSnapshot({ db }, { directory, dataVersion: from, moves, now })
  onStep('write the journal')
  const journal: Journal = { version: 1, from, moves }
  await writeDurably(at(directory, JOURNAL), `${JSON.stringify(journal)}\n`)
  let mayBeWritten = false
  try {
    for (const move of moves) {
      onStep(`copy ${move.from}`)
      const target = path.join(directory, move.to)
      await mkdir(path.dirname(target), { recursive: true, mode: 0o700 })
      await rm(target, { force: true })
      await copyFile(path.join(directory, move.from), target, constants.COPYFILE_EXCL)
      await syncFile(target)
      await syncDirectory(path.dirname(target))
    }
    const writes = await migration.writes(db)
    onStep('write the records')
    mayBeWritten = true
    await db.batch([...writes, { type: 'put', key: VERSION_KEY, value: String(from + 1) }], {
      sync: true,
    } as object)
  } catch (error) {
    // Of a batch that failed nobody knows whether it is there at the next opening: that one settles the journal by what it finds.
    if (!mayBeWritten) await settleJournal(db, { directory })
    throw error
  }
  await settleJournal(db, init)
}

/**
 * Brings the data to the version of this program. Returns the version that they had, or null where they had it already.
 * Throws DATA_VERSION_UNSUPPORTED for data of a newer version, DISK_FULL and UPGRADE_FAILED; the data are then as they were.
 */
export async function upgradeData(db: Database, init: UpgradeInit): Promise<number | null> {
  const { target = DATA_VERSION } = init
  const found = await storedVersion(db)
  if (found === null) {
    await writeVersion(db, target)
    return null
  }
  if (found > target)
    throw new VillageError('DATA_VERSION_UNSUPPORTED', undefined, {
      fields: { stored: found, supported: target },
    })
  await settleJournal(db, init)
  for (let version = found; version < target; version++)
    try {
      await migrate(db, version, init)
    } catch (error) {
      if (error instanceof VillageError && ['DISK_FULL', 'INTERNAL'].includes(error.code)) throw error
      throw new VillageError('UPGRADE_FAILED', undefined, {
        cause: error,
        fields: { from: version, to: version + 1 },
      })
    }
  return found === target ? null : found
}

interface BackNote {
  readonly version: 1
  readonly dataVersion: number
}

/** Does, or goes on with, the part of a roll-back that changes the data. Returns whether there was one. Nobody has the store open. */
export async function finishRollBack(
  directory: string,
  onStep: (step: string) => void = () => {},
): Promise<boolean> {
  const note = await readNote<BackNote>(at(directory, BACK_NOTE))
  if (note === null) return false
  if (!Number.isSafeInteger(note.dataVersion)) throw new VillageError('DATA_CORRUPT')
  const { files } = await readSnapshot(directory, note.dataVersion)
  const folder = snapshotFolder(directory, note.dataVersion)
  for (const [index, { from }] of files.entries()) {
    onStep(`put back ${from}`)
    const temporary = path.join(directory, `${from}.back.tmp`)
    await mkdir(path.dirname(temporary), { recursive: true, mode: 0o700 })
    await copyFile(snapshotFile(folder, index), temporary)
    await syncFile(temporary)
    await rename(temporary, path.join(directory, from))
  }
  const [state, back] = [path.join(directory, 'state'), at(directory, 'back-state')]
  const isThere = (file: string) =>
    stat(file).then(
      () => true,
      () => false,
    )
  if (await isThere(back)) {
    onStep('put the store aside')
    if (await isThere(state)) {
      await rm(at(directory, 'replaced-state'), { recursive: true, force: true })
      await rename(state, at(directory, 'replaced-state'))
    }
    onStep('put the store in place')
    await rename(back, state)
    await syncDirectory(directory)
  }
  onStep('remove what the newer version had')
  await removeFiles(
    directory,
    files.map(({ to }) => to),
  )
  await rm(at(directory, BACK_NOTE))
  await rm(folder, { recursive: true, force: true })
  await syncDirectory(at(directory))
  return true
}

/**
 * Brings the data back to the newest version that was kept. What came since is lost, but for the records of the store, which stay in
 * upgrade/replaced-state. `db` is open and is closed. Throws ROLL_BACK_NOTHING or DATA_CORRUPT; the data are then as they were.
 */
export async function rollBack(
  db: Database,
  init: Pick<UpgradeInit, 'directory' | 'onStep'>,
): Promise<number> {
  const { directory, onStep } = init
  try {
    const found = await storedVersion(db)
    const dataVersion = (await keptVersions(directory)).findLast((version) => version < (found ?? 0))
    if (dataVersion === undefined) throw new VillageError('ROLL_BACK_NOTHING')
    const snapshot = await readSnapshot(directory, dataVersion)
    const back = at(directory, 'back-state')
    await rm(back, { recursive: true, force: true })
    onStep?.('make the store of before')
    const records = await loadRecords(
      recordsFile(snapshotFolder(directory, dataVersion)),
      back,
      new AbortController().signal,
    )
    if (records !== snapshot.records)
      throw new VillageError('DATA_CORRUPT', `What was kept of version ${dataVersion} is cut off`)
    onStep?.('write the note')
    const note: BackNote = { version: 1, dataVersion }
    await writeDurably(at(directory, BACK_NOTE), `${JSON.stringify(note)}\n`)
    return dataVersion
  } finally {
    await db.close()
    await finishRollBack(directory, onStep)
  }
}
