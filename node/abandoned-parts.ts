/** What a process that was killed left of a file that it was writing beside the one meant: removed by whoever writes there next. */
import { lstat, readdir, rm } from 'node:fs/promises'
import path from 'node:path'

/** A file that is being written changes; one that has not for this long is nobody's, also where another machine shares the folder. */
export const ABANDONED_AFTER_MS = 24 * 3_600_000

/**
 * Removes the files (and folders that mkdtemp made) of `directory` that `isPart` knows by name, are this user's own and have not changed
 * for a day. Nothing is thrown: what cannot be looked at or removed stays.
 */
export async function dropAbandonedParts(
  directory: string,
  isPart: (name: string) => boolean,
  nowMs = Date.now(),
): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter(isPart)) {
    const file = path.join(directory, name)
    const stats = await lstat(file).catch(() => null)
    if (stats === null || stats.isSymbolicLink()) continue
    if (stats.uid !== process.getuid?.() || nowMs - stats.mtimeMs < ABANDONED_AFTER_MS) continue
    await rm(file, { recursive: stats.isDirectory(), force: true }).catch(() => undefined)
  }
}

/** Names of what is written beside `file`: `file.` with a process or random digits, and `.part`. */
export const partsOf = (file: string): ((name: string) => boolean) => {
  const stem = `${path.basename(file)}.`
  return (name) => name.startsWith(stem) && /^[0-9a-f]{1,12}\.part$/.test(name.slice(stem.length))
}
