/** How fast a job goes, and how long it has to go: from what was seen of it in the last minute, else since it began. */
import { useRef } from '../../lib/hooks.js'
import { counted, duration } from '../../parts/format.js'

const WINDOW_MS = 60_000
const MIN_WINDOW_MS = 5_000

/**
 * @param {{ createdAtMs: number, total: number }} job @param {number} doneTasks with what is under way counted in part
 * @returns {{ tasksByMinute: number, leftMs: number } | null}
 */
export function usePace(job, doneTasks) {
  const seen = useRef([])
  const nowMs = Date.now()
  const samples = seen.current
  // A job whose later tasks fell back has another pace.
  if (samples.length > 0 && doneTasks < samples.at(-1).done) samples.length = 0
  if (samples.length === 0 || nowMs - samples.at(-1).atMs >= 1_000)
    samples.push({ atMs: nowMs, done: doneTasks })
  while (samples.length > 2 && nowMs - samples[0].atMs > WINDOW_MS) samples.shift()
  const first = samples[0]
  const isSeen = nowMs - first.atMs >= MIN_WINDOW_MS && doneTasks > first.done
  const [sinceMs, done] = isSeen
    ? [nowMs - first.atMs, doneTasks - first.done]
    : [nowMs - job.createdAtMs, doneTasks]
  if (done <= 0 || sinceMs <= 0) return null
  const byMs = done / sinceMs
  return { tasksByMinute: byMs * 60_000, leftMs: Math.max(0, job.total - doneTasks) / byMs }
}

export function paceText(pace) {
  if (pace === null) return null
  const { tasksByMinute: rate, leftMs } = pace
  const spoken =
    rate >= 10
      ? `${counted(Math.round(rate), 'task')} a minute`
      : rate >= 1
        ? `${rate.toFixed(1)} tasks a minute`
        : `${(rate * 60).toFixed(1)} tasks an hour`
  return `${spoken} · about ${duration(leftMs)} left of what is planned`
}
