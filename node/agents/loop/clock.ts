/** Time as the loop sees it, and a deadline that stands still while a person decides. */
import { VillageError } from '../../errors.ts'

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `run` once after `ms`; the function that it returns prevents it. */
  after(ms: number, run: () => void): () => void
}

/** Of setTimeout; longer times are not asked for. */
const MAX_TIMER_MS = 2 ** 31 - 1

export const SYSTEM_CLOCK: Clock = {
  now: Date.now,
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS))
    return () => clearTimeout(timer)
  },
}

export interface Deadline {
  /** Aborts with TIMEOUT when the time is over. */
  readonly signal: AbortSignal
  leftMs(): number
  /** The time stands still, for those above too, until every function that this returned was called. */
  pause(): () => void
  /** Lets go of the timer. */
  close(): void
}

export function createDeadline(clock: Clock, ms: number, above: Deadline | null = null): Deadline {
  const over = new AbortController()
  let leftMs = ms
  let paused = 0
  let sinceMs = clock.now()
  let cancel: (() => void) | null = null

  function run(): void {
    sinceMs = clock.now()
    cancel = clock.after(leftMs, () => {
      leftMs = 0
      cancel = null
      over.abort(new VillageError('TIMEOUT', `The request took longer than its ${ms} ms`))
    })
  }

  function halt(): void {
    if (cancel === null) return
    cancel()
    cancel = null
    leftMs = Math.max(0, leftMs - (clock.now() - sinceMs))
  }

  run()
  return {
    signal: above === null ? over.signal : AbortSignal.any([over.signal, above.signal]),
    leftMs: () => (cancel === null ? leftMs : Math.max(0, leftMs - (clock.now() - sinceMs))),
    pause() {
      const goOnAbove = above?.pause()
      paused += 1
      halt()
      let isPaused = true
      return () => {
        if (!isPaused) return
        isPaused = false
        paused -= 1
        if (paused === 0 && !over.signal.aborted) run()
        goOnAbove?.()
      }
    },
    close() {
      paused = Number.POSITIVE_INFINITY
      halt()
    },
  }
}
