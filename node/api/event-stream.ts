/**
 * Events as server-sent events (WHATWG HTML, section 9.2). A client that reconnects sends the last id it saw and gets
 * what it missed; when that is no longer kept, or the daemon was restarted, it gets a `gap` event and reads the state
 * anew. A client that does not read is cut off when its queue is full: it can never hold the daemon's memory.
 */
import { Readable } from 'node:stream'
import type { Events, VillageEvent } from '../events.ts'

const HEARTBEAT_MS = 15_000
const MAX_QUEUED_BYTES = 256 * 1024

export interface EventStreamInit {
  events: Events
  instance: string
  /** The id of the last event that the client saw, or null for one that starts now. */
  lastEventId: string | null
  /** Only events of these types; null for all. */
  types: readonly string[] | null
  signal: AbortSignal
  heartbeatMs?: number
  maxQueuedBytes?: number
}

const frame = (id: string, type: string, data: unknown) =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`

/** What a reconnecting client missed, or null when that cannot be told. */
function missed(init: EventStreamInit): VillageEvent[] | null {
  const match = /^([\w-]{1,64})\.(\d{1,15})$/.exec(init.lastEventId ?? '')
  if (match === null || match[1] !== init.instance) return null
  const seq = Number(match[2])
  const events = init.events.since(seq)
  return (events[0]?.seq ?? seq + 1) === seq + 1 ? events : null
}

/** A byte stream to send as `text/event-stream`; ends when the signal aborts. */
export function createEventStream(init: EventStreamInit): Readable {
  const limit = init.maxQueuedBytes ?? MAX_QUEUED_BYTES
  const stream = new Readable({ read() {}, highWaterMark: limit })

  function send(text: string): void {
    if (stream.destroyed || stream.readableEnded) return
    if (stream.readableLength + Buffer.byteLength(text) > limit) {
      stream.destroy()
      return
    }
    stream.push(text)
  }
  function sendEvent(event: VillageEvent): void {
    if (init.types !== null && !init.types.includes(event.type)) return
    send(frame(`${init.instance}.${event.seq}`, event.type, { timeMs: event.timeMs, ...event.data }))
  }

  const latest = init.events.since(0).at(-1)?.seq ?? 0
  const backlog = init.lastEventId === null ? [] : missed(init)
  send('retry: 2000\n\n')
  if (backlog === null) send(frame(`${init.instance}.${latest}`, 'gap', {}))
  else {
    send(frame(`${init.instance}.${backlog[0] === undefined ? latest : backlog[0].seq - 1}`, 'hello', {}))
    for (const event of backlog) sendEvent(event)
  }
  const unsubscribe = init.events.subscribe(sendEvent)
  const heartbeat = setInterval(() => send(': heartbeat\n\n'), init.heartbeatMs ?? HEARTBEAT_MS)
  const end = () => {
    unsubscribe()
    clearInterval(heartbeat)
    if (!stream.destroyed) stream.push(null)
  }
  if (init.signal.aborted) end()
  else init.signal.addEventListener('abort', end, { once: true })
  stream.once('close', () => {
    init.signal.removeEventListener('abort', end)
    unsubscribe()
    clearInterval(heartbeat)
  })
  return stream
}
