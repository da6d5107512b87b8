/**
 * A thread of a parser process that ends the process when the daemon is gone or when it takes too much memory: the thread that
 * parses may hang in a file and notice neither.
 */
import { workerData } from 'node:worker_threads'

const CHECK_MS = 100

export interface WatchdogData {
  /** Process id of the daemon. */
  readonly parent: number
  readonly memoryBytes: number
}

const { parent, memoryBytes } = workerData as WatchdogData

setInterval(() => {
  if (process.ppid !== parent || process.memoryUsage.rss() > memoryBytes) process.kill(process.pid, 'SIGKILL')
}, CHECK_MS)
