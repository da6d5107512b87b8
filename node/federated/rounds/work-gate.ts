/** How much of this machine scoring and building take: so many at once over all runs, within the memory that it lends, and only while the resource governor does. */
import type { Resources } from '../../compute/resources.ts'

export interface WorkGate {
  /**
   * Waits for its turn and for the machine to be lent; `own`: a run that was announced on this node. What needs more memory than the node
   * lends runs alone: whether to do it at all is asked before a run is joined. Throws the signal's reason.
   */
  within<T>(
    init: { own: boolean; memoryBytes: number; signal: AbortSignal },
    work: () => Promise<T>,
  ): Promise<T>
  /** What the node lends to all of it together. */
  lentBytes(): number
  stop(): void
}

export function createWorkGate(
  resources: Pick<Resources, 'accepts' | 'onChange' | 'limits'>,
  init: { readonly atOnce: number },
): WorkGate {
  let running = 0
  let reservedBytes = 0
  const waiting = new Set<{ own: boolean; memoryBytes: number; go: () => void }>()
  const wake = () => {
    for (const entry of waiting) {
      if (running >= init.atOnce) return
      if (!resources.accepts(entry.own)) continue
      // In their order: a large one would wait for ever for a moment in which all the small ones leave it room.
      if (running > 0 && reservedBytes + entry.memoryBytes > resources.limits().memoryBytes) return
      waiting.delete(entry)
      running += 1
      reservedBytes += entry.memoryBytes
      entry.go()
    }
  }
  const endChanges = resources.onChange(wake)
  const turn = (own: boolean, memoryBytes: number, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const onAbort = () => {
        waiting.delete(entry)
        reject(signal.reason)
        wake()
      }
      const entry = {
        own,
        memoryBytes,
        go: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.add(entry)
      wake()
    })
  return {
    async within({ own, memoryBytes, signal }, work) {
      await turn(own, memoryBytes, signal)
      try {
        return await work()
      } finally {
        running -= 1
        reservedBytes -= memoryBytes
        wake()
      }
    },
    lentBytes: () => resources.limits().memoryBytes,
    stop: endChanges,
  }
}
