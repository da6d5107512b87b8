/**
 * Updates of a round on the server's disk: float32 values as they came out of the codec, read by ranges, so that a round of many
 * clients never has to be in memory.
 */
import { closeSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import { VillageError } from '../../errors.ts'
import type { UpdateSource } from '../aggregate/update-source.ts'

export function writeUpdateFile(file: string, update: Float32Array): void {
  const bytes = new Uint8Array(update.buffer, update.byteOffset, update.byteLength)
  const temporary = `${file}.tmp`
  const fd = openSync(temporary, 'w', 0o600)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, file)
}

/** `skip` values come before the first coordinate. Throws DATA_CORRUPT for a file that is too short. */
export function openUpdateFiles(
  files: readonly string[],
  coordinates: number,
  skip = 0,
): UpdateSource & Disposable {
  const opened = files.map((file) => openSync(file, 'r'))
  return {
    clients: files.length,
    coordinates,
    read(client, start, target) {
      const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
      const from = (skip + start) * 4
      for (let done = 0; done < bytes.length; ) {
        const read = readSync(opened[client]!, bytes, done, bytes.length - done, from + done)
        if (read === 0) throw new VillageError('DATA_CORRUPT', 'A stored update is too short')
        done += read
      }
    },
    [Symbol.dispose]() {
      for (const fd of opened) closeSync(fd)
    },
  }
}
