/** How a sealed store writes and wipes: what is gone from a file was overwritten before its name is taken away. */
import { type FileHandle, open, readdir, unlink } from 'node:fs/promises'
import path from 'node:path'

const WIPE_BYTES = 2 ** 16
const WIPED_AT_ONCE = 32

/** After a file appeared in or went from a directory: its name is durable too. Windows keeps names without being asked. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength; )
    written += (await handle.write(bytes, written, bytes.byteLength - written, position + written))
      .bytesWritten
}

/** Makes the file, which must not exist; the permissions are the owner's alone. */
export async function writeNew(file: string, bytes: Uint8Array, isSynced: boolean): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await writeAt(handle, bytes, 0)
    if (isSynced) await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Overwrites the whole file with zeros in place and unlinks it. Nothing is done where it does not exist. */
export async function wipeFile(file: string, isSynced: boolean): Promise<void> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    const { size } = await handle.stat()
    const zeros = Buffer.alloc(Math.min(size, WIPE_BYTES))
    for (let done = 0; done < size; done += zeros.byteLength)
      await writeAt(handle, zeros.subarray(0, Math.min(zeros.byteLength, size - done)), done)
    if (isSynced) await handle.sync()
  } finally {
    await handle.close()
  }
  await unlink(file)
}

/** As many at once: the disk flushes them together. */
export async function wipeFiles(files: readonly string[], isSynced: boolean): Promise<void> {
  for (let from = 0; from < files.length; from += WIPED_AT_ONCE)
    await Promise.all(files.slice(from, from + WIPED_AT_ONCE).map((file) => wipeFile(file, isSynced)))
}

/** Wipes the files of a directory that are not kept. */
export async function wipeOthers(directory: string, isKept: (name: string) => boolean): Promise<number> {
  const leftover = (await readdir(directory)).filter((name) => !isKept(name))
  await wipeFiles(
    leftover.map((name) => path.join(directory, name)),
    true,
  )
  if (leftover.length > 0) await syncDirectory(directory)
  return leftover.length
}
