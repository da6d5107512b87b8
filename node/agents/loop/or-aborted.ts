/** Waits for work, but no longer than a signal allows: what ignores its signal holds up nobody. */
import type { Clock } from './clock.ts'

/**
 * Throws the signal's reason when it aborts first. With `grace`, the work has that time to end by itself, with an error that
 * says more than the reason does; what it returns then is lost.
 */
export async function orAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  grace?: { clock: Clock; ms: number },
): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  let cancel: (() => void) | null = null
  const giveUp = () => aborted.reject(signal.reason)
  const onAbort = () => {
    if (grace === undefined) return giveUp()
    cancel = grace.clock.after(grace.ms, giveUp)
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  // Whichever loses may still fail later: that is nobody's failure any more.
  work.catch(() => {})
  aborted.promise.catch(() => {})
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    ;(cancel as (() => void) | null)?.()
  }
}
