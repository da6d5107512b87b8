/** The configuration file: JSON with keys of the table, read within bounds and replaced as a whole or not at all. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { syncDirectory } from './durable-files.ts'
import { VillageError } from './errors.ts'

/** Ten thousand times what anybody writes by hand. */
const MAX_BYTES = 2 ** 20
const OWNER_ONLY = 0o600

export type ConfigContent = Record<string, unknown>

async function readBounded(handle: FileHandle): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of handle.createReadStream({ autoClose: false })) {
    sizeBytes += (chunk as Buffer).length
    if (sizeBytes > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What is in the file; null where there is none. Throws CONFIG_UNREADABLE. */
export async function readConfigFile(file: string): Promise<ConfigContent | null> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file, 'r')
    const parsed: unknown = JSON.parse(await readBounded(handle))
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw new Error('it is not a JSON object')
    return parsed as ConfigContent
  } catch (error) {
    // Where the data directory is a file, the start says so.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw new VillageError('CONFIG_UNREADABLE', `${file} cannot be used: ${(error as Error).message}`, {
      cause: error,
    })
  } finally {
    await handle?.close()
  }
}

/** Where a link leads: the link stays, and what it names is replaced. A file that is not there yet is its own place. */
async function targetOf(file: string): Promise<string> {
  try {
    return await realpath(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return path.resolve(file)
  }
}

async function modeOf(target: string): Promise<number> {
  try {
    const stats = await stat(target)
    if (!stats.isFile()) throw new Error('it is not a regular file')
    return stats.mode & 0o777
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return OWNER_ONLY
    throw error
  }
}

/**
 * Replaces the file: after a crash it is the old one or the new one. Keeps its permissions; a new one is its owner's alone.
 * Throws CONFIG_NOT_WRITABLE, DISK_FULL, or CONFIG_INVALID_VALUE where it is larger than what is read.
 */
export async function writeConfigFile(file: string, content: ConfigContent): Promise<void> {
  const text = `${JSON.stringify(content, null, 2)}\n`
  // What could not be read again is not written.
  if (Buffer.byteLength(text) > MAX_BYTES)
    throw new VillageError('CONFIG_INVALID_VALUE', `${file} would be larger than ${MAX_BYTES} bytes`)
  let temporary: string | undefined
  try {
    const target = await targetOf(file)
    const mode = await modeOf(target)
    temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.chmod(mode) // whatever the umask took away
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
    await syncDirectory(path.dirname(target))
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true })
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new VillageError('DISK_FULL', undefined, { cause: error })
    throw new VillageError('CONFIG_NOT_WRITABLE', `${file} cannot be written: ${message}`, {
      cause: error,
      fields: { file },
    })
  }
}
