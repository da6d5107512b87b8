/** How much of this machine scoring and building take: so many at once over all runs, and only while the resource governor lends it. */
import type { Resources } from '../../compute/resources.ts'

export interface WorkGate {
  /** Waits for its turn and for the machine to be lent; `own`: a run that was announced on this node. Throws the signal's reason. */
  within<T>(init: { own: boolean; signal: AbortSignal }, work: () => Promise<T>): Promise<T>
  stop(): void
}

export function createWorkGate(
  resources: Pick<Resources, 'accepts' | 'onChange'>,
  init: { readonly atOnce: number },
): WorkGate {
  let running = 0
  const waiting = new Set<{ own: boolean; go: () => void }>()
  const wake = () => {
    for (const entry of waiting) {
      if (running >= init.atOnce) return
      if (!resources.accepts(entry.own)) continue
      waiting.delete(entry)
      running += 1
      entry.go()
    }
  }
  const endChanges = resources.onChange(wake)
  const turn = (own: boolean, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const onAbort = () => {
        waiting.delete(entry)
        reject(signal.reason)
      }
      const entry = {
        own,
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
    async within({ own, signal }, work) {
      await turn(own, signal)
      try {
        return await work()
      } finally {
        running -= 1
        wake()
      }
    },
    stop: endChanges,
  }
}
