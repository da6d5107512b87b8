import { streamPair } from '@libp2p/utils'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../node/errors.ts'
import { createFramedStream, type FramedStream } from '../../node/mesh/framed-stream.ts'
import { bytes, message, uint32 } from '../../node/mesh/protocols/message.ts'
import type { ProtocolSpec } from '../../node/mesh/protocols/spec.ts'
import { rejectsCode } from '../helpers/throws.ts'

const Frame = message('Frame', { number: [1, uint32()], data: [2, bytes(4_096)] })
const SPEC: ProtocolSpec = {
  id: '/village/test/1.0.0',
  access: 'member',
  maxFrameBytes: 1_024,
  frameTimeoutMs: 5_000,
  maxStreamsByPeer: 1,
  streamsByMinute: 1,
}

async function pair(spec: Partial<ProtocolSpec> = {}) {
  const [here, there] = await streamPair()
  const framed = (stream: typeof here): FramedStream =>
    createFramedStream({ stream, peer: 'peer', spec: { ...SPEC, ...spec } })
  return { raw: here, rawThere: there, sender: framed(here), receiver: framed(there) }
}

const Frames = suite('frames')

Frames('arrive in order and whole, however they are cut', async () => {
  const { raw, receiver } = await pair()
  const frames = Array.from({ length: 5 }, (_, number) => {
    const body = Frame.encode({ number: number + 1, data: new Uint8Array(100).fill(number) })
    return Buffer.concat([Buffer.from([body.byteLength]), body])
  })
  const whole = Buffer.concat(frames)
  for (let at = 0; at < whole.byteLength; at += 7) raw.send(whole.subarray(at, at + 7))
  for (let number = 1; number <= 5; number++) assert.is((await receiver.expect(Frame)).number, number)
  await raw.close()
  assert.is(await receiver.receive(Frame), null, 'the end between two frames is no error')
})

Frames('many sends at once do not mix', async () => {
  const { sender, receiver } = await pair()
  const sent = Promise.all(
    Array.from({ length: 200 }, (_, number) =>
      sender.send(Frame, { number, data: new Uint8Array(900).fill(number) }),
    ),
  )
  for (let number = 0; number < 200; number++) {
    const frame = await receiver.expect(Frame)
    assert.is(frame.number, number)
    assert.ok(frame.data.every((byte) => byte === number % 256))
  }
  await sent
})

Frames('over the limit end the stream, on both sides, before they are buffered', async () => {
  const { raw, sender, receiver } = await pair()
  await rejectsCode(
    sender.send(Frame, { number: 1, data: new Uint8Array(2_000) }),
    'PROTOCOL_FRAME_TOO_LARGE',
  )
  raw.send(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]))
  await rejectsCode(receiver.receive(Frame), 'PROTOCOL_FRAME_TOO_LARGE')
})

Frames('with a length that is no varint are malformed', async () => {
  const { raw, receiver } = await pair()
  raw.send(Buffer.alloc(6, 0xff))
  await rejectsCode(receiver.receive(Frame), 'PROTOCOL_MALFORMED')
})

Frames('that are not protobuf are malformed, and the stream is reset', async () => {
  const { raw, receiver } = await pair()
  raw.send(Buffer.from([3, 0xff, 0xff, 0xff]))
  await rejectsCode(receiver.receive(Frame), 'PROTOCOL_MALFORMED')
  await rejectsCode(receiver.receive(Frame), 'PEER_DISCONNECTED')
})

Frames('cut off in the middle are an unexpected end', async () => {
  const { raw, receiver } = await pair()
  raw.send(Buffer.from([200, 1, 2, 3]))
  await raw.close()
  await rejectsCode(receiver.receive(Frame), 'PROTOCOL_UNEXPECTED_END')
})

Frames('that were due but did not come are an unexpected end too', async () => {
  const { raw, receiver } = await pair()
  await raw.close()
  await rejectsCode(receiver.expect(Frame), 'PROTOCOL_UNEXPECTED_END')
})

Frames('of a reset stream are lost with PEER_DISCONNECTED', async () => {
  const { raw, receiver } = await pair()
  const waiting = receiver.receive(Frame)
  raw.abort(new Error('test'))
  await rejectsCode(waiting, 'PEER_DISCONNECTED')
})

Frames('that come too slowly end in a timeout, one byte at a time or not', async () => {
  const { raw, receiver } = await pair({ frameTimeoutMs: 50 })
  const drip = setInterval(() => raw.status === 'open' && raw.send(Buffer.from([100])), 10)
  await rejectsCode(
    receiver.receive(Frame, { timeoutMs: 50 }).then(() => receiver.receive(Frame)),
    'TIMEOUT',
  )
  clearInterval(drip)
})

Frames('are waited for until the signal says otherwise', async () => {
  const { receiver } = await pair()
  const abort = new AbortController()
  const waiting = receiver.receive(Frame, { signal: abort.signal })
  abort.abort(new VillageError('SHUTTING_DOWN'))
  await rejectsCode(waiting, 'SHUTTING_DOWN')
  await rejectsCode(receiver.receive(Frame, { signal: abort.signal }), 'SHUTTING_DOWN')
})

Frames.run()

const Pressure = suite('back pressure')

Pressure('a reader that does not read stops the sender instead of filling the memory', async () => {
  const { raw, rawThere, receiver } = await pair()
  const body = Frame.encode({ number: 7, data: new Uint8Array(900) })
  const one = Buffer.concat([Buffer.from([(body.byteLength & 0x7f) | 0x80, body.byteLength >> 7]), body])
  for (let sent = 0; sent < 20; sent++) raw.send(one)
  await new Promise((resolve) => setImmediate(resolve))
  assert.is(rawThere.readStatus, 'paused')
  for (let read = 0; read < 20; read++) assert.is((await receiver.expect(Frame)).number, 7)
  assert.is(rawThere.readStatus, 'readable')
})

Pressure.run()
