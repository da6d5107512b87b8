/**
 * What is written beside the file that is meant, until it is whole and takes its name; and what a killed process left of it, which whoever
 * writes there next removes. In folders of the user: so its names are those that no other program makes.
 */
import { randomBytes } from 'node:crypto'
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises'
import path from 'node:path'

/** A part that is being written changes; one that has not for this long is nobody's, also where another machine shares the folder. */
export const ABANDONED_AFTER_MS = 24 * 3_600_000

const TAG = '.aivillage-part-'
const RANDOM_BYTES = 8
const PART = new RegExp(`^${TAG.replace('.', '\\.')}[0-9a-f]{${2 * RANDOM_BYTES}}$`)

/** A new name for a file or a folder on its way, in the folder of `file`. */
export const partBeside = (file: string): string =>
  path.join(path.dirname(file), TAG + randomBytes(RANDOM_BYTES).toString('hex'))

interface Remains {
  readonly file: string
  readonly isFolder: boolean
}

/**
 * A part with all that is in it, the inside first. Null where anything in it has changed after `beforeMs`, is another user's, or is neither file
 * nor folder: a folder's own time says nothing of files that grow in it.
 */
async function remainsOf(file: string, beforeMs: number): Promise<Remains[] | null> {
  const stats = await lstat(file)
  // The time of a change (ctime) is also that of a rename, and no program can set it back.
  if (stats.uid !== process.getuid?.() || Math.max(stats.mtimeMs, stats.ctimeMs) > beforeMs) return null
  if (stats.isFile()) return [{ file, isFolder: false }]
  if (!stats.isDirectory()) return null
  const remains: Remains[] = []
  for (const name of await readdir(file)) {
    const inside = await remainsOf(path.join(file, name), beforeMs)
    if (inside === null) return null
    remains.push(...inside)
  }
  return [...remains, { file, isFolder: true }]
}

/**
 * Removes the parts in `directory` that are this user's own and in which nothing has changed for a day. Nothing is thrown: what cannot
 * be looked at or removed stays.
 */
export async function dropAbandonedParts(directory: string, nowMs = Date.now()): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter((one) => PART.test(one))) {
    const remains = await remainsOf(path.join(directory, name), nowMs - ABANDONED_AFTER_MS).catch(() => null)
    // One by one, not recursively: a folder that somebody has put something in meanwhile cannot be removed.
    for (const { file, isFolder } of remains ?? [])
      await (isFolder ? rmdir(file) : unlink(file)).catch(() => undefined)
  }
}
