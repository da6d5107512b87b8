import { setTimeout as sleep } from 'node:timers/promises'

/** Spreads what is sent over time: all streams together stay under a rate, in the order in which they ask. */
export interface UploadLimit {
  /** Resolves when `sizeBytes` may be sent. */
  take(sizeBytes: number, signal: AbortSignal): Promise<void>
  /** Chunks of at most this size keep their turns short at the configured rate. */
  readonly chunkBytes: number
}

/** Sending may run ahead of the rate by this much, so that short answers are not held up. */
const BURST_MS = 250

export function createUploadLimit(init: {
  /** Read at every turn: it may change while streams run. */
  readonly bytesPerSecond: number | null
  minChunkBytes: number
  maxChunkBytes: number
  now: () => number
}): UploadLimit {
  const { now } = init
  let freeAtMs = 0
  return {
    get chunkBytes() {
      const { bytesPerSecond } = init
      if (bytesPerSecond === null) return init.maxChunkBytes
      // A chunk should take a quarter of a second or less.
      return Math.max(init.minChunkBytes, Math.min(init.maxChunkBytes, Math.floor(bytesPerSecond / 4)))
    },
    async take(sizeBytes, signal) {
      const { bytesPerSecond } = init
      if (bytesPerSecond === null) return
      freeAtMs = Math.max(now(), freeAtMs) + (sizeBytes / bytesPerSecond) * 1000
      const waitMs = freeAtMs - now() - BURST_MS
      if (waitMs > 0) await sleep(waitMs, undefined, { signal })
    },
  }
}
