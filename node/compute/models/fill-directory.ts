/** Directories that appear whole or not at all. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'

/**
 * Lets `fill` write into a new directory, which then takes the place of `directory`. Throws INVALID_ARGUMENT where that is
 * anything but missing or empty, or where it cannot be made; nothing stays when `fill` fails.
 */
export async function fillDirectory(
  directory: string,
  fill: (partial: string) => Promise<unknown>,
): Promise<void> {
  const refuse = (problem: string, cause?: unknown) =>
    new VillageError('INVALID_ARGUMENT', `${directory} ${problem}`, {
      cause,
      fields: { argument: 'directory' },
    })
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw refuse('cannot be written to', error)
  })
  if (entries !== null && entries.length > 0) throw refuse('is not empty')
  const partial = `${directory}.${randomBytes(6).toString('hex')}.partial`
  try {
    await mkdir(path.dirname(directory), { recursive: true })
    await mkdir(partial)
  } catch (error) {
    throw refuse('cannot be made', error)
  }
  try {
    await fill(partial)
    if (entries !== null) await rmdir(directory)
    await rename(partial, directory)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}
