/** How late timers of the main thread run: what a person notices as a daemon that hangs. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { SummaryReading } from './metric.ts'

export interface LoopDelay {
  /** Quantiles since it was read before. */
  read(): SummaryReading
  stop(): void
}

const RESOLUTION_MS = 10
const QUANTILES = [0.5, 0.9, 0.99] as const
const LONGEST = 1

export function createLoopDelay(): LoopDelay {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  let sum = 0
  let count = 0
  delay.enable()
  // The histogram holds whole intervals: what is beyond the timer's own period is delay.
  const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1e3
  return {
    read() {
      const isEmpty = delay.count === 0
      const quantiles = [
        ...QUANTILES.map((quantile) => ({ quantile, value: delay.percentile(quantile * 100) })),
        { quantile: LONGEST, value: delay.max },
      ].map(({ quantile, value }) => ({ quantile, value: isEmpty ? 0 : seconds(value) }))
      if (!isEmpty) {
        sum += seconds(delay.mean) * delay.count
        count += delay.count
      }
      delay.reset()
      return { quantiles, sum, count }
    },
    stop: () => void delay.disable(),
  }
}
