/**
 * The state of a node in one LevelDB (through `level`): each service has a sublevel of its own with JSON or binary
 * values. The daemon owns the order of opening and closing. The database's own lock keeps a second daemon out.
 */
import { mkdir, open, readdir, realpath, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Level } from 'level'
import { finishRollBack, upgradeData } from './data-upgrade.ts'
import { VillageError } from './errors.ts'
import { profileLimits, type StoreLimits } from './profile-limits.ts'
import { lockForRestore, refuseDuringRestore } from './restore-lock.ts'

export type Database = Level<string, string>

export interface Store {
  readonly db: Database
  /** A sublevel whose values are JSON. */
  json<T>(name: string): JsonTable<T>
  /** A sublevel whose values are bytes. */
  bytes(name: string): JsonTable<Uint8Array>
  /** The version that the data had before this opening brought them to the present one; null where they had it. */
  readonly upgradedFrom: number | null
  close(): Promise<void>
}

export interface JsonTable<T> {
  get(key: string): Promise<T | undefined>
  /** `sync` waits until the write is on the disk: use it before anything is acknowledged to somebody. */
  put(key: string, value: T, options?: { sync?: boolean }): Promise<void>
  del(key: string): Promise<void>
  /** All or nothing. */
  batch(
    operations: readonly ({ type: 'put'; key: string; value: T } | { type: 'del'; key: string })[],
    options?: { sync?: boolean },
  ): Promise<void>
  /** Entries in key order; `prefix` limits them to keys that start with it, `from` to those that do not come before it. */
  entries(options?: { prefix?: string; from?: string }): AsyncIterable<[string, T]>
}

function systemCode(error: unknown): string | undefined {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return cause?.code ?? code
}

/**
 * Creates a directory and its parents. Node's own recursive mkdir() goes round for ever where the parent exists and yet nothing can
 * be made in it, as in /proc.
 */
async function createDirectory(directory: string, mode: number): Promise<void> {
  const isDirectory = async (at: string) => (await stat(at).catch(() => null))?.isDirectory() === true
  if (await isDirectory(directory)) return
  const parent = path.dirname(directory)
  if (parent !== directory) await createDirectory(parent, mode)
  await mkdir(directory, { mode }).catch(async (error: unknown) => {
    if (!(await isDirectory(directory))) throw error // else another process made it just now
  })
}

/** Creates the data directory (mode 0700) and checks that it can be written. */
export async function prepareDataDirectory(directory: string): Promise<void> {
  const probe = path.join(directory, `.probe-${process.pid}`)
  try {
    await createDirectory(path.resolve(directory), 0o700)
    // A crash may have left a probe of this process id: overwriting it is as good a proof.
    const handle = await open(probe, 'w', 0o600)
    await handle.close()
    await rm(probe)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new VillageError('DISK_FULL', undefined, { cause: error })
    if (
      code === 'ENOTDIR' ||
      code === 'EEXIST' ||
      (await stat(directory).catch(() => null))?.isDirectory() === false
    )
      throw new VillageError('DATA_DIR_READ_ONLY', `${directory} is not a directory`, { cause: error })
    throw new VillageError('DATA_DIR_READ_ONLY', `${directory} cannot be written`, {
      cause: error,
      fields: { directory },
    })
  }
}

/**
 * The directories that this process has open. LevelDB's lock is a POSIX record lock, which a process loses as soon as
 * it closes any descriptor of the file: a second opening in this process would fail and open the door to all others.
 */
const openDirectories = new Set<string>()

/** Names of notes of work that was cut off, and what finishes it: loaded only where there is some. */
async function settle(directory: string): Promise<void> {
  const names = await readdir(directory)
  if (names.includes('.restoring.json')) {
    const free = await lockForRestore(directory)
    try {
      await (await import('./restore.ts')).finishRestore(directory)
    } finally {
      await free()
    }
  } else if (names.some((name) => name.startsWith('.restore-')))
    // Unpacked keys of one that was killed.
    await (await import('./restore.ts')).dropRestoreWork(directory)
  if (names.includes('upgrade')) await finishRollBack(directory)
}

/**
 * Opens the database of a data directory as it is, and keeps everybody else out until it is closed. Throws as openStore does, but for
 * the version, which it does not look at.
 */
