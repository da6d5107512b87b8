/** Files that are whole and on the disk, or not there: what journals and notes rest on. */
import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'

export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What was made, renamed or removed in it. */
export const syncDirectory = syncFile

/** Replaces the file at once; its owner's alone. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = `${file}.tmp`
  await rm(temporary, { force: true })
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  await syncDirectory(path.dirname(file))
}
