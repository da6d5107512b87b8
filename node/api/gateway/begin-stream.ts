/**
 * Answers with a stream that begins at the first thing there is to send: what fails before is an ordinary error answer, with its status.
 * Where nothing comes for a while the stream begins all the same, and heartbeats keep it open while the model thinks.
 */
import type { VillageError } from '../../errors.ts'
import { requestError } from '../problem.ts'
import { RawReply } from '../routes/route.ts'
import { createSseStream, type SseStream } from '../sse-stream.ts'

const BEGIN_AFTER_MS = 1_000
const HEARTBEAT_MS = 5_000
/** The last events of a response tell its text several times over. */
const MAX_QUEUED_BYTES = 16 * 2 ** 20

export interface StreamWork {
  /** The stream's first words. */
  begin(events: SseStream): void
  /** Calls `began` before each thing it sends; the stream ends when it resolves. */
  run(events: SseStream, began: () => void): Promise<void>
  /** The stream's last words, where the work failed after they were begun. */
  fail(events: SseStream, error: VillageError): void
}

export async function beginStream(
  signal: AbortSignal,
  work: StreamWork,
  init: { beginAfterMs?: number } = {},
): Promise<RawReply> {
  const events = createSseStream(signal, { heartbeatMs: HEARTBEAT_MS, maxQueuedBytes: MAX_QUEUED_BYTES })
  const begun = Promise.withResolvers<void>()
  let isBegun = false
  function began(): void {
    if (isBegun) return
    isBegun = true
    work.begin(events)
    begun.resolve()
  }
  const timer = setTimeout(began, init.beginAfterMs ?? BEGIN_AFTER_MS)
  work
    .run(events, began)
    .then(
      () => events.end(),
      (error: unknown) => {
        if (!isBegun) {
          begun.reject(error)
          events.stream.destroy()
          return
        }
        work.fail(events, requestError(error))
        events.end()
      },
    )
    .finally(() => clearTimeout(timer))
  await begun.promise
  return new RawReply(
    200,
    { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
    events.stream,
  )
}
