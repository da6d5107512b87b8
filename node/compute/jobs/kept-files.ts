/**
 * Files of jobs that have to outlive a restart and are no artifacts, because nobody else may have them: private data made
 * ready, checkpoints. A directory a job, made by whoever needs it. It goes when the job is done or cancelled, and that of a
 * failed one when it is forgotten.
 */
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'

/** Below the directory of the daemon's data. */
export const jobFilesDirectory = (directory: string): string => path.join(directory, 'job-files')

export function keptDirectory(base: string, job: string): string {
  return path.join(base, job)
}

export async function dropKeptFiles(base: string, job: string): Promise<void> {
  await rm(keptDirectory(base, job), { recursive: true, force: true, maxRetries: 3 })
}

/** What a crash left of jobs that do not need it any more. */
export async function sweepKeptFiles(
  base: string,
  jobs: readonly { readonly id: string; readonly state: string }[],
): Promise<void> {
  const needed = new Set(
    jobs.filter(({ state }) => state === 'running' || state === 'failed').map(({ id }) => id),
  )
  const found = await readdir(base).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  for (const name of found) if (!needed.has(name)) await dropKeptFiles(base, name)
}
