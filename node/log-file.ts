/**
 * The log in a file: made anew when it has grown to a size, with so many old ones kept beside it (`village.log.1` is the newest), and
 * opened again when asked, for programs like logrotate that move it away. Written at once, as pino's own destination does; no thread.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs'
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
/** A pipe is refused at once, instead of waiting for who reads it, and a link, which may lead to a file of somebody else. */
const APPEND =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOFOLLOW

/** `maxBytes` and `keep` are read at every line: they may change. Throws LOG_UNWRITABLE. */
export function openLogFile(init: {
  readonly file: string
  readonly maxBytes: number
  readonly keep: number
  /** At the first line that could not be written, and at the first one after it that could. */
  readonly onLost?: (error: Error) => void
  readonly onFound?: (lost: number) => void
}): LogFile {
  const { file } = init
  let fd: number | null = null
  let sizeBytes = 0
  let lost = 0
  let isLosing = false
  /** The size at which the file is put aside; above the limit where that has failed. */
  let fullBytes = 0

  function open(): void {
    const opened = openSync(file, APPEND, OWNER_ONLY)
    const stats = fstatSync(opened)
    if (!stats.isFile()) {
      closeSync(opened)
      throw new Error('it is no regular file')
    }
    if ((stats.mode & 0o077) !== 0) fchmodSync(opened, OWNER_ONLY)
    if (fd !== null) closeSync(fd)
    fd = opened
    sizeBytes = stats.size
    fullBytes = 0
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
      closeSync(openSync(file, APPEND | constants.O_TRUNC, OWNER_ONLY))
    }
    open()
  }

  /** A file that cannot be put aside goes on: a log that is too long is better than none. It is tried again after an eighth more. */
  function rotateIfFull(bytes: number): void {
    if (sizeBytes === 0 || sizeBytes + bytes <= Math.max(fullBytes, init.maxBytes)) return
    try {
      rotate()
    } catch {
      fullBytes = sizeBytes + bytes + init.maxBytes / 8
    }
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
        if (fd === null) return
        rotateIfFull(bytes.byteLength)
        for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at)
        sizeBytes += bytes.byteLength
      } catch (error) {
        // A full disk: the daemon goes on without its log.
        lost += 1
        if (!isLosing) init.onLost?.(error as Error)
        isLosing = true
        return
      }
      if (!isLosing) return
      isLosing = false
      init.onFound?.(lost)
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
