/** Long byte strings over a framed stream: chunks of a fixed size, the length agreed on beforehand. */
import { VillageError } from '../../errors.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import { FEDERATE_CHUNK_BYTES } from '../../mesh/protocols/federate.ts'
import type { Message } from '../../mesh/protocols/message.ts'

interface ChunkFrame {
  readonly chunk: { readonly data: Uint8Array } | undefined
}

/** `wrap` puts a chunk into a frame of the sender's side. */
export async function sendBytes<T>(
  stream: FramedStream,
  message: Message<T>,
  wrap: (data: Uint8Array) => T,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += FEDERATE_CHUNK_BYTES)
    await stream.send(message, wrap(bytes.subarray(at, at + FEDERATE_CHUNK_BYTES)), { signal })
}

/** Throws PROTOCOL_MALFORMED for anything but chunks of exactly that length, and what the stream throws. */
export async function receiveBytes<T extends ChunkFrame>(
  stream: FramedStream,
  message: Message<T>,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let received = 0
  // Memory grows with what has come, not with what was promised.
  while (received < sizeBytes) {
    const { chunk } = await stream.expect(message, { signal })
    const length = chunk?.data.length ?? 0
    if (chunk === undefined || length === 0 || received + length > sizeBytes)
      throw new VillageError(
        'PROTOCOL_MALFORMED',
        'A message is malformed: it is no part of what was announced',
      )
    parts.push(chunk.data)
    received += length
  }
  return Buffer.concat(parts, received)
}

export const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** Copies: bytes from the network need not be aligned. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer)
}
