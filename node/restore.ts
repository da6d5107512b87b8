/**
 * Puts a backup in place of a data directory. The archive is unpacked and checked whole in a folder of its own below it; only then are
 * names moved, after a note that says which: whoever is killed in between is followed by the next one, which finishes.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { type BackupHeader, type Place, RECORDS_ENTRY, readBackup } from './backup.ts'
import { invalidBackup } from './backup-archive.ts'
import { FILES_PREFIX, isEmptyDirectory } from './backup-contents.ts'
import { loadRecords } from './backup-state.ts'
import { syncDirectory, writeDurably } from './durable-files.ts'
import { VillageError } from './errors.ts'
import { lockForRestore, RESTORE_LOCK, refuseWhileOpen } from './restore-lock.ts'

const NOTE = '.restoring.json'
const WORK = /^\.restore-[0-9a-f]+$/
const KEPT = /^before-restore-[0-9TZ-]+$/
const NEW = 'new'

interface Note {
  readonly version: 1
  /** Below the data directory: what is put in place, and where what was there goes. */
  readonly work: string
  readonly kept: string
  /** Of what was there; what is new is whatever the work still holds. */
  readonly old: readonly string[]
}

const notIn = (name: string, note: Pick<Note, 'work' | 'kept'>) =>
  ![NOTE, note.work, note.kept, RESTORE_LOCK, 'lost+found'].includes(name)

const isThere = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  )

/** Written whole, by this program: what says otherwise moves nothing. Throws DATA_CORRUPT. */
function noteOf(text: string): Note {
  const note = JSON.parse(text) as Note
  const isName = (given: unknown) =>
    typeof given === 'string' &&
    given !== '' &&
    given !== '.' &&
    given !== '..' &&
    path.basename(given) === given
  if (!WORK.test(note.work) || !KEPT.test(note.kept) || !Array.isArray(note.old) || !note.old.every(isName))
    throw new VillageError('DATA_CORRUPT', `${NOTE} is not what a restore writes`)
  return note
}

/**
 * Finishes a restore that was cut off while its files were moved: all that it needs is there and was checked.
 * Returns whether there was one. Call it before a data directory is opened.
 */
