/** The events as they come, held in memory up to a bound, and drawn at most twice a second. */
import { useEffect, useRef, useState } from '../../lib/hooks.js'
import { get } from '../../parts/connection.js'
import { useEvents } from '../../parts/live.js'
import { bounded, seqOf, withEvents } from './event-log.js'

const DRAW_EVERY_MS = 500

/**
 * @param {boolean} isPaused what comes meanwhile waits, as much of it as is kept
 * @returns {{ events: object[] | null, waiting: number, error: Error | null, clear(): void }} newest first
 */
export function useEventLog(isPaused) {
  const [events, setEvents] = useState(null)
  const [waiting, setWaiting] = useState(0)
  const [error, setError] = useState(null)
  const pending = useRef([])
  const timer = useRef(null)
  const paused = useRef(isPaused)
  paused.current = isPaused

  const draw = () => {
    timer.current = null
    if (paused.current) {
      pending.current = bounded(pending.current.toReversed()).reverse()
      return setWaiting(pending.current.length)
    }
    const more = pending.current
    pending.current = []
    setWaiting(0)
    setEvents((held) => withEvents(held ?? [], more))
  }
  const plan = () => {
    timer.current ??= setTimeout(draw, DRAW_EVERY_MS)
  }
  const read = async () => {
    try {
      const { events: recent } = await get('/api/v1/events/recent')
      setError(null)
      // After a restart of the daemon its numbers begin anew.
      setEvents((held) =>
        withEvents((held?.[0]?.seq ?? 0) > (recent.at(-1)?.seq ?? 0) ? [] : (held ?? []), recent),
      )
    } catch (thrown) {
      setError(thrown)
    }
  }
  useEffect(() => {
    read()
    return () => clearTimeout(timer.current)
  }, [])
  useEffect(() => {
    if (!isPaused) plan()
  }, [isPaused])
  useEvents(({ id, type, data: { timeMs, ...data } }) => {
    if (type === 'resync') return void read()
    pending.current.push({ seq: seqOf(id), timeMs, type, data })
    plan()
  })
  const clear = () => {
    pending.current = []
    setWaiting(0)
    setEvents([])
  }
  return { events, waiting, error, clear }
}
