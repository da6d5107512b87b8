/**
 * The log in a file: made anew when it has grown to a size, with so many old ones kept beside it (`village.log.1` is the newest), and
 * opened again when asked, for programs like logrotate that move it away. Written at once, as pino's own destination does; no thread.
 */
import { closeSync, fchmodSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import path from 'node:path'
import type { DestinationStream } from 'pino'
import { VillageError } from './errors.ts'

export interface LogFile extends DestinationStream {
  /** Opens the file of that name again, which may be another one now. */
  reopen(): void
  close(): void
  /** Lines that could not be written. */
  readonly lost: number
}

const OWNER_ONLY = 0o600

/** `maxBytes` and `keep` are read at every line: they may change. Throws LOG_UNWRITABLE. */
export function openLogFile(init: {
  readonly file: string
  readonly maxBytes: number
  readonly keep: number
}): LogFile {
  const { file } = init
  let fd: number | null = null
  let sizeBytes = 0
  let lost = 0

  function open(): void {
    const opened = openSync(file, 'a', OWNER_ONLY)
    const stats = fstatSync(opened)
    if (!stats.isFile()) {
      closeSync(opened)
      throw new Error('it is no regular file')
    }
    if ((stats.mode & 0o077) !== 0) fchmodSync(opened, OWNER_ONLY)
    if (fd !== null) closeSync(fd)
    fd = opened
    sizeBytes = stats.size
  }

  /** Above the last number nothing is kept; with none to keep the file begins anew. */
  function rotate(): void {
    for (let number = init.keep - 1; number >= 1; number--)
      try {
        renameSync(`${file}.${number}`, `${file}.${number + 1}`)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    if (init.keep > 0) renameSync(file, `${file}.1`)
    else {
      closeSync(openSync(file, 'w', OWNER_ONLY))
    }
    open()
  }

  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    open()
  } catch (error) {
    throw new VillageError('LOG_UNWRITABLE', `${file} cannot be written: ${(error as Error).message}`, {
      cause: error,
      fields: { file },
    })
  }

  return {
    write(line) {
      const bytes = Buffer.from(line)
      try {
        if (sizeBytes > 0 && sizeBytes + bytes.byteLength > init.maxBytes) rotate()
        if (fd === null) return
        for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at)
        sizeBytes += bytes.byteLength
      } catch {
        // A full disk: the daemon goes on without its log, and says how much is missing where it can be seen.
        lost += 1
      }
    },
    reopen() {
      try {
        open()
      } catch {
        // The one that is open goes on.
        lost += 1
      }
    },
    close() {
      if (fd !== null) closeSync(fd)
      fd = null
    },
    get lost() {
      return lost
    },
  }
}
