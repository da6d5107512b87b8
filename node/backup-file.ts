/** Backups as files: written under another name, read back, and only then given theirs. */
import { createReadStream, createWriteStream } from 'node:fs'
import { link, lstat, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { dropAbandonedParts, partBeside } from './abandoned-parts.ts'
import { type BackupHeader, type BackupManifest, readBackup } from './backup.ts'
import { seal } from './backup-seal.ts'
import { syncDirectory, syncFile } from './durable-files.ts'
import { VillageError } from './errors.ts'

const READ_BYTES = 2 ** 18
const UNWRITABLE = ['ENOENT', 'EACCES', 'EROFS', 'EISDIR', 'ENOTDIR', 'EEXIST', 'EPERM']

export interface BackupSummary {
  readonly header: BackupHeader
  readonly records: number
  readonly files: number
  readonly sizeBytes: number
  /** Files that are not in it, because no archive can have their names; the first of them. */
  readonly leftOut: readonly string[]
}

const summaryOf = (read: { header: BackupHeader; manifest: BackupManifest; sizeBytes: number }) => ({
  header: read.header,
  records: read.manifest.records,
  files: read.manifest.entries.length - 1,
  sizeBytes: read.sizeBytes,
  leftOut: Array.isArray(read.manifest.leftOut) ? read.manifest.leftOut.map(String) : [],
})

export const openBackup = (file: string): AsyncIterable<Uint8Array> =>
  createReadStream(file, { highWaterMark: READ_BYTES })

/** Reads a backup whole and checks every byte. Throws BACKUP_INVALID, BACKUP_PASSPHRASE, DATA_VERSION_UNSUPPORTED or FILE_UNREADABLE. */
export async function verifyBackup(
  file: string,
  init: { passphrase: string | null; supported: number },
): Promise<BackupSummary> {
  try {
    return summaryOf(await readBackup(openBackup(file), { ...init, place: async () => null }))
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
  }
}

/**
 * Writes what comes to the file, sealed where there is a passphrase, for its owner alone, and reads it back. Throws FILE_UNWRITABLE, also
 * where there is such a file and it is not to be replaced, DISK_FULL, and what the source and verifyBackup throw.
 */
export async function writeBackupFile(
  source: AsyncIterable<Uint8Array>,
  init: { file: string; replace: boolean; passphrase: string | null; supported: number },
  signal: AbortSignal,
): Promise<BackupSummary> {
  const { file, replace, passphrase, supported } = init
  const temporary = partBeside(file)
  await dropAbandonedParts(path.dirname(file))
  try {
    if (!replace && (await lstat(file).catch(() => null)) !== null)
      throw new VillageError('FILE_UNWRITABLE', `${file} exists already; --force replaces it`)
    await pipeline(
      Readable.from(passphrase === null ? source : seal(source, passphrase), { objectMode: false }),
      createWriteStream(temporary, { flags: 'wx', mode: 0o600 }),
      { signal },
    )
    await syncFile(temporary)
    const summary = await verifyBackup(temporary, { passphrase, supported })
    signal.throwIfAborted()
    if (replace) await rename(temporary, file)
    else
      await link(temporary, file).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') throw error
        await rename(temporary, file) // a USB stick has no links
      })
    await syncDirectory(path.dirname(file))
    return summary
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
      throw new VillageError('DISK_FULL', `${file} does not fit on its disk`, { cause: error })
    if (UNWRITABLE.includes(code ?? ''))
      throw new VillageError('FILE_UNWRITABLE', `${file} cannot be written`, { cause: error })
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
}
