/** So many bytes on their way at once, in the order in which they were asked for. */
export interface ByteQueue {
  /** Resolves when there is room; what is larger than all of it waits until nothing else is on its way. */
  take(sizeBytes: number): Promise<void>
  give(sizeBytes: number): void
}

export function createByteQueue(maxBytes: number): ByteQueue {
  const waiting: { sizeBytes: number; go(): void }[] = []
  let takenBytes = 0

  function admit(): void {
    while (waiting.length > 0) {
      const { sizeBytes, go } = waiting[0]!
      if (takenBytes > 0 && takenBytes + sizeBytes > maxBytes) return
      waiting.shift()
      takenBytes += sizeBytes
      go()
    }
  }

  return {
    take(sizeBytes) {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push({ sizeBytes, go: resolve })
      admit()
      return promise
    },
    give(sizeBytes) {
      takenBytes -= sizeBytes
      admit()
    },
  }
}
