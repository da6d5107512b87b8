/** One writer by directory: a file that names who writes. It outlives a killed process, whose claim then counts for nothing. */
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { toVillageError, VillageError } from '../../../errors.ts'
import { isJsonObject, type JsonValue } from '../../../json.ts'

export const LOCK_FILE = 'writer.lock'

export interface WriterLock {
  release(): void
}

interface Claim {
  readonly pid: number
  /** When the process began, where the system tells: another process may have got the number since. */
  readonly started: string | null
  readonly owner: string
}

/** In ticks since the machine started, of Linux's /proc; null elsewhere and for a process that is gone. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program, in parentheses, may hold anything; the 22nd field is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

function isAlive({ pid, started }: Claim): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return started === null || startOf(pid) === started
}

function readClaim(file: string): Claim | null {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as JsonValue
    if (!isJsonObject(value)) return null
    const { pid, started, owner } = value
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0 || typeof owner !== 'string')
      return null
    return { pid, started: typeof started === 'string' ? started : null, owner }
  } catch {
    // Gone meanwhile, or cut short when its process was killed.
    return null
  }
}

/**
 * A process that lives keeps everybody else out, but for a writer of the same `owner` in the same process: its thread has ended without
 * a word. Throws INDEX_LOCKED, DATA_DIR_READ_ONLY, DISK_FULL.
 */
export function lockWriter(directory: string, owner: string): WriterLock {
  const file = path.join(directory, LOCK_FILE)
  const own: Claim = { pid: process.pid, started: startOf(process.pid), owner }
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      claim(file, own)
      return {
        release() {
          if (readClaim(file)?.owner === owner) rmSync(file, { force: true })
        },
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw toVillageError(error)
    }
    const other = readClaim(file)
    const isOurs = other?.pid === own.pid && other.started === own.started && other.owner === owner
    if (other !== null && !isOurs && isAlive(other)) break
    try {
      rmSync(file, { force: true })
    } catch (error) {
      throw toVillageError(error)
    }
  }
  throw new VillageError('INDEX_LOCKED', undefined, { fields: { directory } })
}

/** Throws EEXIST where somebody was first. */
function claim(file: string, own: Claim): void {
  const fd = openSync(file, 'wx', 0o600)
  try {
    writeSync(fd, JSON.stringify(own))
    fsyncSync(fd)
  } catch (error) {
    rmSync(file, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
}
