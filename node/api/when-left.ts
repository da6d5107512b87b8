/** Which end of a request ends the work that it asked for. */
import { toVillageError } from '../errors.ts'
import type { Principal } from './principal.ts'

/**
 * Aborts as the request does, but not when its client goes away: then the work goes on, until its own bounds, the daemon or the end of the
 * client's key end it.
 */
export function unlessLeft(
  signal: AbortSignal,
  principal: Principal,
  keys: { signal(id: string): AbortSignal },
): AbortSignal {
  const ending = new AbortController()
  const onAbort = () => {
    if (toVillageError(signal.reason).code !== 'ABORTED') ending.abort(signal.reason)
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return principal.kind === 'key'
    ? AbortSignal.any([ending.signal, keys.signal(principal.id)])
    : ending.signal
}
