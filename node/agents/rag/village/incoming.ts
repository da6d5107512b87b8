/**
 * Where segments of others wait between their fetch and their place in an index. It is readable text of other people: nothing of it
 * outlives the work that it was written for, and what a crash has left goes at the next start.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'

/** `work` gets an empty directory below `root`, which is removed with all that is left in it however the work ends. */
export async function withIncoming<T>(root: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = path.join(root, randomUUID())
  await mkdir(directory, { recursive: true, mode: 0o700 })
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** At a start, before any work: what is there is nobody's. */
export async function clearIncoming(root: string): Promise<void> {
  await rm(root, { recursive: true, force: true })
}
