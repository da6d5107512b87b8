/** Length-prefixed protobuf frames over a libp2p stream, bounded in bytes and time in both directions. */
import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { VillageError } from '../errors.ts'
import type { Message } from './protocols/message.ts'
import type { ProtocolSpec } from './protocols/spec.ts'

export interface FramedStream {
  /** Peer ID of the other side, base58. */
  readonly peer: string
  /** Resolves when the frame is handed to the muxer and there is room for another. */
  send<T>(message: Message<T>, value: T, options?: { signal?: AbortSignal }): Promise<void>
  /** The next frame, or null when the other side ended the stream between two frames. */
  receive<T>(message: Message<T>, options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<T | null>
  /** As receive(), but the end of the stream is PROTOCOL_UNEXPECTED_END. */
  expect<T>(message: Message<T>, options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<T>
  close(): Promise<void>
  abort(error: Error): void
}

const MAX_VARINT_BYTES = 5

function encodeLength(length: number): Uint8Array {
  const out: number[] = []
  let rest = length
  while (rest >= 0x80) {
    out.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  out.push(rest)
  return Uint8Array.from(out)
}

/** The length at the start of `buffer`, or null while its varint is incomplete. */
function decodeLength(buffer: Uint8ArrayList): { length: number; headerBytes: number } | null {
  let length = 0
  for (let index = 0; index < Math.min(buffer.byteLength, MAX_VARINT_BYTES); index++) {
    const byte = buffer.get(index)
    length += (byte & 0x7f) * 2 ** (7 * index)
    if ((byte & 0x80) === 0) return { length, headerBytes: index + 1 }
  }
  if (buffer.byteLength >= MAX_VARINT_BYTES)
    throw new VillageError('PROTOCOL_MALFORMED', 'A frame has no valid length')
  return null
}

/** Rejects when `signal` aborts or `timeoutMs` passes first; `work` itself keeps running. */
function within<T>(work: Promise<T>, timeoutMs: number, what: string, signal?: AbortSignal): Promise<T> {
  if (signal?.aborted === true) {
    work.catch(() => {}) // nobody waits for it any more, and its failure must not be an unhandled one
    return Promise.reject(signal.reason)
  }
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () =>
        finish(() => reject(new VillageError('TIMEOUT', `The peer did not ${what} within ${timeoutMs} ms`))),
      timeoutMs,
    )
    const onAbort = () => finish(() => reject(signal?.reason))
    function finish(settle: () => void): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      settle()
    }
    signal?.addEventListener('abort', onAbort)
    work.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    )
  })
}

function untilDrained(stream: Stream): Promise<void> {
  // stream.onDrain() of libp2p 3 stops holding back after its first drain, so wait for the event itself.
  return new Promise((resolve, reject) => {
    const done = (settle: () => void) => () => {
      stream.removeEventListener('drain', onDrain)
      stream.removeEventListener('close', onClose)
      settle()
    }
    const onDrain = done(resolve)
    const onClose = done(() =>
      reject(new VillageError('PEER_DISCONNECTED', 'The stream closed while data was being sent')),
    )
    stream.addEventListener('drain', onDrain)
    stream.addEventListener('close', onClose)
    if (!stream.writableNeedsDrain) onDrain()
    else if (stream.status !== 'open') onClose()
  })
}

interface Incoming {
  readonly buffered: Uint8ArrayList
  /** Copies out the bytes from `start` to `end`, drops everything before `end`, and lets more come. */
  take(start: number, end: number): Uint8Array
  /** Resolves when bytes came or the stream ended. */
  more(): Promise<void>
  ended(): boolean
  /** It did not end but was aborted, by either side. */
  wasCut(): boolean
}

/**
 * Takes bytes as they come, but no more than about two frames ahead of the reader: then the stream is paused, its window
 * closes, and the sender waits. The async iterator of a libp2p stream queues without any bound instead.
 */
