/** To which test file belongs what happens in a process that runs several: also what comes when its file has long ended. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { inspect } from 'node:util'

const owners = new AsyncLocalStorage<string>()
let running: string | null = null

/** Whether the caller belongs to the file that runs now. */
export const isOfRunningFile = (): boolean => owners.getStore() === running

export async function runAs(file: string, run: () => Promise<void>): Promise<void> {
  running = file
  await owners.run(file, run)
  running = null
}

/** Ends the process where `error` comes from a file that has ended: the one that runs now would be blamed, or would take it for its own. */
function refuseLeftover(error: unknown): void {
  const owner = owners.getStore()
  if (owner === undefined || owner === running) return
  process.stderr.write(`${owner} had ended, and left what now threw: ${inspect(error)}\n`)
  process.exit(1)
}

/** Watches what nobody catches. What the running file itself throws goes its usual way. */
export function watchLeftovers(): void {
  process.on('uncaughtExceptionMonitor', refuseLeftover)
  process.on('unhandledRejection', (reason) => {
    refuseLeftover(reason)
    // As without this listener.
    if (process.listenerCount('unhandledRejection') === 1) throw reason
  })
}
