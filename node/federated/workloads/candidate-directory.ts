/** A candidate's model lies on the disk only while something is done with it. */
import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'

/** Lends an empty directory below `workDirectory`, and takes it away in any case. */
export async function withCandidateDirectory<T>(
  workDirectory: string,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = path.join(workDirectory, randomBytes(8).toString('hex'))
  await mkdir(directory, { recursive: true })
  try {
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
