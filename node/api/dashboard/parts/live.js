/** Hooks for what a page shows of the daemon and keeps up to date while it is looked at. */
import { useCallback, useContext, useEffect, useRef, useState } from '../lib/hooks.js'
import { createContext } from '../lib/preact.js'
import { get } from './connection.js'
import { listen } from './event-bus.js'

/** Changes that come together are read together, and one path at most once a second. */
const SETTLE_MS = 100
const MIN_INTERVAL_MS = 1_000

/** Whether the page around is the one that is looked at: pages that stay are kept while another is. */
export const Shown = createContext(true)

/** Calls `onEvent` on events of these types (all without) while the component is there. */
export function useEvents(onEvent, types = null) {
  const latest = useRef(onEvent)
  latest.current = onEvent
  const wanted = types === null ? null : types.join()
  useEffect(() => {
    const names = wanted === null ? null : wanted.split(',')
    return listen((event) => {
      if (names === null || names.includes(event.type)) latest.current(event)
    })
  }, [wanted])
}

/**
 * Reads `path` (null: nothing), and again when one of `events` comes (types, `'resync'` is implied), when the page is shown again
 * after a change, and every `everyMs`; at most once a second, and never while hidden. `only(data)` may leave events out.
 * What was read stays while it is read again, and goes when the path changes; an error stays beside it until a read succeeds.
 *
 * @param {string | null} path
 * @param {readonly string[]} [events]
 * @param {{ everyMs?: number, only?: (data: any) => boolean }} [options]
 * @returns {{ data: any, error: Error | null, loading: boolean, reload(): void }} `loading`: nothing was read or refused yet
 */
export function useLive(path, events = [], { everyMs, only } = {}) {
  const shown = useContext(Shown)
  const [held, setHeld] = useState({ path, data: undefined, error: null })
  const filter = useRef(only)
  filter.current = only
  const reader = useRef(null)
  const wanted = events.join()
  useEffect(() => {
    if (path === null || !shown) return undefined
    const created = createReader(path, (next) =>
      setHeld((before) => ({
        path,
        data: before.path === path && next.data === undefined ? before.data : next.data,
        error: next.error ?? null,
      })),
    )
    reader.current = created
    const names = ['resync', ...wanted.split(',')]
    const ended = listen(({ type, data }) => {
      if (!names.includes(type)) return
      if (type === 'resync' || filter.current === undefined || filter.current(data)) created.touch()
    })
    const poll = everyMs === undefined ? null : setInterval(created.touch, everyMs)
    return () => {
      reader.current = null
      ended()
      if (poll !== null) clearInterval(poll)
      created.stop()
    }
  }, [path, wanted, everyMs, shown])
  const reload = useCallback(() => reader.current?.touch(), [])
  const isHeld = held.path === path
  const data = isHeld ? held.data : undefined
  const error = isHeld ? held.error : null
  return { data, error, loading: path !== null && data === undefined && error === null, reload }
}

/** Reads at once, and then after every `touch`; one read at a time. */
function createReader(path, onRead) {
  const stopping = new AbortController()
  const { signal } = stopping
  let isStale = true
  let isReading = false
  let timer = null
  let readAtMs = -MIN_INTERVAL_MS

  async function read() {
    timer = null
    if (isReading || document.hidden) return
    isStale = false
    isReading = true
    readAtMs = performance.now()
    try {
      const data = await get(path, { signal })
      if (!signal.aborted) onRead({ data })
    } catch (error) {
      if (!signal.aborted) onRead({ error })
    } finally {
      isReading = false
    }
    if (isStale) plan()
  }
  function plan() {
    if (signal.aborted || timer !== null || isReading || document.hidden) return
    timer = setTimeout(read, Math.max(SETTLE_MS, readAtMs + MIN_INTERVAL_MS - performance.now()))
  }
  const touch = () => {
    isStale = true
    plan()
  }
  const onVisible = () => {
    if (isStale) plan()
  }
  document.addEventListener('visibilitychange', onVisible)
  read()
  return {
    touch,
    stop() {
      stopping.abort()
      document.removeEventListener('visibilitychange', onVisible)
      if (timer !== null) clearTimeout(timer)
    },
  }
}
