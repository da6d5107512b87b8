/** A small text that somebody names by its path: whatever lies there, reading it takes a bounded amount of memory and never waits. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { VillageError } from './errors.ts'

/** Larger than any text of settings, recipes or goals that a person writes. */
export const MAX_SMALL_TEXT_BYTES = 1024 * 1024

/**
 * The text of a plain file of at most `maxBytes`. Opened without waiting, so that a FIFO with no writer holds no thread. Throws
 * FILE_UNREADABLE, also for what is no plain file, and FILE_TOO_LARGE.
 */
export async function readSmallText(file: string, maxBytes: number): Promise<string> {
  const unreadable = (error: unknown): never => {
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
  }
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(unreadable)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new VillageError('FILE_UNREADABLE', `${file} is no file`)
    const tooLarge = () => new VillageError('FILE_TOO_LARGE', `${file} is larger than ${maxBytes} bytes`)
    if (stats.size > maxBytes) throw tooLarge()
    // Room for one byte more: it may grow meanwhile.
    const bytes = Buffer.alloc(maxBytes + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length).catch(unreadable)
      length += bytesRead
      if (bytesRead === 0 || length === bytes.length) break
    }
    if (length > maxBytes) throw tooLarge()
    return bytes.toString('utf8', 0, length)
  } finally {
    await handle.close()
  }
}
