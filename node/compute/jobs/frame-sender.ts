/**
 * Sends frames that nobody waits for, and ends the stream of a peer that makes this node answer without ever reading: what is
 * queued for it would grow without end.
 */
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import type { Message } from '../../mesh/protocols/message.ts'

/** Sixteen windows of leases, revocations or results: an honest peer takes them as they come. */
const MAX_QUEUED_FRAMES = 4_096

/** The promise always resolves: the reading side of the same stream sees what went wrong. */
export function createFrameSender<T>(
  components: { log: Log },
  init: { stream: FramedStream; message: Message<T> },
): (frame: T) => Promise<void> {
  const { stream, message } = init
  let queued = 0
  return async (frame) => {
    if (queued >= MAX_QUEUED_FRAMES) {
      stream.abort(new VillageError('PEER_BUSY', 'A peer does not read what it is sent'))
      return
    }
    queued += 1
    try {
      await stream.send(message, frame)
    } catch (error) {
      components.log.debug({ err: error, peer: stream.peer }, 'frame of a job not sent')
    } finally {
      queued -= 1
    }
  }
}
