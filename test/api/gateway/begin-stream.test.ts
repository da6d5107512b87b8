import type { Readable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { beginStream, type StreamWork } from '../../../node/api/gateway/begin-stream.ts'
import type { RawReply } from '../../../node/api/routes/route.ts'
import { createSseStream } from '../../../node/api/sse-stream.ts'
import { VillageError } from '../../../node/errors.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('streams of the gateway')
const LONG_MS = 600_000
const signal = new AbortController().signal

const work = (run: StreamWork['run']): StreamWork => ({
  begin: (events) => events.send(null, { begun: true }),
  run,
  fail: (events, error) => events.send(null, { error: error.code }),
})

async function textOf(reply: RawReply): Promise<string> {
  let text = ''
  for await (const part of reply.body as Readable) text += String(part)
  return text
}

test('what fails before the first word is thrown: it has a status of its own', async () => {
  const failing = work(async () => {
    throw new VillageError('CHAT_ENDPOINT_FAILED')
  })
  await rejectsCode(beginStream(signal, failing, { beginAfterMs: LONG_MS }), 'CHAT_ENDPOINT_FAILED')
})

test('what fails after it is told in the stream, which ends', async () => {
  const failing = work(async (events, began) => {
    began()
    events.send(null, 'word')
    throw new VillageError('CHAT_ENDPOINT_FAILED')
  })
  const reply = await beginStream(signal, failing, { beginAfterMs: LONG_MS })
  assert.is(
    await textOf(reply),
    'data: {"begun":true}\n\ndata: word\n\ndata: {"error":"CHAT_ENDPOINT_FAILED"}\n\n',
  )
})

test('a model that thinks for long: the stream begins without it, and once', async () => {
  const gate = Promise.withResolvers<void>()
  const slow = work(async (events, began) => {
    await gate.promise
    began()
    events.send('named', { word: 1 })
  })
  const reply = await beginStream(signal, slow, { beginAfterMs: 0 })
  gate.resolve()
  assert.is(await textOf(reply), 'data: {"begun":true}\n\nevent: named\ndata: {"word":1}\n\n')
})

test('a client that leaves, or does not read, stops the work', async () => {
  const left = createSseStream(signal)
  assert.not.ok(left.signal.aborted)
  left.stream.destroy()
  await new Promise((resolve) => left.stream.once('close', resolve))
  assert.ok(left.signal.aborted)
  const deaf = createSseStream(signal, { maxQueuedBytes: 100 })
  for (let n = 0; n < 20; n += 1) deaf.send(null, 'a word and another')
  await new Promise((resolve) => deaf.stream.once('close', resolve))
  assert.ok(deaf.signal.aborted)
})

test('heartbeats are comments', async () => {
  const quiet = createSseStream(signal, { heartbeatMs: 1 })
  const [first] = await quiet.stream.take(1).toArray()
  assert.is(String(first), ': heartbeat\n\n')
})
test.run()
