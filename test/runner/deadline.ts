/** A deadline that a busy machine puts off: how long a file takes says something about it only where it gets a processor. */
import { availableParallelism, loadavg } from 'node:os'

/** How often a deadline looks at the machine. */
const LOOKS = 20
/** What hangs ends all the same, however busy the machine stays. */
const MAX_SLOWNESS = 6

/**
 * How many times longer work takes now than on this machine at rest: programs that want a processor, by processor. 1 where
 * the system does not count them (Windows).
 */
export function slowness(): number {
  const [lastMinute = 0] = loadavg()
  return Math.min(MAX_SLOWNESS, Math.max(1, lastMinute / availableParallelism()))
}

/** A signal for what takes `ms` at most at rest, and longer now that the machine is busy. */
export const patientSignal = (ms: number): AbortSignal => AbortSignal.timeout(Math.ceil(ms * slowness()))

/** Calls `onEnd` once `ms` have gone by, a moment counting for less the slower the machine then is; returns what calls it off. */
export function startDeadline(ms: number, slownessNow: () => number, onEnd: () => void): () => void {
  const stepMs = ms / LOOKS
  let left = LOOKS
  const timer = setInterval(() => {
    left -= 1 / slownessNow()
    // Sums of fractions end a little beside a whole number.
    if (left > 1e-9) return
    clearInterval(timer)
    onEnd()
  }, stepMs)
  return () => clearInterval(timer)
}
