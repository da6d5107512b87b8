/** Several producers, one consumer: producers wait while the consumer has enough. */

export interface BoundedQueue<T> {
  /** Resolves when the queue has room again. After `end` it is dropped. */
  push(value: T): Promise<void>
  /** No more comes; what is there is still taken. With an error: the consumer gets it next. */
  end(error?: unknown): void
  /** Undefined at the end. */
  shift(): Promise<T | undefined>
}

/** `weigh` says how much of the capacity a value takes; one value is always let in. */
export function createBoundedQueue<T>(capacity: number, weigh: (value: T) => number): BoundedQueue<T> {
  const values: T[] = []
  const waiting: (() => void)[] = []
  let weight = 0
  let isEnded = false
  let failure: { error: unknown } | null = null
  let wake: (() => void) | null = null

  return {
    async push(value) {
      if (isEnded) return
      values.push(value)
      weight += weigh(value)
      wake?.()
      if (weight > capacity) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    end(error) {
      if (isEnded) return
      isEnded = true
      if (error !== undefined) failure = { error }
      for (const resolve of waiting.splice(0)) resolve()
      wake?.()
    },
    async shift() {
      while (values.length === 0 || failure !== null) {
        if (failure !== null) throw failure.error
        if (isEnded) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        wake = null
      }
      const value = values.shift()!
      weight -= weigh(value)
      if (weight <= capacity) waiting.shift()?.()
      return value
    },
  }
}
