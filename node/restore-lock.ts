/**
 * Keeps others out of a data directory while a backup is put in its place. The store's own lock does not do for that: it is moved with the
 * store, and a damaged store cannot be opened. This one is the lock of an empty database beside it: the system frees it with the process.
 */
import { rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Level } from 'level'
import { VillageError } from './errors.ts'

/** Below the data directory; only there while a restore works, or after one that was killed. */
export const RESTORE_LOCK = '.restore-lock'

const codeOf = (error: unknown): string | undefined => (error as { cause?: { code?: string } }).cause?.code

async function take(file: string): Promise<Level> {
  const lock = new Level(file)
  await lock.open()
  return lock
}

/** Returns what frees it. Throws DATA_DIR_LOCKED. */
export async function lockForRestore(directory: string): Promise<() => Promise<void>> {
  const file = path.join(directory, RESTORE_LOCK)
  const lock = await take(file).catch(async (error: unknown) => {
    if (codeOf(error) === 'LEVEL_LOCKED')
      throw new VillageError('DATA_DIR_LOCKED', `A restore works in ${directory}`, { cause: error })
    if (codeOf(error) !== 'LEVEL_CORRUPTION') throw error
    // Of a machine that lost its power; there is nothing in it.
    await rm(file, { recursive: true, force: true })
    return take(file)
  })
  return async () => {
    // While it is held: whoever comes after makes one of their own.
    await rm(file, { recursive: true, force: true })
    await lock.close()
  }
}

/** Throws DATA_DIR_LOCKED while a restore works in the directory; takes away what one that was killed has left. */
export async function refuseDuringRestore(directory: string): Promise<void> {
  const isThere = await stat(path.join(directory, RESTORE_LOCK)).catch(() => null)
  if (isThere !== null) await (await lockForRestore(directory))()
}

/** Throws DATA_DIR_LOCKED where a daemon, also one of an older version, has the store open. A store that is damaged is nobody's. */
export async function refuseWhileOpen(directory: string): Promise<void> {
  const state = path.join(directory, 'state')
  if ((await stat(state).catch(() => null)) === null) return
  const db = new Level(state, { createIfMissing: false })
  try {
    await db.open()
  } catch (error) {
    if (codeOf(error) === 'LEVEL_LOCKED')
      throw new VillageError('DATA_DIR_LOCKED', `A daemon uses ${directory}`, { cause: error })
  } finally {
    await db.close()
  }
}
