/** What a streaming method of A2A yields, as server-sent events. */
import { Readable } from 'node:stream'
import { RawReply } from '../routes/route.ts'

const HEARTBEAT_MS = 15_000
/** What a client that does not read may make this node keep. */
const MAX_QUEUED_BYTES = 4 * 2 ** 20

interface RpcResponse {
  readonly jsonrpc: string
  readonly id: string | number | null
  readonly result?: unknown
  readonly error?: unknown
}
export type RpcAnswer = RpcResponse | AsyncGenerator<RpcResponse, void, undefined>

/**
 * Waits for the first event, so that what fails before it is an ordinary answer: rejects with that. The task goes on when its client goes
 * away, as the protocol has it; the stream ends.
 */
export async function eventReply(
  events: AsyncGenerator<RpcResponse, void, undefined>,
  init: { errorOf(error: unknown): object; signal: AbortSignal },
): Promise<RawReply> {
  const first = await events.next()
  const stream = new Readable({ read() {}, highWaterMark: MAX_QUEUED_BYTES })
  const send = (text: string) => {
    if (stream.destroyed) return
    if (stream.readableLength > MAX_QUEUED_BYTES) stream.destroy()
    else stream.push(text)
  }
  const heartbeat = setInterval(() => send(': heartbeat\n\n'), HEARTBEAT_MS)
  const end = () => stream.destroy()
  init.signal.addEventListener('abort', end, { once: true })
  stream.once('close', () => {
    clearInterval(heartbeat)
    init.signal.removeEventListener('abort', end)
  })
  const pump = async () => {
    if (first.done !== true) send(`data: ${JSON.stringify(first.value)}\n\n`)
    for await (const event of events) send(`data: ${JSON.stringify(event)}\n\n`)
  }
  pump()
    .catch((error: unknown) => send(`event: error\ndata: ${JSON.stringify(init.errorOf(error))}\n\n`))
    .finally(() => {
      if (!stream.destroyed) stream.push(null)
    })
  if (init.signal.aborted) end()
  return new RawReply(
    200,
    { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' },
    stream,
  )
}
