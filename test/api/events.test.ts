/** The stream of events: resuming, gaps, slow readers, bounds. */
import { request as httpRequest } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createEventStream } from '../../node/api/event-stream.ts'
import { createEvents } from '../../node/events.ts'
import { startTestApi, type TestApi } from '../helpers/api-server.ts'

const test = suite('api events')

interface Follower {
  frames: Record<string, string>[]
  status: number
  /** Resolves when so many frames have come. */
  until(count: number): Promise<void>
  ended: Promise<void>
  destroy(): void
}

function follow(
  { api, token }: TestApi,
  init: { query?: string; lastEventId?: string } = {},
): Promise<Follower> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      new URL(`/api/v1/events${init.query ?? ''}`, api.url()),
      {
        agent: false,
        headers: {
          authorization: `Bearer ${token}`,
          ...(init.lastEventId === undefined ? {} : { 'last-event-id': init.lastEventId }),
        },
      },
      (response) => {
        const frames: Record<string, string>[] = []
        let rest = ''
        let wake = () => {}
        const ended = Promise.withResolvers<void>()
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          rest += chunk
          const blocks = rest.split('\n\n')
          rest = blocks.pop()!
          for (const block of blocks) {
            const frame = Object.fromEntries(
              block
                .split('\n')
                .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
            )
            if (frame.event !== undefined) frames.push(frame)
          }
          wake()
        })
        response.on('error', () => {})
        response.on('close', () => {
          ended.resolve()
          wake()
        })
        resolve({
          frames,
          status: response.statusCode ?? 0,
          async until(count) {
            while (frames.length < count)
              await new Promise<void>((woken) => {
                wake = woken
              })
          },
          ended: ended.promise,
          destroy: () => response.destroy(),
        })
      },
    )
    request.on('error', reject)
    request.end()
  })
}

async function withApi(run: (server: TestApi) => Promise<void>): Promise<void> {
  const server = await startTestApi()
  try {
    await run(server)
  } finally {
    await server.close()
  }
}

test('a new client gets hello and then what happens', () =>
  withApi(async (server) => {
    server.services.events.emit('model:added', { id: 'before', name: 'before' })
    const client = await follow(server)
    await client.until(1)
    assert.is(client.frames[0]!.event, 'hello')
    server.services.events.emit('model:added', { id: 'after', name: 'after' })
    await client.until(2)
    assert.is(client.frames[1]!.event, 'model:added')
    assert.is(JSON.parse(client.frames[1]!.data!).id, 'after')
    client.destroy()
  }))

test('a client that comes back gets what it missed, exactly once and in order', () =>
  withApi(async (server) => {
    const { events } = server.services
    const first = await follow(server)
    await first.until(1)
    events.emit('model:removed', { id: '1' })
    await first.until(2)
    const lastEventId = first.frames[1]!.id!
    first.destroy()
    events.emit('model:removed', { id: '2' })
    events.emit('model:removed', { id: '3' })
    const second = await follow(server, { lastEventId })
    events.emit('model:removed', { id: '4' })
    await second.until(4)
    assert.equal(
      second.frames.map((frame) => (frame.event === 'hello' ? 'hello' : JSON.parse(frame.data!).id)),
      ['hello', '2', '3', '4'],
    )
    second.destroy()
  }))

test('a client that was away too long, or before a restart, is told that there is a gap', () =>
  withApi(async (server) => {
    const { events } = server.services
    const client = await follow(server)
    await client.until(1)
    const hello = client.frames[0]!.id!
    client.destroy()
    for (let index = 0; index < 1_100; index++) events.emit('model:removed', { id: String(index) })
    for (const lastEventId of [hello, 'otherinstance.5', 'nonsense', '']) {
      const late = await follow(server, { lastEventId })
      await late.until(1)
      assert.is(late.frames[0]!.event, 'gap', lastEventId)
      late.destroy()
    }
  }))

test('types choose events', () =>
  withApi(async (server) => {
    const client = await follow(server, { query: '?types=model:added' })
    await client.until(1)
    server.services.events.emit('model:removed', { id: 'x' })
    server.services.events.emit('model:added', { id: 'y', name: 'y' })
    await client.until(2)
    assert.is(client.frames[1]!.event, 'model:added')
    client.destroy()
  }))

test('clients beyond the limit are refused, and leaving makes room', () =>
  withApi(async (server) => {
    const clients = await Promise.all(Array.from({ length: 64 }, () => follow(server)))
    const refused = await server.ask('/api/v1/events')
    assert.is(refused.status, 503)
    assert.is(refused.json.code, 'API_TOO_MANY_CLIENTS')
    for (const client of clients) client.destroy()
    // The server hears of the closed sockets in its own time.
    let status = 503
    while (status === 503) {
      const again = await follow(server)
      status = again.status
      again.destroy()
    }
    assert.is(status, 200)
  }))

test('stop ends the streams', async () => {
  const server = await startTestApi()
  const client = await follow(server)
  await client.until(1)
  await Promise.all([server.close(), client.ended])
})

test('a client that does not read is cut off at its bound, and holds no listener', () => {
  const events = createEvents()
  let listeners = 0
  const stream = createEventStream({
    events: {
      ...events,
      subscribe(listener) {
        listeners += 1
        const unsubscribe = events.subscribe(listener)
        return () => {
          listeners -= 1
          unsubscribe()
        }
      },
    },
    instance: 'i',
    lastEventId: null,
    types: null,
    signal: new AbortController().signal,
    maxQueuedBytes: 2_000,
  })
  assert.is(listeners, 1)
  for (let index = 0; index < 1_000 && !stream.destroyed; index++)
    events.emit('model:removed', { id: String(index) })
  assert.ok(stream.destroyed)
  assert.ok(stream.readableLength <= 2_000)
  return new Promise<void>((resolve) =>
    stream.once('close', () => {
      assert.ok(listeners <= 0)
      resolve()
    }),
  )
})

test('a quiet stream sends heartbeats', async () => {
  const stream = createEventStream({
    events: createEvents(),
    instance: 'i',
    lastEventId: null,
    types: null,
    signal: new AbortController().signal,
    heartbeatMs: 1,
  })
  let text = ''
  for await (const chunk of stream) {
    text += chunk
    if (text.includes(': heartbeat\n\n')) break
  }
  assert.match(text, /^retry: \d+\n\nid: i\.0\nevent: hello\n/)
})

test.run()
