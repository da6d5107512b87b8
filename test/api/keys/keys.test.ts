import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SCOPES, scopeAllows } from '../../../node/agents/asker.ts'
import type { Key } from '../../../node/api/keys/key.ts'
import { createKeys } from '../../../node/api/keys/keys.ts'
import { ROUTES } from '../../../node/api/routes/table.ts'
import { VillageError } from '../../../node/errors.ts'
import { createLog } from '../../../node/log.ts'
import { startTestApi, type TestApi } from '../../helpers/api-server.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const log = createLog({ level: 'silent' })
const keys = suite('keys')

async function inFolder(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-keys-'))
  try {
    await run(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

keys('a key is known after a restart by its secret alone, which is nowhere in the folder', () =>
  inFolder(async (directory) => {
    const first = createKeys({ log }, { directory })
    await first.start()
    const { key, secret } = await first.create({ name: 'editor', scope: 'operate', tokensByDay: 100 })
    assert.match(secret, /^vk_[\w-]{43}$/)
    assert.equal(first.identify(secret), { kind: 'key', id: key.id, scope: 'operate' })
    first.admit(key.id)
    first.addTokens({ kind: 'key', id: key.id, scope: 'operate' }, { promptTokens: 7, completionTokens: 5 })
    await first.stop()

    const file = path.join(directory, 'keys.json')
    assert.is((await stat(file)).mode & 0o777, 0o600)
    for (const name of await readdir(directory))
      assert.not.match(await readFile(path.join(directory, name), 'utf8'), secret.slice(3))

    const second = createKeys({ log }, { directory })
    await second.start()
    assert.equal(second.identify(secret), { kind: 'key', id: key.id, scope: 'operate' })
    const [listed] = second.list()
    assert.equal(listed?.today, { requests: 1, promptTokens: 7, completionTokens: 5 })
    assert.is.not(listed?.lastUsedAtMs, null)
    assert.not.ok(JSON.stringify(second.list()).includes(secret))
    await second.revoke('editor')
    await second.stop()

    const third = createKeys({ log }, { directory })
    await third.start()
    assert.is(third.identify(secret), null)
    assert.equal(third.list(), [])
  }),
)

keys('no other text is a key', () =>
  inFolder(async (directory) => {
    const service = createKeys({ log }, { directory })
    await service.start()
    const { secret, key } = await service.create({ name: 'one' })
    const last = secret.at(-1) === 'A' ? 'B' : 'A'
    for (const other of [
      '',
      'vk_',
      key.id,
      secret.slice(3),
      `${secret}A`,
      secret.slice(0, -1) + last,
      secret.slice(0, -1),
    ])
      assert.is(service.identify(other), null, other)
    await service.stop()
  }),
)

keys('a revoked or expired key: refused, its signal aborts, its name is free', () =>
  inFolder(async (directory) => {
    let nowMs = 1_000_000
    const service = createKeys({ log }, { directory, now: () => nowMs })
    await service.start()
    const kept = await service.create({ name: 'kept', expiresInMs: 60_000 })
    const gone = await service.create({ name: 'gone' })
    const signal = service.signal(gone.key.id)
    await rejectsCode(service.create({ name: 'gone' }), 'KEY_NAME_TAKEN')
    assert.not.ok(signal.aborted)
    await service.revoke(gone.key.id)
    assert.ok(signal.aborted)
    assert.is((signal.reason as VillageError).code, 'API_UNAUTHORIZED')
    assert.ok(service.signal(gone.key.id).aborted)
    await rejectsCode(service.revoke('gone'), 'KEY_UNKNOWN')
    await service.create({ name: 'gone' })
    nowMs += 60_000
    assert.throws(
      () => service.identify(kept.secret),
      (error: unknown) => error instanceof VillageError && /expired/.test(error.message),
    )
    await service.stop()
  }),
)

keys('a key that has expired is told of, now and at the next start', () =>
  inFolder(async (directory) => {
    const expired: string[] = []
    const make = (now: () => number) =>
      createKeys({ log }, { directory, now, onExpired: (id) => expired.push(id) })
    const first = make(() => 1_000_000)
    await first.start()
    const { key } = await first.create({ name: 'short', expiresInMs: 60_000 })
    await first.create({ name: 'long' })
    await first.stop()
    assert.equal(expired, [])
    const second = make(() => 2_000_000)
    await second.start()
    assert.equal(expired, [key.id])
    await second.stop()
  }),
)

keys('names are checked, and there are only so many keys', () =>
  inFolder(async (directory) => {
    const service = createKeys({ log }, { directory })
    await service.start()
    for (const name of ['', 'A', '.x', 'a b', 'x'.repeat(65)])
      await rejectsCode(service.create({ name }), 'INVALID_ARGUMENT')
    await Promise.all(Array.from({ length: 256 }, (_, n) => service.create({ name: `key-${n}` })))
    await rejectsCode(service.create({ name: 'more' }), 'KEYS_FULL')
    await service.stop()
  }),
)

keys('a damaged file stops the start: guessing could bring a revoked key back', () =>
  inFolder(async (directory) => {
    for (const text of ['', '{', '{"version":2,"keys":[]}', '{"version":1,"keys":[{}]}']) {
      await writeFile(path.join(directory, 'keys.json'), text)
      await rejectsCode(createKeys({ log }, { directory }).start(), 'DATA_CORRUPT')
    }
  }),
)
keys.run()

const http = suite('keys over HTTP')
let server: TestApi
const secrets = new Map<string, string>()
http.before(async () => {
  server = await startTestApi({ config: { 'api.requestsByMinute': 1_000_000 } })
  for (const scope of SCOPES) secrets.set(scope, (await makeKey({ name: scope, scope })).secret)
})
http.after(() => server.close())

async function makeKey(body: object): Promise<{ key: Key; secret: string }> {
  const made = await server.ask('/api/v1/keys', { method: 'POST', body })
  assert.is(made.status, 201, made.bytes.toString())
  return made.json
}

for (const scope of SCOPES)
  http(`a key of scope ${scope} gets what its scope holds and 403 for the rest, on every route`, async () => {
    for (const row of ROUTES) {
      // A field that no row knows: what the scope lets through is refused before it does anything.
      const target = `${row.path.replace(/:\w+/g, 'x')}?surprise=1`
      const upload = row.body?.kind === 'stream'
      const answer = await server.ask(target, {
        method: row.method,
        token: secrets.get(scope)!,
        ...(upload && {
          body: 'x',
          headers: { 'content-type': (row.body as { mediaType: string }).mediaType },
        }),
        ...(row.body?.kind === 'json' && { body: {} }),
      })
      const what = `${row.method} ${row.path} (${row.scope})`
      if (row.scope === 'public' || scopeAllows(scope, row.scope)) assert.is.not(answer.status, 403, what)
      else {
        assert.is(answer.status, 403, what)
        assert.match(answer.bytes.toString(), /"API_SCOPE"/, what)
      }
      assert.is.not(answer.status, 401, what)
    }
  })

http(
  'every route that changes something needs more than `ask`, and what touches keys and members needs `admin`',
  () => {
    const reading = [
      'searchPassages',
      'askQuestion',
      'generateText',
      'embedTexts',
      'compareEvaluations',
      'verifyLedger',
    ]
    for (const row of ROUTES) {
      if (row.scope === 'public' || row.path.startsWith('/api/v1') === false) continue
      if (row.method === 'GET') continue
      if (row.path.startsWith('/api/v1/keys') || row.path.startsWith('/api/v1/members'))
        assert.is(row.scope, 'admin', row.id)
      if (row.scope === 'read') throw new Error(`${row.id} changes something and needs only read`)
      // What somebody said is theirs to erase.
      if (row.path.startsWith('/api/v1/conversations')) continue
      if (row.scope === 'ask' && !reading.includes(row.id) && !/^ask/.test(row.id))
        throw new Error(`${row.id}: is it only asking?`)
    }
  },
)

http('a rate: 429 with Retry-After, and headers that count down', async () => {
  const { secret } = await makeKey({ name: 'slow', scope: 'read', requestsByMinute: 2 })
  const answers = []
  for (let n = 0; n < 3; n += 1) answers.push(await server.ask('/api/v1/status', { token: secret }))
  assert.equal(
    answers.map(({ status, headers }) => [status, headers['x-ratelimit-remaining-requests']]),
    [
      [200, '1'],
      [200, '0'],
      [429, '0'],
    ],
  )
  assert.is(answers[2]!.json.code, 'KEY_RATE_LIMITED')
  assert.ok(Number(answers[2]!.headers['retry-after']) >= 1)
})

http('a day’s requests: 429 until midnight', async () => {
  const { secret } = await makeKey({ name: 'daily', scope: 'read', requestsByDay: 1 })
  assert.is((await server.ask('/api/v1/status', { token: secret })).status, 200)
  const refused = await server.ask('/api/v1/status', { token: secret })
  assert.equal([refused.status, refused.json.code], [429, 'KEY_QUOTA_SPENT'])
})

http('tokens of every way to a model count: generation, embeddings, the gateway', async () => {
  const file = path.join(server.directory, 'story.onnx')
  await writeFile(file, 'graph')
  const { id } = await server.services.models.add({ path: file })
  await server.services.models.add({ embedded: 'encoder' })
  const { secret, key } = await makeKey({ name: 'counted', tokensByDay: 1_000 })
  const used = async () => {
    const { today } = (await server.ask('/api/v1/keys')).json.keys.find((row: Key) => row.id === key.id)
    return today.promptTokens + today.completionTokens
  }
  const calls: [target: string, body: object][] = [
    [`/api/v1/models/${id}/generate`, { prompt: 'one two', maxTokens: 3 }],
    [`/api/v1/models/${id}/generate`, { prompt: 'one two', maxTokens: 3, stream: true }],
    ['/api/v1/models/encoder/embed', { texts: ['one', 'two words'] }],
    ['/v1/embeddings', { model: 'encoder', input: ['one', 'two words'] }],
    ['/v1/chat/completions', { model: 'echo', messages: [{ role: 'user', content: 'one two' }] }],
    ['/v1/responses', { model: 'echo', input: 'one two' }],
  ]
  for (const [target, body] of calls) {
    const before = await used()
    assert.is((await server.ask(target, { method: 'POST', body, token: secret })).status, 200, target)
    assert.ok((await used()) > before, target)
  }
})

http('a revoked key ends the stream that runs under it, and is refused', async () => {
  const { secret } = await makeKey({ name: 'watcher', scope: 'read' })
  const stream = await fetch(`${server.api.url()}/api/v1/events`, {
    headers: { authorization: `Bearer ${secret}` },
  })
  assert.is(stream.status, 200)
  await server.ask('/api/v1/keys/watcher', { method: 'DELETE' })
  await stream.text()
  assert.is((await server.ask('/api/v1/status', { token: secret })).status, 401)
})

http('what a key said goes with the key: revoked by its owner', async () => {
  const { secret, key } = await makeKey({ name: 'talker', scope: 'ask' })
  const speaker = { kind: 'key', id: key.id, scope: 'ask' } as const
  const { conversations } = server.services
  await server.ask('/api/v1/conversations', { method: 'POST', token: secret })
  await server.ask('/api/v1/conversations', { method: 'POST' })
  assert.is(conversations.list(speaker).length, 1)
  assert.is((await server.ask('/api/v1/keys/talker', { method: 'DELETE' })).status, 200)
  assert.is(conversations.list(speaker).length, 0)
  assert.ok(conversations.list({ kind: 'owner', id: 'owner', scope: 'admin' }).length > 0)
})

http('a page of another origin: refused, unless the configuration names it', async () => {
  const open = await startTestApi({ config: { 'api.corsOrigins': ['https://app.example'] } })
  try {
    const origin = 'https://app.example'
    const asked = {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,x-stainless-os,x-evil',
    }
    const before = await open.ask('/api/v1/search', { method: 'OPTIONS', token: null, headers: asked })
    assert.is(before.status, 204)
    assert.is(before.headers['access-control-allow-origin'], origin)
    assert.is(before.headers['access-control-allow-credentials'], undefined)
    assert.match(String(before.headers['access-control-allow-headers']), /authorization.*x-stainless-os$/)
    const answer = await open.ask('/api/v1/status', { headers: { origin, 'sec-fetch-site': 'cross-site' } })
    assert.equal([answer.status, answer.headers['access-control-allow-origin']], [200, origin])
    assert.is((await open.ask('/api/v1/status', { token: null, headers: { origin } })).status, 401)
    for (const other of [
      'https://app.example.evil',
      'http://app.example',
      'https://app.example:444',
      'null',
    ]) {
      const refused = await open.ask('/api/v1/status', { headers: { origin: other } })
      assert.is(refused.status, 403, other)
      assert.is(refused.headers['access-control-allow-origin'], undefined)
      const preflight = await open.ask('/api/v1/status', {
        method: 'OPTIONS',
        token: null,
        headers: { ...asked, origin: other },
      })
      assert.is(preflight.status, 403, other)
    }
    const rebound = await open.ask('/api/v1/status', { headers: { origin, host: 'evil.example' } })
    assert.is(rebound.status, 403)
  } finally {
    await open.close()
  }
  const closed = await server.ask('/api/v1/status', { headers: { origin: 'https://app.example' } })
  assert.is(closed.status, 403)
})
http.run()
