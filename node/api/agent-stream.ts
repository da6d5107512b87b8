/** What an agent does and says, as server-sent events: one for each event of its loop, then `done` with the answer, or `error`. */
import type { AgentAnswer, AgentEvent } from '../agents/agent.ts'
import { problemOf, requestError } from './problem.ts'
import { RawReply } from './routes/route.ts'
import { createSseStream } from './sse-stream.ts'

/** An answer carries the results of its calls. */
const MAX_QUEUED_BYTES = 16 * 2 ** 20

/** What fails before the first event is an ordinary error answer: it is thrown. */
export async function agentStream(
  signal: AbortSignal,
  ask: (signal: AbortSignal, onEvent: (event: AgentEvent) => void) => Promise<AgentAnswer>,
  view: (answer: AgentAnswer) => object,
): Promise<RawReply> {
  const events = createSseStream(signal, { maxQueuedBytes: MAX_QUEUED_BYTES })
  const begun = Promise.withResolvers<void>()
  const done = ask(events.signal, (event) => {
    events.send(event.kind, event)
    begun.resolve()
  })
  try {
    await Promise.race([begun.promise, done])
  } catch (error) {
    events.stream.destroy()
    throw error
  }
  done
    .then((answer) => events.send('done', view(answer)))
    .catch((error: unknown) => events.send('error', problemOf(requestError(error))))
    .finally(() => events.end())
  return new RawReply(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }, events.stream)
}
