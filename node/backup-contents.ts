/**
 * What a backup holds of a data directory, and how it is taken of a node that runs: everything is put aside first, at one moment, by hard
 * links where files never change and by copies elsewhere, so that the archive can then be written at leisure.
 */
import { constants, type Stats } from 'node:fs'
import { copyFile, link, lstat, mkdir, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { isArchivable } from './backup-archive.ts'
import { VillageError } from './errors.ts'
import { RESTORE_LOCK } from './restore-lock.ts'

/** Files of the data directory are below it in the archive. */
export const FILES_PREFIX = 'files/'
/** Below the data directory; never in a backup. */
export const BACKUP_WORK = /^backup-[0-9a-f]+\.tmp$/

/** Not kept, and why nothing is lost by it. */
const LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ['state', 'its records are in the archive'],
  ['api.json', 'where the daemon listened'],
  ['models', 'written anew from the artifacts'],
  ['replicas', 'copies of collections of others, fetched again'],
  ['compile-cache', 'made anew'],
  ['jobs', 'working files; a running job begins the step anew'],
  ['rounds', 'working files'],
  ['incoming', 'working files'],
  ['pulls', 'pulled again'],
  ['upgrade', 'what stands for a roll-back of this machine'],
  ['lost+found', 'of the file system'],
])
const LEFT_OUT_NAMES = [
  BACKUP_WORK,
  /^\.restor/,
  /^before-restore-/,
  /^\.probe-/,
  /\.tmp$/,
  /\.log(?:\.\d+)?$/,
]
const ARTIFACT_BLOCKS = 'blocks'
const LOCKS = new Set(['writer.lock', 'lock'])
/** Written once and then only removed: blocks by their hash, segments of an index. */
const NEVER_CHANGES = /^blocks\/[0-9a-f]{2}\/[0-9a-f]{64}-\d+$|^collections\/[^/]+\/index\/[0-9a-f]{64}\//
/** A folder whose files belong together, and the file that changes with every change among them. */
const TOGETHER: readonly { readonly folder: RegExp; readonly marker: string }[] = [
  { folder: /^sealed\/[^/]+$/, marker: 'keys' },
  { folder: /^collections\/[^/]+\/index$/, marker: 'manifest.json' },
]
const MAX_TRIES = 50

export interface StagedFile {
  /** Relative to the data directory, with `/`. */
  readonly path: string
  /** Where it was put aside. */
  readonly file: string
}

/** A name as file systems compare it that tell fewer names apart than this program does. */
const folded = (name: string): string =>
  name
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}|\.+$/gu, '')
    .toLowerCase()

function isLeftOut(name: string, withArtifacts: boolean): boolean {
  const compared = folded(name)
  if (compared === ARTIFACT_BLOCKS) return !withArtifacts
  return LEFT_OUT.has(compared) || LEFT_OUT_NAMES.some((pattern) => pattern.test(compared))
}

const isLeftOutFile = (name: string): boolean => LOCKS.has(folded(name)) || folded(name).endsWith('.tmp')

/**
 * Whether a path, relative to the data directory, is of those that a backup takes. The others are the store's, or notes by which a start
 * goes on with what was cut off: in an archive of somebody else they would say what this program moves and removes.
 */
export function isTakenPath(relative: string): boolean {
  const parts = relative.split('/')
  return !isLeftOut(parts[0]!, true) && !isLeftOutFile(parts.at(-1)!)
}

const isGone = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT'

async function putAside(from: string, to: string, neverChanges: boolean): Promise<boolean> {
  try {
    if (neverChanges) {
      try {
        await link(from, to)
        return true
      } catch (error) {
        // Some file systems have no links; on others a file has only so many.
        if (isGone(error)) return false
      }
    }
    await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

async function markOf(file: string): Promise<string> {
  const found: Stats | null = await stat(file).catch(() => null)
  return found === null ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`
}

/**
 * Puts all files aside below `work`, which is on the same disk, and returns where they lie. What comes and goes meanwhile is taken as it is
 * found; files that belong together are taken again until none of them changed. Throws BACKUP_FAILED.
 */
export async function stageFiles(
  init: { directory: string; work: string; withArtifacts: boolean },
  signal: AbortSignal,
): Promise<{ staged: StagedFile[]; leftOut: string[] }> {
  const { directory, work, withArtifacts } = init
  const leftOut: string[] = []
  let count = 0
  const files = path.join(work, 'files')
  await mkdir(files, { mode: 0o700 })

  async function stageFolder(folder: string): Promise<StagedFile[]> {
    signal.throwIfAborted()
    const staged: StagedFile[] = []
    const entries = await readdir(path.join(directory, folder), { withFileTypes: true }).catch((error) => {
      if (isGone(error)) return []
      throw error
    })
    for (const entry of entries) {
      const relative = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (folder === '' && isLeftOut(entry.name, withArtifacts)) continue
      if (entry.isDirectory()) staged.push(...(await stageTogether(relative)))
      // Links and pipes are none of the daemon's files.
      if (!entry.isFile() || isLeftOutFile(entry.name)) continue
      // None of the daemon's, whose names are all plain: one that somebody put there must not stop every backup.
      if (!isArchivable(`${FILES_PREFIX}${relative}`)) {
        leftOut.push(relative)
        continue
      }
      const file = path.join(files, String(count++))
      if (await putAside(path.join(directory, relative), file, NEVER_CHANGES.test(relative)))
        staged.push({ path: relative, file })
    }
    return staged
  }

  async function stageTogether(folder: string): Promise<StagedFile[]> {
    const rule = TOGETHER.find((one) => one.folder.test(folder))
    if (rule === undefined) return stageFolder(folder)
    const marker = path.join(directory, folder, rule.marker)
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before = await markOf(marker)
      const staged = await stageFolder(folder)
      if ((await markOf(marker)) === before) return staged
    }
    throw new VillageError('BACKUP_FAILED', `${folder} changes faster than it can be copied`)
  }

  const staged = await stageFolder('')
  return { staged, leftOut: [...new Set(leftOut)] }
}

/** Whether there is nothing in a directory that a restore would lose. */
export async function isEmptyDirectory(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch((error) => {
    if (isGone(error)) return []
    throw error
  })
  return names.every((name) => name === 'lost+found' || name === RESTORE_LOCK)
}

export const isDirectory = async (file: string): Promise<boolean> =>
  (await lstat(file).catch(() => null))?.isDirectory() === true
