/** What the kinds of jobs work with: made anew for every step of a job. */
import path from 'node:path'
import type { JobContext } from './job.ts'
import { keptDirectory } from './kept-files.ts'
import { pinOf } from './outputs.ts'

interface Init {
  /** Below it each job has its working and its kept directory. */
  readonly directory: string
  readonly keptDirectory: string
  readonly modelsDirectory: string
  readonly memoryBytes: () => number
}

export function jobContext(
  components: Pick<JobContext, 'artifacts' | 'pool' | 'models' | 'sandbox' | 'log'>,
  init: Init,
  job: { id: string; signal: AbortSignal },
): JobContext {
  const { artifacts, pool, models, sandbox, log } = components
  const { id, signal } = job
  return {
    id,
    artifacts,
    pool,
    models,
    sandbox,
    log,
    signal,
    modelsDirectory: init.modelsDirectory,
    memoryBytes: init.memoryBytes(),
    workDirectory: path.join(init.directory, id),
    keptDirectory: keptDirectory(init.keptDirectory, id),
    pin: `job:${id}`,
    stagePin: pinOf(id),
  }
}
