/** Streams between virtual peers: the real messages are encoded, counted and decoded; nothing else of a network is there. */
import { VillageError } from '../../node/errors.ts'
import type { FramedStream } from '../../node/mesh/framed-stream.ts'
import type { Message } from '../../node/mesh/protocols/message.ts'

export interface Tally {
  bytes: number
  messages: number
}

export const createTally = (): Tally => ({ bytes: 0, messages: 0 })

/** The length before a frame is a varint: seven bits a byte. */
const lengthBytes = (length: number): number => (length < 128 ? 1 : 1 + lengthBytes(Math.floor(length / 128)))

/** A frame on the wire, its length before it. */
export function countFrame(tally: Tally, frame: Uint8Array): void {
  tally.messages += 1
  tally.bytes += frame.byteLength + lengthBytes(frame.byteLength)
}

interface End {
  readonly queue: (Uint8Array | null)[]
  wake: (() => void) | null
}

function createEnd(peer: string, tally: Tally, own: End, other: End): FramedStream {
  const push = (frame: Uint8Array | null) => {
    other.queue.push(frame)
    other.wake?.()
    other.wake = null
  }
  async function receive<T>(message: Message<T>): Promise<T | null> {
    while (own.queue.length === 0)
      await new Promise<void>((resolve) => {
        own.wake = resolve
      })
    const frame = own.queue.shift() ?? null
    return frame === null ? null : message.decode(frame)
  }
  return {
    peer,
    async send(message, value) {
      const frame = message.encode(value)
      countFrame(tally, frame)
      push(frame)
    },
    receive,
    async expect(message) {
      const value = await receive(message)
      if (value === null) throw new VillageError('PROTOCOL_UNEXPECTED_END')
      return value
    },
    async close() {
      push(null)
    },
    abort() {
      push(null)
    },
  }
}

/** Both ends of one stream; what either sends is counted in `tally`. */
export function streamPair(tally: Tally, opener: string, responder: string): [FramedStream, FramedStream] {
  const [one, two]: [End, End] = [
    { queue: [], wake: null },
    { queue: [], wake: null },
  ]
  return [createEnd(responder, tally, one, two), createEnd(opener, tally, two, one)]
}
