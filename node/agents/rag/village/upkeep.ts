/** Does a piece of work soon after it was asked for, every so often, sooner again while something of it fails, and never twice at once. */
import { toVillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'

export interface Upkeep {
  /** Requests that come together are one. */
  soon(): void
  start(): void
  stop(): Promise<void>
}

export function createUpkeep(
  components: { log: Log },
  init: {
    /** False: something is left to be tried again. */
    work: (signal: AbortSignal) => Promise<boolean>
    everyMs: number
    soonMs: number
  },
): Upkeep {
  let stopping = new AbortController()
  let every: NodeJS.Timeout | undefined
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let isAskedAgain = false
  let failures = 0

  /** Twice as long after each failure. */
  function schedule(isDone: boolean): void {
    failures = isDone ? 0 : failures + 1
    if (!isDone && every !== undefined)
      timer ??= setTimeout(run, Math.min(init.everyMs, init.soonMs * 2 ** Math.min(failures, 16))).unref()
  }

  function run(): void {
    timer = undefined
    if (running !== null) {
      isAskedAgain = true
      return
    }
    const { signal } = stopping
    running = init
      .work(signal)
      .catch((error: unknown) => {
        if (!signal.aborted)
          components.log.error({ err: toVillageError(error) }, 'the upkeep of collections failed')
        return false
      })
      .then(schedule)
      .finally(() => {
        running = null
        if (isAskedAgain && !signal.aborted) upkeep.soon()
        isAskedAgain = false
      })
  }

  const upkeep: Upkeep = {
    soon() {
      if (every !== undefined) timer ??= setTimeout(run, init.soonMs).unref()
    },
    start() {
      stopping = new AbortController()
      every = setInterval(run, init.everyMs)
      every.unref()
      upkeep.soon()
    },
    async stop() {
      clearInterval(every)
      clearTimeout(timer)
      every = undefined
      timer = undefined
      stopping.abort(new Error('the node is stopping'))
      await running
    },
  }
  return upkeep
}
