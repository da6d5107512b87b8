import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ERRORS, isErrorCode } from '../../node/errors.ts'
import { type Ask, startTestApi, type TestApi } from '../helpers/api-server.ts'

const test = suite('api attacks')

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

test('strangers and pages of other sites use up nothing of what the owner may ask', () =>
  withApi(
    async ({ ask }) => {
      for (let index = 0; index < 12; index++) {
        await ask('/api/v1/status', { token: null })
        await ask('/api/v1/status', { headers: { origin: 'https://evil.example' } })
        await ask('/healthz', { token: null, headers: { 'sec-fetch-site': 'cross-site' } })
      }
      assert.is((await ask('/api/v1/status', { token: null })).status, 429)
      assert.is((await ask('/api/v1/status')).status, 200)
    },
    { config: { 'api.requestsByMinute': 40 } },
  ))

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

test.run()
