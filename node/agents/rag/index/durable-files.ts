/** Files that are whole and on the disk once they are seen under their name, or not there at all. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { toVillageError } from '../../../errors.ts'

/** What a crash may leave behind ends so; nobody reads it, and the next writer removes it. */
export const TEMPORARY_SUFFIX = '.tmp'

/** New names in the directory are on the disk too. Windows cannot open directories, and needs no such call. */
export function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes a directory and its parents. Node's own recursive mkdir() says ENOENT where a disk is read-only. */
export function makeDirectory(directory: string): void {
  if (existsSync(directory)) return
  makeDirectory(path.dirname(directory))
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    // Another process made it just now.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw toVillageError(error)
  }
}

/**
 * Written beside, synchronised, renamed; the caller synchronises the directory once it has written all of its files. Throws
 * DISK_FULL, DATA_DIR_READ_ONLY, with nothing left behind.
 */
export function writeDurably(file: string, bytes: Uint8Array): void {
  const temporary = `${file}${TEMPORARY_SUFFIX}`
  try {
    const fd = openSync(temporary, 'w', 0o600)
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw toVillageError(error)
  }
}

/** `writeDurably`, and its name is on the disk when this returns. */
export function replaceDurably(file: string, bytes: Uint8Array): void {
  writeDurably(file, bytes)
  syncDirectory(path.dirname(file))
}
