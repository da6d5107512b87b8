/**
 * An answer as server-sent events (WHATWG HTML, section 9.2). A client that does not read is cut off when its queue is full, and what
 * makes the answer with it: it can never hold the daemon's memory.
 */
import { Readable } from 'node:stream'

const HEARTBEAT_MS = 15_000
const MAX_QUEUED_BYTES = 2 ** 20

export interface SseStream {
  readonly stream: Readable
  /** Aborts when the client is gone or does not read. */
  readonly signal: AbortSignal
  /** `type` null: data alone. Data that is a text is sent as it is, and must be one line. */
  send(type: string | null, data: object | string): void
  end(): void
}

export function createSseStream(
  signal: AbortSignal,
  init: { heartbeatMs?: number; maxQueuedBytes?: number } = {},
): SseStream {
  const { heartbeatMs = HEARTBEAT_MS, maxQueuedBytes = MAX_QUEUED_BYTES } = init
  const stream = new Readable({ read() {}, highWaterMark: maxQueuedBytes })
  const cut = new AbortController()
  const heartbeat = setInterval(() => push(': heartbeat\n\n'), heartbeatMs)
  stream.once('close', () => {
    clearInterval(heartbeat)
    cut.abort()
  })

  function push(text: string): void {
    if (stream.destroyed || stream.readableEnded) return
    if (stream.readableLength + Buffer.byteLength(text) > maxQueuedBytes) {
      stream.destroy()
      return
    }
    stream.push(text)
  }

  return {
    stream,
    signal: AbortSignal.any([signal, cut.signal]),
    send(type, data) {
      const text = typeof data === 'string' ? data : JSON.stringify(data)
      push(`${type === null ? '' : `event: ${type}\n`}data: ${text}\n\n`)
    },
    end() {
      clearInterval(heartbeat)
      if (!stream.destroyed) stream.push(null)
    },
  }
}
