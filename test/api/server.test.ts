/** The server as an attacker or an unlucky client meets it, and its files and lifecycle. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../node/api/api.ts'
import { ERRORS, isErrorCode, VillageError } from '../../node/errors.ts'
import { createLog } from '../../node/log.ts'
import { type Ask, askHttp, startTestApi, type TestApi } from '../helpers/api-server.ts'
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

const ATTACKS: Record<string, { target?: string; ask: Ask; status: number; code: string }> = {
  'no token': { ask: { token: null }, status: 401, code: 'API_UNAUTHORIZED' },
  'a wrong token': { ask: { token: 'A'.repeat(43) }, status: 401, code: 'API_UNAUTHORIZED' },
  'the token in the query': {
    target: '/api/v1/status?token=x',
    ask: { token: null },
    status: 401,
    code: 'API_UNAUTHORIZED',
  },
  'an unknown path without a token': {
    target: '/api/v1/secrets',
    ask: { token: null },
    status: 401,
    code: 'API_UNAUTHORIZED',
  },
  'a foreign Host': { ask: { headers: { host: 'evil.example' } }, status: 403, code: 'API_ORIGIN_REFUSED' },
  'a foreign Origin': {
    ask: { headers: { origin: 'https://evil.example' } },
    status: 403,
    code: 'API_ORIGIN_REFUSED',
  },
  'the null Origin': { ask: { headers: { origin: 'null' } }, status: 403, code: 'API_ORIGIN_REFUSED' },
  'a cross-site fetch': {
    ask: { headers: { 'sec-fetch-site': 'cross-site' } },
    status: 403,
    code: 'API_ORIGIN_REFUSED',
  },
  'an unknown path': { target: '/api/v1/secrets', ask: {}, status: 404, code: 'API_ROUTE_UNKNOWN' },
  'an unknown method': { ask: { method: 'DELETE' }, status: 405, code: 'API_METHOD_NOT_ALLOWED' },
  'bad JSON': {
    target: '/api/v1/village',
    ask: { method: 'POST', body: '{"name": ', headers: { 'content-type': 'application/json' } },
    status: 400,
    code: 'API_BODY_MALFORMED',
  },
  'an empty JSON body': {
    target: '/api/v1/village',
    ask: { method: 'POST', headers: { 'content-type': 'application/json' } },
    status: 400,
    code: 'API_BODY_MALFORMED',
  },
  'a prototype in JSON': {
    target: '/api/v1/village',
    ask: {
      method: 'POST',
      body: '{"name":"x","__proto__":{"open":true}}',
      headers: { 'content-type': 'application/json' },
    },
    status: 400,
    code: 'API_BODY_MALFORMED',
  },
  'no body where one is needed': {
    target: '/api/v1/village',
    ask: { method: 'POST' },
    status: 400,
    code: 'INVALID_ARGUMENT',
  },
  'a field of the wrong type': {
    target: '/api/v1/village',
    ask: { method: 'POST', body: { name: 7 } },
    status: 400,
    code: 'INVALID_ARGUMENT',
  },
  'an empty name': {
    target: '/api/v1/village',
    ask: { method: 'POST', body: { name: '' } },
    status: 400,
    code: 'INVALID_ARGUMENT',
  },
  'a role that does not exist': {
    target: '/api/v1/village/invites',
    ask: { method: 'POST', body: { role: 'king', expiresInMs: 1000, uses: 1 } },
    status: 400,
    code: 'INVALID_ARGUMENT',
  },
  'a huge JSON body': {
    target: '/api/v1/village',
    ask: { method: 'POST', body: { name: 'x'.repeat(2 ** 20) } },
    status: 413,
    code: 'API_BODY_TOO_LARGE',
  },
  'a form': {
    target: '/api/v1/village',
    ask: { method: 'POST', body: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    status: 415,
    code: 'API_MEDIA_TYPE',
  },
  'a relative path to add': {
    target: '/api/v1/artifacts/path',
    ask: { method: 'POST', body: { path: '../../etc/passwd' } },
    status: 400,
    code: 'INVALID_ARGUMENT',
  },
  'an id that is too long': {
    target: `/api/v1/jobs/${'x'.repeat(400)}`,
    ask: {},
    status: 400,
    code: 'INVALID_ARGUMENT',
  },
  'a path that cannot be decoded': {
    target: '/api/v1/jobs/%E0%A4%A',
    ask: {},
    status: 404,
    code: 'API_ROUTE_UNKNOWN',
  },
}

for (const [name, { target = '/api/v1/status', ask, status, code }] of Object.entries(ATTACKS))
  test(`${name} is refused with problem details`, () =>
    withApi(async (server) => {
      const answer = await server.ask(target, ask)
      assert.is(answer.status, status, answer.bytes.toString())
      assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/)
      assert.is(answer.json.code, code)
      assert.is(answer.json.status, status)
      assert.ok(isErrorCode(code))
      assert.is(answer.json.title, ERRORS[code as keyof typeof ERRORS].title)
      assert.is(answer.json.fix, ERRORS[code as keyof typeof ERRORS].fix)
      assert.not.match(answer.bytes.toString(), /at .*\.ts:|node_modules/)
      // The type leads to what the code means, without a token.
      const described = await server.ask(answer.json.type, { token: null })
      assert.is(described.json.code, code)
    }))

test('405 names the methods that there are', () =>
  withApi(async ({ ask }) => {
    assert.is((await ask('/api/v1/village', { method: 'PUT' })).headers.allow, 'GET, POST')
  }))

test('a validation failure names the field and suggests the right one', () =>
  withApi(async ({ ask }) => {
    const { json } = await ask('/api/v1/village', { method: 'POST', body: { nam: 'x' } })
    assert.match(json.detail, /body\.name is required|did you mean "name"/)
    const typo = await ask('/api/v1/village', { method: 'POST', body: { name: 'x', opne: true } })
    assert.is(typo.json.detail, 'body.opne is not known; did you mean "open"?')
  }))

test('every answer carries the security headers, and nothing is cached', () =>
  withApi(async ({ ask }) => {
    for (const target of ['/healthz', '/api/v1/status', '/api/v1/nothing', '/']) {
      const { headers } = await ask(target)
      assert.is(headers['x-content-type-options'], 'nosniff', target)
      assert.is(headers['referrer-policy'], 'no-referrer', target)
      const policy = String(headers['content-security-policy'])
      assert.match(policy, /default-src 'none'/)
      assert.not.match(policy, /unsafe/)
      assert.is(headers['access-control-allow-origin'], undefined)
    }
  }))

test('too many requests are told to wait, and guessing tokens counts', () =>
  withApi(
    async ({ ask }) => {
      const statuses: number[] = []
      for (let index = 0; index < 12; index++)
        statuses.push((await ask('/api/v1/status', { token: 'guess' })).status)
      assert.equal(statuses.slice(0, 10), Array(10).fill(401))
      assert.is(statuses.at(-1), 429)
      const refused = await ask('/healthz')
      assert.is(refused.json.code, 'API_RATE_LIMITED')
      assert.ok(Number(refused.headers['retry-after']) >= 1)
    },
    { config: { 'api.requestsByMinute': 40 } },
  ))

for (const target of [
  '/dashboard/../../package.json',
  '/dashboard/..%2f..%2fpackage.json',
  '/dashboard/%2e%2e/%2e%2e/errors.ts',
  '/dashboard/lib/../../server.ts',
  '/dashboard/....//server.ts',
  '/dashboard//etc/passwd',
  '/dashboard/app.js%00.html',
  '/dashboard/',
  '/..%5c..%5cpackage.json',
])
  test(`no file is reached by ${target}`, () =>
    withApi(async ({ ask }) => {
      const answer = await ask(target)
      assert.is(answer.status, 404, target)
      assert.is(answer.json.code, 'API_ROUTE_UNKNOWN')
    }))

test('the dashboard needs no token, has no inline code and is told apart by its etag', () =>
  withApi(async ({ ask }) => {
    const page = await ask('/', { token: null })
    assert.is(page.status, 200)
    assert.match(page.headers['content-type'] ?? '', /text\/html/)
    const html = page.bytes.toString()
    assert.not.match(html, /<script(?![^>]*src=)|<style| style=| on\w+=/)
    const sources = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]!)
    assert.ok(sources.length >= 4)
    for (const source of sources) {
      const file = await ask(source, { token: null })
      assert.is(file.status, 200, source)
      const again = await ask(source, { token: null, headers: { 'if-none-match': file.headers.etag } })
      assert.is(again.status, 304)
    }
  }))

test('every module that a dashboard module imports is served', () =>
  withApi(async ({ ask }) => {
    const seen = new Set<string>()
    const queue = ['/dashboard/app.js']
    for (let target = queue.pop(); target !== undefined; target = queue.pop()) {
      if (seen.has(target)) continue
      seen.add(target)
      const file = await ask(target, { token: null })
      assert.is(file.status, 200, target)
      assert.match(file.headers['content-type'] ?? '', /javascript/)
      for (const [, specifier] of file.bytes.toString().matchAll(/from ?['"]([^'"]+)['"]/g))
        queue.push(new URL(specifier!, `http://x${target}`).pathname)
    }
    assert.ok(seen.has('/dashboard/lib/preact.js') && seen.has('/dashboard/lib/hooks.js'))
  }))

test('ranges of an artifact', () =>
  withApi(async ({ ask, services }) => {
    const bytes = Buffer.from(Array.from({ length: 3 * 2 ** 20 + 5 }, (_, index) => index % 251))
    const { cid } = await services.addArtifact(bytes, { name: 'großes "Ding".bin' })
    const target = `/api/v1/artifacts/${cid}/content`
    const whole = await ask(target)
    assert.is(whole.status, 200)
    assert.ok(whole.bytes.equals(bytes))
    assert.is(whole.headers['content-length'], String(bytes.length))
    assert.is(whole.headers['accept-ranges'], 'bytes')
    assert.is(
      whole.headers['content-disposition'],
      `attachment; filename*=UTF-8''gro%C3%9Fes%20%22Ding%22.bin`,
    )
    const middle = await ask(target, { headers: { range: 'bytes=1048570-2097160' } })
    assert.is(middle.status, 206)
    assert.ok(middle.bytes.equals(bytes.subarray(1_048_570, 2_097_161)))
    assert.is(middle.headers['content-range'], `bytes 1048570-2097160/${bytes.length}`)
    const tail = await ask(target, { headers: { range: 'bytes=-7' } })
    assert.ok(tail.bytes.equals(bytes.subarray(-7)))
    const beyond = await ask(target, { headers: { range: `bytes=${bytes.length}-` } })
    assert.is(beyond.status, 416)
    assert.is(beyond.headers['content-range'], `bytes */${bytes.length}`)
    assert.is((await ask(target, { headers: { range: 'bytes=0-0', 'if-range': '"other"' } })).status, 200)
    assert.is((await ask(target, { headers: { range: 'bytes=0-0', 'if-range': `"${cid}"` } })).status, 206)
    assert.is((await ask(target, { headers: { 'if-none-match': `"${cid}"` } })).status, 304)
  }))

test('an upload larger than the JSON limit is stored, one larger than the disk share is refused', () =>
  withApi(
    async ({ ask }) => {
      const headers = { 'content-type': 'application/octet-stream' }
      const stored = await ask('/api/v1/artifacts', {
        method: 'POST',
        body: Buffer.alloc(3 * 2 ** 20),
        headers,
      })
      assert.is(stored.status, 201)
      assert.is(stored.json.sizeBytes, 3 * 2 ** 20)
      const full = await ask('/api/v1/artifacts', {
        method: 'POST',
        body: Buffer.alloc(2 * 2 ** 20),
        headers,
      })
      assert.is(full.status, 507)
      assert.is(full.json.code, 'DISK_FULL')
    },
    { config: { 'resources.maxDiskBytes': 4 * 2 ** 20, 'api.maxBodyBytes': 2 ** 20 } },
  ))

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

test('bytes that are no HTTP get a short answer and the server goes on', () =>
  withApi(async ({ api, ask }) => {
    const { port, hostname } = new URL(api.url())
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write('\x16\x03\x01 hello\r\n\r\n'))
      let text = ''
      socket.on('data', (chunk) => (text += chunk))
      socket.on('close', () => resolve(text))
      socket.on('error', reject)
    })
    assert.match(answer, /^HTTP\/1\.1 400/)
    assert.is((await ask('/healthz')).status, 200)
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