export async function openRaw(
  given: string,
  limits: StoreLimits = profileLimits('laptop').store,
): Promise<{ db: Database; directory: string; free(): void }> {
  await prepareDataDirectory(given)
  const directory = await realpath(given)
  if (openDirectories.has(directory))
    throw new VillageError('DATA_DIR_LOCKED', `Another daemon uses ${given}`)
  openDirectories.add(directory)
  const free = () => void openDirectories.delete(directory)
  try {
    await refuseDuringRestore(directory)
    await settle(directory)
    const db = await openDatabase(directory, limits)
    // Again: one that began in between has looked for the lock of the store before it was taken.
    await refuseDuringRestore(directory).catch(async (error: unknown) => {
      await db.close()
      throw error
    })
    // With the lock held: nobody takes a backup now.
    if ((await readdir(directory)).some((name) => name.startsWith('backup-') && name.endsWith('.tmp')))
      await (await import('./backup.ts')).dropBackupWork(directory)
    return { db, directory, free }
  } catch (error) {
    free()
    throw error
  }
}

/**
 * Opens the store, and brings its data to the version of this program.
 * Throws DATA_DIR_LOCKED, DATA_DIR_READ_ONLY, DATA_CORRUPT, DATA_VERSION_UNSUPPORTED, UPGRADE_FAILED or DISK_FULL.
 */
export async function openStore(init: { directory: string; profile?: string }): Promise<Store> {
  const limits = profileLimits(init.profile ?? 'laptop').store
  const { db, directory, free } = await openRaw(init.directory, limits)
  try {
    const upgradedFrom = await upgradeData(db, { directory })
    return createStore(db, upgradedFrom, free)
  } catch (error) {
    await db.close()
    free()
    throw error
  }
}

async function openDatabase(directory: string, limits: StoreLimits): Promise<Database> {
  const state = path.join(directory, 'state')
  let db: Database
  try {
    // It holds what is private, in a data directory that others may be allowed to look into. Level would make it for all.
    await createDirectory(state, 0o700)
    db = new Level(state)
    // Level's constructor has no types for LevelDB's own settings; open() does, and both end there.
    await db.open({ ...limits })
  } catch (error) {
    switch (systemCode(error)) {
      case 'LEVEL_LOCKED':
        throw new VillageError('DATA_DIR_LOCKED', `Another daemon uses ${directory}`, { cause: error })
      case 'LEVEL_CORRUPTION':
        throw new VillageError('DATA_CORRUPT', undefined, { cause: error })
      default:
        if (isDiskFull(error)) throw new VillageError('DISK_FULL', undefined, { cause: error })
        throw new VillageError('DATA_DIR_READ_ONLY', `The state in ${directory} cannot be opened`, {
          cause: error,
        })
    }
  }
  return db
}

function createStore(db: Database, upgradedFrom: number | null, onClose: () => void): Store {
  return {
    db,
    upgradedFrom,
    json: <T>(name: string) => createTable(db.sublevel<string, T>(name, { valueEncoding: 'json' })),
    bytes: (name) => createTable(db.sublevel<string, Uint8Array>(name, { valueEncoding: 'view' })),
    async close() {
      await db.close()
      onClose()
    },
  }
}

type Sublevel<T> = ReturnType<typeof Level.prototype.sublevel<string, T>>

function createTable<T>(table: Sublevel<T>): JsonTable<T> {
  return {
    get: (key) => translate(table.get(key)),
    put: (key, value, options) => translate(table.put(key, value, writeOptions(options))),
    del: (key) => translate(table.del(key)),
    batch: (operations, options) => translate(table.batch([...operations], writeOptions(options))),
    async *entries({ prefix = '', from = '' } = {}) {
      const gte = prefix > from ? prefix : from
      try {
        yield* table.iterator({ gte, ...(prefix === '' ? {} : { lt: `${prefix}${LAST_CODE_POINT}` }) })
      } catch (error) {
        throw storeError(error)
      }
    },
  }
}

/** `sync` is classic-level's own option: abstract-level's types of a sublevel do not know it, but pass it on. */
const writeOptions = (options: { sync?: boolean } = {}): object => options

/** Sorts after every key that can follow a prefix. */
const LAST_CODE_POINT = '\u{10ffff}'

/** LevelDB reports a full disk in words only. */
function isDiskFull(error: unknown): boolean {
  const { message, cause } = error as Error
  return /No space left|ENOSPC|Disk quota exceeded/.test(`${message} ${String(cause)}`)
}

function storeError(error: unknown): unknown {
  if (isDiskFull(error)) return new VillageError('DISK_FULL', undefined, { cause: error })
  const code = systemCode(error)
  const { code: outer } = error as { code?: string }
  if (code === 'LEVEL_CORRUPTION' || outer === 'LEVEL_CORRUPTION' || outer === 'LEVEL_DECODE_ERROR')
    return new VillageError('DATA_CORRUPT', 'A stored record cannot be read', { cause: error })
  return error
}

async function translate<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (error) {
    throw storeError(error)
  }
}
