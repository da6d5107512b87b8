/** A web Response as the API's raw reply: the SDK answers in the one, the route table sends the other. */
import { Readable } from 'node:stream'
import { RawReply } from '../routes/route.ts'

/** A comment of server-sent events: a client that waits for headers gets them before the first event. */
const OPENING = ': open\n\n'

function streamOf(body: ReadableStream<Uint8Array>, isEvents: boolean): Readable {
  const reader = body.getReader()
  let isOpened = !isEvents
  return new Readable({
    read() {
      if (!isOpened) {
        isOpened = true
        this.push(OPENING)
        return
      }
      reader.read().then(
        ({ done, value }) => void this.push(done ? null : value),
        (error: Error) => void this.destroy(error),
      )
    },
    // Readable.from() would wait for the read that goes on; a client that is gone ends it at once.
    destroy(error, done) {
      reader.cancel().then(
        () => done(error),
        () => done(error),
      )
    },
  })
}

export function rawReplyOf(response: Response): RawReply {
  const headers = Object.fromEntries(response.headers)
  const isEvents = headers['content-type']?.startsWith('text/event-stream') === true
  const { body } = response
  return new RawReply(
    response.status,
    { ...headers, ...(isEvents && { 'x-accel-buffering': 'no' }) },
    // An empty text, for null would be sent as JSON's.
    body === null ? '' : streamOf(body, isEvents),
  )
}
