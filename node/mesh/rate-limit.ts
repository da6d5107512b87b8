/** Token buckets, one a key: `byMinute` tokens come in a minute, and `burst` (as many) may be saved. Time is an argument. */
export interface RateLimit {
  /** Takes a token; false when there is none. */
  take(key: string, nowMs: number): boolean
  /** Takes more than there may be, after the fact: what is owed has to come in before take() gives again. */
  charge(key: string, tokens: number, nowMs: number): void
}

const MINUTE_MS = 60_000
/** Buckets that are full again are forgotten once there are more than this. */
const MAX_BUCKETS = 4_096

/** Both numbers are read at every turn: they may change. */
export function createRateLimit(init: { readonly byMinute: number; readonly burst?: number }): RateLimit {
  const most = () => init.burst ?? init.byMinute
  const buckets = new Map<string, { tokens: number; atMs: number }>()

  function refilled(bucket: { tokens: number; atMs: number }, nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - bucket.atMs)
    return Math.min(most(), bucket.tokens + (elapsedMs * init.byMinute) / MINUTE_MS)
  }

  function forgetFull(nowMs: number): void {
    for (const [key, bucket] of buckets) if (refilled(bucket, nowMs) >= most()) buckets.delete(key)
  }

  function tokensOf(key: string, nowMs: number): number {
    const bucket = buckets.get(key)
    if (bucket === undefined && buckets.size >= MAX_BUCKETS) forgetFull(nowMs)
    return bucket === undefined ? most() : refilled(bucket, nowMs)
  }

  return {
    take(key, nowMs) {
      const tokens = tokensOf(key, nowMs)
      buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs })
      return tokens >= 1
    },
    charge(key, tokens, nowMs) {
      buckets.set(key, { tokens: tokensOf(key, nowMs) - tokens, atMs: nowMs })
    },
  }
}
