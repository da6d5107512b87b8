/**
 * What an upgrade keeps of the data before it: every record, and the files that it moves. With it the data can go back to the version
 * that they had, as they were then.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { isCleanPath } from './backup-archive.ts'
import { writeRecords } from './backup-state.ts'
import { syncDirectory, syncFile, writeDurably } from './durable-files.ts'
import { VillageError } from './errors.ts'
import type { FileMove } from './migrations.ts'
import type { Database } from './store.ts'

export const UPGRADE_FOLDER = 'upgrade'
const NAME = /^from-(\d{1,6})$/
const MANIFEST = 'manifest.json'
const RECORDS = 'records'

export interface DataSnapshot {
  readonly version: 1
  readonly dataVersion: number
  readonly createdAtMs: number
  readonly records: number
  /** Moved files with what they held. */
  readonly files: readonly (FileMove & { readonly sha256: string })[]
}

export const snapshotFolder = (directory: string, dataVersion: number): string =>
  path.join(directory, UPGRADE_FOLDER, `from-${dataVersion}`)
export const recordsFile = (folder: string): string => path.join(folder, RECORDS)
export const snapshotFile = (folder: string, index: number): string =>
  path.join(folder, 'files', String(index))

export const hashOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex')

/** Bytes of all files below a folder. */
export async function sizeOf(folder: string): Promise<number> {
  let sizeBytes = 0
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) sizeBytes += (await stat(path.join(entry.parentPath, entry.name))).size
  return sizeBytes
}

/** Writes the snapshot: whole under its name, or not there. */
export async function takeSnapshot(
  components: { db: Database },
  init: { directory: string; dataVersion: number; moves: readonly FileMove[]; now: () => number },
): Promise<void> {
  const { directory, dataVersion, moves, now } = init
  const folder = snapshotFolder(directory, dataVersion)
  const work = `${folder}.tmp`
  await rm(work, { recursive: true, force: true })
  await mkdir(path.join(work, 'files'), { recursive: true, mode: 0o700 })
  const records = await writeRecords(components.db, recordsFile(work), new AbortController().signal)
  const files: DataSnapshot['files'][number][] = []
  for (const [index, move] of moves.entries()) {
    const copy = snapshotFile(work, index)
    await copyFile(path.join(directory, move.from), copy, constants.COPYFILE_EXCL)
    await syncFile(copy)
    files.push({ ...move, sha256: await hashOf(copy) })
  }
  await syncDirectory(path.join(work, 'files'))
  const snapshot: DataSnapshot = { version: 1, dataVersion, createdAtMs: now(), records, files }
  await writeDurably(path.join(work, MANIFEST), `${JSON.stringify(snapshot)}\n`)
  // Of an upgrade that did not come to its end: the data are what they were, so that this one says the same.
  await rm(folder, { recursive: true, force: true })
  await rename(work, folder)
  await syncDirectory(path.join(directory, UPGRADE_FOLDER))
}

/** Versions that the data can go back to, oldest first. */
export async function keptVersions(directory: string): Promise<number[]> {
  const names = await readdir(path.join(directory, UPGRADE_FOLDER)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names.flatMap((name) => Number(NAME.exec(name)?.[1] ?? [])).sort((a, b) => a - b)
}

/** Not the store, and not the notes by which these files are moved. */
const isMovable = (given: unknown): boolean =>
  typeof given === 'string' &&
  isCleanPath(given) &&
  !['state', UPGRADE_FOLDER].includes(given.split('/')[0]!.toLowerCase())

/** Moves that were read from a file: whoever wrote it, they stay in the data directory. Throws DATA_CORRUPT. */
export function checkMoves(moves: readonly FileMove[]): void {
  for (const { from, to } of moves)
    if (!isMovable(from) || !isMovable(to))
      throw new VillageError('DATA_CORRUPT', 'A note of an upgrade names a file that no upgrade moves')
}

/** Throws DATA_CORRUPT where it is not what was written. */
export async function readSnapshot(directory: string, dataVersion: number): Promise<DataSnapshot> {
  const folder = snapshotFolder(directory, dataVersion)
  try {
    const snapshot = JSON.parse(await readFile(path.join(folder, MANIFEST), 'utf8')) as DataSnapshot
    if (snapshot.version !== 1) throw new Error('it was written by a newer version')
    checkMoves(snapshot.files)
    for (const [index, { sha256, from }] of snapshot.files.entries())
      if ((await hashOf(snapshotFile(folder, index))) !== sha256) throw new Error(`${from} is damaged`)
    return snapshot
  } catch (error) {
    throw new VillageError('DATA_CORRUPT', `What was kept of version ${dataVersion} cannot be used`, {
      cause: error,
    })
  }
}
