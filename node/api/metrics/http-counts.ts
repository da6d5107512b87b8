/** Requests that the server has answered, and how long that took. Routes are those of the table, never a path as it was asked. */
import { createHistogram, type HistogramReading } from '../../histogram.ts'

export interface HttpCounts {
  count(request: { method: string; route: string; status: number; seconds: number }): void
  requests(): { route: string; status: string; count: number }[]
  seconds(): HistogramReading
}

const BOUNDS_SECONDS = [0.005, 0.025, 0.1, 0.25, 1, 5, 30] as const

export function createHttpCounts(): HttpCounts {
  const requests = new Map<string, { route: string; status: string; count: number }>()
  const seconds = createHistogram<'method' | 'route'>({ bounds: BOUNDS_SECONDS, maxSeries: 512 })
  return {
    count({ method, route, status, seconds: taken }) {
      const key = `${route} ${status}`
      const row = requests.get(key) ?? { route, status: String(status), count: 0 }
      row.count += 1
      requests.set(key, row)
      seconds.observe({ method, route }, taken)
    },
    requests: () => [...requests.values()],
    seconds: seconds.read,
  }
}
