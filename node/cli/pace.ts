/** How fast something goes and how long it will take yet, by what was done in the last half minute. */

export interface Pace {
  /** `share` is 0 to 1. Returns milliseconds that are left, null while that would be a guess. */
  leftMs(share: number, nowMs: number): number | null
  /** Returns bytes by second, null while that would be a guess. */
  bytesPerSecond(doneBytes: number, nowMs: number): number | null
}

const WINDOW_MS = 30_000
/** Of less nothing can be said. */
const LEAST_MS = 2_000
const MAX_SAMPLES = 256

/** What came in a second, over the window; null where it is too short or nothing came. */
function createRate() {
  const samples: { atMs: number; value: number }[] = []
  return (value: number, nowMs: number): number | null => {
    const last = samples.at(-1)
    // Begun anew, or another part of the work.
    if (last !== undefined && value < last.value) samples.length = 0
    // Far more often than anybody can read it, the window would not fit.
    if (last === undefined || nowMs - last.atMs >= WINDOW_MS / MAX_SAMPLES || samples.length === 0)
      samples.push({ atMs: nowMs, value })
    while (samples.length > 2 && nowMs - samples[1]!.atMs > WINDOW_MS) samples.shift()
    const first = samples[0]!
    const tookMs = nowMs - first.atMs
    return tookMs < LEAST_MS || value <= first.value ? null : ((value - first.value) / tookMs) * 1000
  }
}

export function createPace(): Pace {
  const shareRate = createRate()
  const byteRate = createRate()
  return {
    leftMs(share, nowMs) {
      const rate = shareRate(share, nowMs)
      return rate === null || share >= 1 ? null : ((1 - share) / rate) * 1000
    },
    bytesPerSecond: byteRate,
  }
}
