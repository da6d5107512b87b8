/** A text that is generated, as server-sent events: `token` for each token, then `done` with the whole, or `error` with the problem. */
import type { Readable } from 'node:stream'
import { problemOf, requestError } from './problem.ts'
import { createSseStream } from './sse-stream.ts'

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
  const events = createSseStream(signal, init)
  return {
    ...events,
    fail(error) {
      events.send('error', problemOf(requestError(error)))
      events.end()
    },
  }
}
