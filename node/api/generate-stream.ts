/**
 * An answer that is generated, as server-sent events: `token` for each token, then `done` with the whole, or `error` with the
 * problem. A client that does not read is cut off when its queue is full, and the generation with it.
 */
import { Readable } from 'node:stream'
import { problemOf, requestError } from './problem.ts'

const HEARTBEAT_MS = 15_000
const MAX_QUEUED_BYTES = 2 ** 20

export interface GenerateStream {
  readonly stream: Readable
  /** Aborts when the client is gone or does not read. */
  readonly signal: AbortSignal
  send(type: 'token' | 'done', data: object): void
  fail(error: unknown): void
  end(): void
}

export function createGenerateStream(
  signal: AbortSignal,
  init: { heartbeatMs?: number; maxQueuedBytes?: number } = {},
): GenerateStream {
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

  const frame = (type: string, data: object) => push(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)

  function end(): void {
    clearInterval(heartbeat)
    if (!stream.destroyed) stream.push(null)
  }

  return {
    stream,
    signal: AbortSignal.any([signal, cut.signal]),
    send: frame,
    fail(error) {
      frame('error', problemOf(requestError(error)))
      end()
    },
    end,
  }
}