function createIncoming(stream: Stream, maxFrameBytes: number): Incoming {
  const highWaterBytes = 2 * maxFrameBytes + 2 * MAX_VARINT_BYTES
  const buffered = new Uint8ArrayList()
  let wake: (() => void) | undefined
  let resuming = false
  const pauseWhenFull = () => {
    if (buffered.byteLength >= highWaterBytes && stream.readStatus === 'readable') stream.pause()
  }
  const changed = () => {
    wake?.()
    wake = undefined
  }
  stream.addEventListener('message', ({ data }) => {
    buffered.append(data)
    if (!resuming) pauseWhenFull()
    changed()
  })
  stream.addEventListener('remoteCloseWrite', changed)
  stream.addEventListener('close', changed)
  return {
    buffered,
    take(start, end) {
      const bytes = buffered.slice(start, end)
      buffered.consume(end)
      if (stream.readStatus === 'paused' && buffered.byteLength < highWaterBytes) {
        // resume() first delivers what had piled up and only then reopens the window: a pause in between would be undone for
        // the muxer alone, which would then take bytes until its read buffer overflows and resets the stream.
        resuming = true
        stream.resume()
        resuming = false
        pauseWhenFull()
      }
      return bytes
    },
    more: () =>
      new Promise((resolve) => {
        wake = resolve
      }),
    ended: () =>
      stream.readBufferLength === 0 && (stream.status !== 'open' || stream.remoteWriteStatus !== 'writable'),
    wasCut: () => stream.status === 'aborted' || stream.status === 'reset',
  }
}

export function createFramedStream(init: { stream: Stream; peer: string; spec: ProtocolSpec }): FramedStream {
  const { stream, peer, spec } = init
  const incoming = createIncoming(stream, spec.maxFrameBytes)
  let sending: Promise<void> = Promise.resolve()

  function fail(error: unknown): never {
    const reason = error instanceof Error ? error : new Error(String(error))
    stream.abort(reason)
    if (error instanceof VillageError || reason.name === 'AbortError') throw error
    throw new VillageError('PEER_DISCONNECTED', 'The connection to the peer was lost', { cause: error })
  }

  async function nextFrame(): Promise<Uint8Array | null> {
    for (;;) {
      const header = decodeLength(incoming.buffered)
      if (header !== null) {
        if (header.length > spec.maxFrameBytes)
          throw new VillageError('PROTOCOL_FRAME_TOO_LARGE', 'A frame is larger than its protocol allows', {
            fields: { protocol: spec.id, frameBytes: header.length, maxFrameBytes: spec.maxFrameBytes },
          })
        const end = header.headerBytes + header.length
        if (incoming.buffered.byteLength >= end) return incoming.take(header.headerBytes, end)
      }
      if (incoming.ended()) {
        if (incoming.wasCut())
          throw new VillageError('PEER_DISCONNECTED', 'The connection to the peer was lost')
        if (incoming.buffered.byteLength === 0) return null
        throw new VillageError('PROTOCOL_UNEXPECTED_END', 'The stream ended inside a frame')
      }
      await incoming.more()
    }
  }

  const framed: FramedStream = {
    peer,
    send(message, value, options = {}) {
      const parts = message.encodeParts(value)
      const frameBytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
      if (frameBytes > spec.maxFrameBytes)
        return Promise.reject(
          new VillageError('PROTOCOL_FRAME_TOO_LARGE', 'A frame to send is larger than its protocol allows', {
            fields: { protocol: spec.id, frameBytes, maxFrameBytes: spec.maxFrameBytes },
          }),
        )
      const write = async () => {
        try {
          options.signal?.throwIfAborted()
          const accepted = stream.send(new Uint8ArrayList(encodeLength(frameBytes), ...parts))
          if (!accepted)
            await within(untilDrained(stream), spec.frameTimeoutMs, 'take what was sent', options.signal)
        } catch (error) {
          fail(error)
        }
      }
      // One after another: two sends at once would both wait for the same drain and then overfill the buffer.
      const result = sending.then(write)
      sending = result.catch(() => {
        // The failure belongs to the caller of this send; the next one finds the stream aborted.
      })
      return result
    },
    async receive(message, options = {}) {
      try {
        const frame = await within(
          nextFrame(),
          options.timeoutMs ?? spec.frameTimeoutMs,
          'answer',
          options.signal,
        )
        return frame === null ? null : message.decode(frame)
      } catch (error) {
        return fail(error)
      }
    },
    async expect(message, options) {
      const value = await framed.receive(message, options)
      if (value === null)
        throw new VillageError('PROTOCOL_UNEXPECTED_END', 'The peer ended the stream without an answer')
      return value
    },
    async close() {
      await sending
      await stream
        .close({ signal: AbortSignal.timeout(spec.frameTimeoutMs) })
        .catch((error: Error) => stream.abort(error))
    },
    abort: (error) => stream.abort(error),
  }
  return framed
}