export async function finishRestore(
  directory: string,
  onStep: (step: string) => void = () => {},
): Promise<boolean> {
  const noteFile = path.join(directory, NOTE)
  const text = await readFile(noteFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  if (text === null) return false
  const note = noteOf(text)
  const fresh = path.join(directory, note.work, NEW)
  const kept = path.join(directory, note.kept)
  for (const name of note.old) {
    // Gone already, or in the place of the old one that was moved: then the new one is not in the work any more.
    if (!(await isThere(path.join(directory, name))) || (await isThere(path.join(kept, name)))) continue
    await mkdir(kept, { recursive: true, mode: 0o700 })
    onStep(`put ${name} aside`)
    await rename(path.join(directory, name), path.join(kept, name))
  }
  for (const name of await readdir(fresh)) {
    onStep(`put ${name} in place`)
    await rename(path.join(fresh, name), path.join(directory, name))
  }
  await syncDirectory(directory)
  onStep('remove the note')
  await rm(noteFile)
  await rm(path.join(directory, note.work), { recursive: true, force: true })
  await syncDirectory(directory)
  return true
}

/** What a process that was killed before the check had ended has left. */
export async function dropRestoreWork(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (WORK.test(name)) await rm(path.join(directory, name), { recursive: true, force: true })
}

const SYNCED_AT_ONCE = 32

/** Writes what is read below `root`, with the rights that it had, for its owner alone. */
function unpackInto(root: string) {
  const ending = new Set<Promise<void>>()
  let failure: unknown = null
  let writing: FileHandle | null = null

  async function end(handle: FileHandle): Promise<void> {
    try {
      await handle.sync()
    } catch (error) {
      failure ??= error
    } finally {
      await handle.close()
    }
  }

  const place: Place = async ({ path: name, mode }) => {
    const relative = name === RECORDS_ENTRY ? RECORDS_ENTRY : `${NEW}/${name.slice(FILES_PREFIX.length)}`
    const file = path.join(root, relative)
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
    const handle = await open(file, 'wx', mode & 0o700)
    writing = handle
    return {
      write: async (chunk) => void (await handle.writeFile(chunk)),
      // The disk is asked for many files at once: one after the other, each would wait for it.
      async end() {
        writing = null
        const ended = end(handle).finally(() => ending.delete(ended))
        ending.add(ended)
        if (ending.size >= SYNCED_AT_ONCE) await Promise.race(ending)
      },
    }
  }
  return {
    place,
    /** When everything is on the disk. Throws what kept a file from it. */
    async done(): Promise<void> {
      await Promise.all(ending)
      if (failure !== null) throw failure
    },
    async giveUp(): Promise<void> {
      await Promise.all(ending)
      await writing?.close()
    },
  }
}

export interface Restored {
  readonly header: BackupHeader
  readonly records: number
  readonly files: number
  readonly sizeBytes: number
  /** Where what was in the directory lies now; null where it was empty. */
  readonly kept: string | null
}

export interface RestoreInit {
  readonly directory: string
  readonly passphrase: string | null
  readonly supported: number
  readonly replace: boolean
  readonly now?: () => number
  /** Called before every step that changes what is in place; a test stops here. */
  readonly onStep?: (step: string) => void
}

/**
 * Throws RESTORE_NOT_EMPTY, BACKUP_INVALID, BACKUP_PASSPHRASE, DATA_VERSION_UNSUPPORTED, DISK_FULL, and DATA_DIR_LOCKED where a daemon or
 * another restore uses the directory; it is then as it was. Nobody can open it meanwhile. A store that is damaged is no obstacle.
 */
export async function restoreBackup(
  source: AsyncIterable<Uint8Array>,
  init: RestoreInit,
  signal: AbortSignal,
): Promise<Restored> {
  const { directory, replace } = init
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const free = await lockForRestore(directory)
  try {
    await finishRestore(directory)
    await dropRestoreWork(directory)
    if (!replace && !(await isEmptyDirectory(directory))) throw notEmpty(directory)
    await refuseWhileOpen(directory)
    return await restoreLocked(source, init, signal)
  } finally {
    await free()
  }
}

const notEmpty = (directory: string) =>
  new VillageError('RESTORE_NOT_EMPTY', `${directory} is not empty`, { fields: { directory } })

async function restoreLocked(
  source: AsyncIterable<Uint8Array>,
  init: RestoreInit,
  signal: AbortSignal,
): Promise<Restored> {
  const { directory, passphrase, supported, replace, now = Date.now, onStep } = init
  const work = `.restore-${randomBytes(8).toString('hex')}`
  const root = path.join(directory, work)
  await mkdir(path.join(root, NEW), { recursive: true, mode: 0o700 })
  const unpack = unpackInto(root)
  try {
    const place: Place = (entry) => {
      signal.throwIfAborted()
      return unpack.place(entry)
    }
    const { header, manifest, sizeBytes } = await readBackup(source, { passphrase, supported, place })
    await unpack.done()
    const records = path.join(root, RECORDS_ENTRY)
    if (!(await isThere(records))) throw invalidBackup('it has no records')
    const loaded = await loadRecords(records, path.join(root, NEW, 'state'), signal)
    if (loaded !== manifest.records) throw invalidBackup('it has other records than its manifest says')
    await rm(records)
    const kept = `before-restore-${new Date(now()).toISOString().replace(/[:.]/g, '-')}`
    const note: Note = {
      ...{ version: 1, work, kept },
      old: (await readdir(directory)).filter((name) => notIn(name, { work, kept })),
    }
    // What somebody put there meanwhile.
    if (!replace && note.old.length > 0) throw notEmpty(directory)
    signal.throwIfAborted()
    onStep?.('write the note')
    await writeDurably(path.join(directory, NOTE), `${JSON.stringify(note)}\n`)
    await finishRestore(directory, onStep)
    return {
      ...{ header, sizeBytes, records: loaded, files: manifest.entries.length - 1 },
      kept: note.old.length === 0 ? null : path.join(directory, kept),
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    await unpack.giveUp()
    // With the note written it is finished by the next one, and not taken back.
    if (!(await isThere(path.join(directory, NOTE)))) await rm(root, { recursive: true, force: true })
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new VillageError('DISK_FULL', undefined, { cause: error })
    throw error
  }
}
