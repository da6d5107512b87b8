/** The API as a service: start, stop, files in the data directory, failures, logs, metrics. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../node/api/api.ts'
import { VillageError } from '../../node/errors.ts'
import { createLog } from '../../node/log.ts'
import { askHttp, startTestApi, type TestApi } from '../helpers/api-server.ts'
import { createMemoryServices } from '../helpers/memory-services.ts'

const test = suite('api server')

async function withApi(
  run: (server: TestApi) => Promise<void>,
  init: Parameters<typeof startTestApi>[0] = {},
) {
  const server = await startTestApi(init)
  try {
    await run(server)
  } finally {
    await server.close()
  }
}

test('a client that goes away aborts what it asked for', () =>
  withApi(async ({ api, services, token }) => {
    const aborted = Promise.withResolvers<unknown>()
    services.artifacts.fetch = (_cid, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted.resolve(signal.reason)
          reject(signal.reason)
        })
        socket.destroy()
      })
    const { port, hostname } = new URL(api.url())
    const socket = connect(Number(port), hostname)
    socket.write(
      `POST /api/v1/artifacts/x/fetch HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    )
    assert.is(((await aborted.promise) as VillageError).code, 'ABORTED')
  }))

test('stop aborts what is in flight, answers it and closes the server', async () => {
  const server = await startTestApi()
  const started = Promise.withResolvers<void>()
  server.services.artifacts.fetch = (_cid, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      started.resolve()
    })
  const pending = server.ask('/api/v1/artifacts/x/fetch', { method: 'POST', body: {} })
  await started.promise
  await Promise.all([server.close(), server.close()])
  const answer = await pending
  assert.is(answer.status, 503)
  assert.is(answer.json.code, 'SHUTTING_DOWN')
})

test('the token is a 0600 file that is kept, and api.json tells where the API is while it is there', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-api-'))
  try {
    const services = createMemoryServices()
    const run = async () => {
      const api = createApi(services, { directory, version: '0.1.0', startedAtMs: 1 })
      await api.start(new AbortController().signal)
      const address = JSON.parse(await readFile(path.join(directory, 'api.json'), 'utf8'))
      assert.is(address.url, api.url())
      assert.is(address.pid, process.pid)
      for (const file of ['api.json', 'api.token'])
        assert.is((await stat(path.join(directory, file))).mode & 0o777, 0o600, file)
      const link = new URL(api.dashboardLink())
      assert.is(link.search, '')
      const token = new URLSearchParams(link.hash.slice(1)).get('token')!
      assert.is(Buffer.from(token, 'base64url').length, 32)
      assert.is((await askHttp(api.url(), '/api/v1/status', { token })).status, 200)
      await api.stop()
      await stat(path.join(directory, 'api.json')).then(
        () => assert.unreachable(),
        (error: NodeJS.ErrnoException) => assert.is(error.code, 'ENOENT'),
      )
      return token
    }
    const first = await run()
    assert.is(await run(), first)
    await writeFile(path.join(directory, 'api.token'), 'short\n')
    assert.is.not(await run(), first)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('the token never reaches the log', async () => {
  let lines = ''
  const log = createLog({ level: 'trace', destination: { write: (line: string) => (lines += line) } })
  const server = await startTestApi({ log })
  await server.ask('/api/v1/status')
  await server.ask('/api/v1/village/join', { method: 'POST', body: { invite: 'village1topsecret' } })
  await server.close()
  assert.ok(lines.includes('request answered'))
  assert.not.ok(lines.includes(server.token))
  assert.not.ok(lines.includes('topsecret'))
})

test('a busy port is told with the key that sets another', async () => {
  const blocker = createServer()
  const port = await new Promise<number>((resolve) =>
    blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port)),
  )
  try {
    await startTestApi({ config: { 'api.port': port } })
    assert.unreachable()
  } catch (error) {
    assert.instance(error, VillageError)
    assert.is((error as VillageError).code, 'PORT_BUSY')
    assert.match((error as VillageError).message, /api\.port/)
  } finally {
    await new Promise((resolve) => blocker.close(resolve))
  }
})

test('an address that is not of this machine is told', async () => {
  try {
    await startTestApi({ config: { 'api.host': '192.0.2.1' } })
    assert.unreachable()
  } catch (error) {
    assert.is((error as VillageError).code, 'ADDRESS_UNAVAILABLE')
  }
})

test('a failure inside a route says no more than its code and its place in the log', () =>
  withApi(async ({ ask, services }) => {
    services.models.list = async () => {
      throw new TypeError('cannot read secret of undefined')
    }
    const answer = await ask('/api/v1/models')
    assert.is(answer.status, 500)
    assert.is(answer.json.code, 'INTERNAL')
    assert.not.match(answer.bytes.toString(), /secret/)
  }))

test('only a failure that nobody foresaw is an error in the log', async () => {
  let lines = ''
  const log = createLog({ level: 'trace', destination: { write: (line: string) => (lines += line) } })
  const server = await startTestApi({ log })
  const failed = Promise.withResolvers<unknown>()
  server.services.artifacts.addStream = async (source) => {
    try {
      for await (const _ of source) socket.destroy()
      throw new Error('the body was whole')
    } catch (error) {
      failed.resolve(error)
      throw error
    }
  }
  const answer = await server.ask('/api/v1/artifacts/x/fetch', { method: 'POST', body: {} })
  assert.is(answer.json.code, 'ARTIFACT_UNAVAILABLE')
  const { port, hostname } = new URL(server.api.url())
  const socket = connect(Number(port), hostname)
  socket.write(
    `POST /api/v1/artifacts HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${server.token}\r\nContent-Type: application/octet-stream\r\nContent-Length: 99\r\n\r\nhalf`,
  )
  assert.is(((await failed.promise) as { code?: string }).code, 'ECONNRESET')
  await server.close()
  const records = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: number; code?: string; err?: unknown })
  const codes = records.flatMap(({ level, code, err }) => (code === undefined ? [] : [{ level, code, err }]))
  assert.equal(codes, [
    { level: 30, code: 'ARTIFACT_UNAVAILABLE', err: undefined },
    { level: 20, code: 'ABORTED', err: undefined },
  ])
  assert.ok(records.every(({ level }) => level < 50))
})

test('force reaches the store and the village as a boolean, and only when it is given', () =>
  withApi(async ({ ask, services }) => {
    const given: unknown[] = []
    services.artifacts.info = async (cid) => ({
      cid,
      sizeBytes: 1,
      name: null,
      kind: 'file',
      pins: ['model:m'],
      addedAtMs: 1,
      complete: true,
    })
    services.artifacts.remove = async (cid, options) => {
      given.push({ ...options })
      if (options?.force !== true)
        throw new VillageError('ARTIFACT_PINNED', 'The artifact is needed by model:m', { fields: { cid } })
    }
    services.villages.leave = async (options) => {
      given.push({ ...options })
    }
    const refused = await ask('/api/v1/artifacts/x', { method: 'DELETE' })
    assert.is(refused.status, 409)
    assert.is(refused.json.detail, 'The artifact is needed by model:m')
    assert.is((await ask('/api/v1/artifacts/x?force=true', { method: 'DELETE' })).status, 200)
    assert.is((await ask('/api/v1/village/leave', { method: 'POST' })).status, 200)
    assert.is((await ask('/api/v1/village/leave?force=true', { method: 'POST' })).status, 200)
    assert.is((await ask('/api/v1/village/leave?force=perhaps', { method: 'POST' })).status, 400)
    assert.equal(given, [{}, { force: true }, {}, { force: true }])
  }))

test('metrics count what the services hold', () =>
  withApi(async ({ ask, services }) => {
    await services.villages.join('village1abc', { signal: new AbortController().signal })
    const { id } = await services.jobs.submit({ kind: 'compress', params: {} })
    services.finishTask(id, 0, 'peer')
    const text = (await ask('/metrics')).bytes.toString()
    for (const line of [
      'village_peers{role="admin"} 1',
      'village_jobs{state="running"} 1',
      'village_tasks{state="done"} 1',
      'village_tasks{state="ready"} 3',
      'village_pool_threads 1',
      'village_accepting 1',
      'village_build_info{version="0.1.0",native="false",simd="none"} 1',
    ])
      assert.ok(text.includes(line), line)
    const p99 = Number(/village_event_loop_delay_seconds\{quantile="0.99"\} (\S+)/.exec(text)?.[1])
    assert.ok(p99 >= 0 && Number.isFinite(p99))
    assert.match(text, /^process_resident_memory_bytes \d+/m)
    assert.match(
      (await ask('/metrics')).bytes.toString(),
      /village_http_requests_total\{route="\/metrics",status="200"\} 1/,
    )
  }))

test.run()
