/**
 * A token bucket by client address: a burst of a quarter of a minute's requests, refilled evenly. Time is an argument.
 */
export interface RateLimit {
  /** Takes one request; returns 0 when it may pass, else the milliseconds until the next one may. */
  take(client: string, nowMs: number): number
  readonly size: number
}

/** Addresses remembered at once; beyond it the ones whose bucket is full again are forgotten. */
const MAX_CLIENTS = 1_024

/** `requestsByMinute` is read at every turn: it may change. */
export function createRateLimit(init: { readonly requestsByMinute: number }): RateLimit {
  const capacity = () => Math.max(1, Math.ceil(init.requestsByMinute / 4))
  const refillByMs = () => init.requestsByMinute / 60_000
  const buckets = new Map<string, { tokens: number; atMs: number }>()

  const level = (bucket: { tokens: number; atMs: number }, nowMs: number) =>
    Math.min(capacity(), bucket.tokens + Math.max(0, nowMs - bucket.atMs) * refillByMs())

  function makeRoom(nowMs: number): void {
    for (const [client, bucket] of buckets) if (level(bucket, nowMs) >= capacity()) buckets.delete(client)
    // All are busy: forget the one that was seen first, so that memory stays bounded whatever happens.
    const oldest = buckets.keys().next()
    if (buckets.size >= MAX_CLIENTS && oldest.done !== true) buckets.delete(oldest.value)
  }

  return {
    take(client, nowMs) {
      let bucket = buckets.get(client)
      if (bucket === undefined) {
        if (buckets.size >= MAX_CLIENTS) makeRoom(nowMs)
        bucket = { tokens: capacity(), atMs: nowMs }
        buckets.set(client, bucket)
      }
      bucket.tokens = level(bucket, nowMs)
      bucket.atMs = nowMs
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1
        return 0
      }
      return Math.ceil((1 - bucket.tokens) / refillByMs())
    },
    get size() {
      return buckets.size
    },
  }
}
