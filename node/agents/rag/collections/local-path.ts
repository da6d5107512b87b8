/** Paths that a client names: of this machine, and none that the daemon keeps its keys in. */
import { realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { VillageError } from '../../../errors.ts'
import { isOfSystem, isOwnSecret } from '../../../own-files.ts'
import { isWithin } from './roots.ts'

const SCHEME = /^[a-z][a-z0-9+.-]+:\/\//i

/** An absolute, normal path from a path or a `file://` URL. Throws INVALID_ARGUMENT. */
export function localPath(given: string): string {
  const refuse = (message: string, cause?: unknown) =>
    new VillageError('INVALID_ARGUMENT', message, { cause, fields: { argument: 'path' } })
  if (given.includes('\0')) throw refuse('A path has no zero bytes')
  if (SCHEME.test(given)) {
    if (!/^file:/i.test(given))
      throw refuse('Only files of the machine that the daemon runs on can be indexed')
    try {
      return path.normalize(fileURLToPath(new URL(given)))
    } catch (error) {
      throw refuse('The URL names no file of this machine', error)
    }
  }
  if (!path.isAbsolute(given)) throw refuse('The path must be absolute')
  return path.resolve(given)
}

/**
 * Looks at a path that is to be indexed. `privateDirectory` is a real path. Throws FILE_UNREADABLE, INDEX_PATH_REFUSED for what lies
 * in it, and INVALID_ARGUMENT for what is neither file nor folder.
 */
export async function checkIndexPath(
  given: string,
  privateDirectory: string,
): Promise<{ path: string; isFile: boolean }> {
  const unreadable = (error: unknown): never => {
    throw new VillageError('FILE_UNREADABLE', `${given} cannot be read on the machine of the daemon`, {
      cause: error,
      fields: { path: given },
    })
  }
  const real = await realpath(given).catch(unreadable)
  if (isWithin(privateDirectory, real))
    throw new VillageError('INDEX_PATH_REFUSED', `${given} belongs to the data directory of the daemon`, {
      fields: { path: given },
    })
  if (isOfSystem(real))
    throw new VillageError('INDEX_PATH_REFUSED', `${given} is no file of a person, but of the system`, {
      fields: { path: given },
    })
  const stats = await stat(real).catch(unreadable)
  if (await isOwnSecret(stats, privateDirectory))
    throw new VillageError('INDEX_PATH_REFUSED', `${given} is a key of the daemon by another name`, {
      fields: { path: given },
    })
  if (!stats.isFile() && !stats.isDirectory())
    throw new VillageError('INVALID_ARGUMENT', `${given} is neither a file nor a folder`, {
      fields: { argument: 'path' },
    })
  return { path: given, isFile: stats.isFile() }
}

const MAX_SOURCE = 512

/** The name of a document that is sent. Throws INVALID_ARGUMENT for one that is no relative path, or could deceive. */
export function checkUploadName(given: string): string {
  const names = given.split('/')
  const isFine =
    given.length <= MAX_SOURCE &&
    !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\#]/u.test(given) &&
    names.every((name) => name !== '' && name !== '.' && name !== '..')
  if (isFine) return given
  throw new VillageError('INVALID_ARGUMENT', 'The name of a document is a relative path such as notes/a.md', {
    fields: { argument: 'source' },
  })
}
