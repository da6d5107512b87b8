/** Every row of the route table, over real HTTP: guarded, described, and answering as its schema says. */

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CAR_MEDIA_TYPE } from '../../node/api/routes/artifacts.ts'
import type { Route } from '../../node/api/routes/route.ts'
import { ROUTES } from '../../node/api/routes/table.ts'
import { PROBLEM } from '../../node/api/schemas.ts'
import { isErrorCode } from '../../node/errors.ts'
import { AGENT_CALLS } from '../helpers/agent-calls.ts'
import { type Answer, startTestApi, type TestApi } from '../helpers/api-server.ts'
import { COLLECTION_CALLS } from '../helpers/collection-calls.ts'
import { type Call, FEDERATED_CALLS } from '../helpers/federated-calls.ts'
import { GATEWAY_CALLS } from '../helpers/gateway-calls.ts'
import { JOB_CALLS } from '../helpers/job-calls.ts'
import { SEGMENT } from '../helpers/memory-knowledge.ts'
import { FRIEND, SELF } from '../helpers/memory-services.ts'
import { PROTOCOL_CALLS } from '../helpers/protocol-calls.ts'
import { TWIN_CALLS } from '../helpers/twin-calls.ts'

const test = suite('api routes')
const ajv = new Ajv2020({ allErrors: true })
const isProblem = ajv.compile(PROBLEM)
const OCTETS = { 'content-type': 'application/octet-stream' }

/** How to call each row so that it succeeds; `prepare` brings the services into the state that it needs. */
const CALLS: Record<string, (server: TestApi) => Promise<Call>> = {
  getHealth: async () => ({ path: '/healthz' }),
  getMetrics: async () => ({ path: '/metrics' }),
  getStatus: async () => ({ path: '/api/v1/status' }),
  runDoctor: async () => ({ path: '/api/v1/doctor' }),
  getConfig: async () => ({ path: '/api/v1/config' }),
  changeConfig: async () => ({ path: '/api/v1/config', body: { changes: { 'jobs.work': false } } }),
  reloadConfig: async () => ({ path: '/api/v1/config/reload' }),
  takeBackup: async () => ({ path: '/api/v1/backup?artifacts=false' }),
  getCatalog: async () => ({ path: '/api/v1/catalog' }),
  getResources: async () => ({ path: '/api/v1/resources' }),
  getResourceHistory: async () => ({ path: '/api/v1/resources/history?seconds=3600' }),
  listEvents: async ({ services }) => {
    services.events.emit('model:removed', { id: 'gone' })
    return { path: '/api/v1/events/recent?limit=10' }
  },
  getError: async () => ({ path: '/api/v1/errors/PORT_BUSY' }),
  getOpenApi: async () => ({ path: '/api/v1/openapi.json' }),
  searchPassages: async () => ({
    path: '/api/v1/search',
    body: { query: 'lighthouse +keeper', explain: true, filters: ['language=en'], limit: 3 },
  }),
  askQuestion: async () => ({
    path: '/api/v1/ask',
    body: { question: 'Who was the first keeper of the lighthouse?', collections: ['town'] },
  }),
  readPassage: async () => ({ path: `/api/v1/passages/${SEGMENT}/0?around=2` }),
  ...COLLECTION_CALLS,
  createKey: async () => ({
    path: '/api/v1/keys',
    body: { name: 'editor', scope: 'ask', requestsByMinute: 60 },
  }),
  listKeys: async ({ ask }) => {
    await ask('/api/v1/keys', { method: 'POST', body: { name: 'editor' } })
    return { path: '/api/v1/keys' }
  },
  revokeKey: async ({ ask }) => {
    await ask('/api/v1/keys', { method: 'POST', body: { name: 'editor' } })
    return { path: '/api/v1/keys/editor' }
  },
  getVillage: async () => ({ path: '/api/v1/village' }),
  createVillage: async () => ({ path: '/api/v1/village', body: { name: 'Elm Street', open: true } }),
  createInvite: async ({ services }) => {
    await services.villages.create({ name: 'Elm Street', open: false })
    return { path: '/api/v1/village/invites', body: { role: 'member', expiresInMs: 60_000, uses: 1 } }
  },
  listInvites: async ({ services }) => {
    await services.villages.create({ name: 'Elm Street', open: false })
    await services.villages.invite({ role: 'member', expiresInMs: 60_000, uses: 1 })
    return { path: '/api/v1/village/invites' }
  },
  withdrawInvite: async ({ services }) => {
    await services.villages.create({ name: 'Elm Street', open: false })
    const { id } = await services.villages.invite({ role: 'member', expiresInMs: 60_000, uses: 1 })
    return { path: `/api/v1/village/invites/${id}` }
  },
  joinVillage: async () => ({ path: '/api/v1/village/join', body: { invite: ' village1abc\n' } }),
  leaveVillage: async ({ services }) => {
    await services.villages.create({ name: 'Elm Street', open: false })
    return { path: '/api/v1/village/leave' }
  },
  listMembers: async ({ services }) => {
    await services.villages.join('village1abc', { signal: new AbortController().signal })
    return { path: '/api/v1/members' }
  },
  revokeMember: async ({ services }) => {
    await services.villages.join('village1abc', { signal: new AbortController().signal })
    return { path: `/api/v1/members/${FRIEND}/revoke`, body: { reason: 'moved away' } }
  },
  listPeers: async ({ services }) => {
    await services.villages.join('village1abc', { signal: new AbortController().signal })
    return { path: '/api/v1/peers' }
  },
  dialPeer: async () => ({
    path: '/api/v1/peers/dial',
    body: { address: `/ip4/127.0.0.1/tcp/1/p2p/${SELF}` },
  }),
  listArtifacts: async (server) => {
    await artifact(server)
    return { path: '/api/v1/artifacts' }
  },
  uploadArtifact: async () => ({
    path: '/api/v1/artifacts?name=a.bin&pin=mine',
    body: 'bytes',
    headers: OCTETS,
  }),
  addArtifactPath: async ({ directory }) => {
    const file = path.join(directory, 'a file')
    await writeFile(file, 'content')
    return { path: '/api/v1/artifacts/path', body: { path: file, pin: 'mine' } }
  },
  collectArtifacts: async () => ({ path: '/api/v1/artifacts/gc' }),
  exportArtifacts: async (server) => ({ path: `/api/v1/artifacts/export?cids=${await artifact(server)}` }),
  importArtifacts: async () => ({
    path: '/api/v1/artifacts/import',
    body: Buffer.from('\x03\0\0\0abc'),
    headers: { 'content-type': CAR_MEDIA_TYPE },
  }),
  getArtifact: async (server) => ({ path: `/api/v1/artifacts/${await artifact(server)}` }),
  readArtifact: async (server) => ({ path: `/api/v1/artifacts/${await artifact(server)}/content` }),
  materializeArtifact: async (server) => ({
    path: `/api/v1/artifacts/${await artifact(server)}/materialize`,
    body: { directory: path.join(server.directory, 'out') },
  }),
  fetchArtifact: async (server) => ({
    path: `/api/v1/artifacts/${await artifact(server)}/fetch`,
    body: { pin: 'mine', providers: [FRIEND] },
  }),
  pinArtifact: async (server) => ({ path: `/api/v1/artifacts/${await artifact(server)}/pins/mine` }),
  unpinArtifact: async (server) => ({ path: `/api/v1/artifacts/${await artifact(server)}/pins/mine` }),
  removeArtifact: async (server) => ({ path: `/api/v1/artifacts/${await artifact(server)}` }),
  listModels: async ({ services }) => {
    await services.models.add({ embedded: 'encoder' })
    return { path: '/api/v1/models' }
  },
  addModel: async () => ({ path: '/api/v1/models', body: { embedded: 'encoder', id: 'mine' } }),
  inspectModel: async ({ services }) => {
    await services.models.add({ embedded: 'encoder' })
    return { path: '/api/v1/models/encoder' }
  },
  removeModel: async ({ services }) => {
    await services.models.add({ embedded: 'encoder' })
    return { path: '/api/v1/models/encoder' }
  },
  generateText: async ({ services, directory }) => {
    const file = path.join(directory, 'story.onnx')
    await writeFile(file, 'graph')
    const { id } = await services.models.add({ path: file })
    return { path: `/api/v1/models/${id}/generate`, body: { prompt: 'one two', maxTokens: 3 } }
  },
  embedTexts: async ({ services }) => {
    await services.models.add({ embedded: 'encoder' })
    return { path: '/api/v1/models/encoder/embed', body: { texts: ['one', 'two words'] } }
  },
  unpackModel: async ({ services, directory }) => {
    await services.models.add({ embedded: 'encoder' })
    return {
      path: '/api/v1/models/encoder/unpack',
      body: { directory: path.join(directory, 'out'), runtime: 'dense' },
    }
  },
  shareModel: async ({ services }) => {
    await services.models.add({ embedded: 'encoder' })
    return { path: '/api/v1/models/encoder/share', body: { shared: true } }
  },
  listShares: async () => ({ path: '/api/v1/shares' }),
  listPulls: async (server) => {
    await pull(server)
    return { path: '/api/v1/pulls' }
  },
  startPull: async () => ({
    path: '/api/v1/pulls',
    body: { source: 'somebody/model@v1', id: 'mine', include: ['extra/*.json'], hub: 'https://hub.test' },
  }),
  getPull: async (server) => ({ path: `/api/v1/pulls/${await pull(server)}` }),
  cancelPull: async (server) => ({ path: `/api/v1/pulls/${await pull(server)}` }),
  ...JOB_CALLS,
  ...FEDERATED_CALLS,
  ...AGENT_CALLS,
  ...GATEWAY_CALLS,
  ...PROTOCOL_CALLS,
  ...TWIN_CALLS,
}
/** Endless streams have test files of their own. */
const ENDLESS = ['followEvents', 'followMcp']

async function artifact({ services }: TestApi): Promise<string> {
  return (await services.addArtifact(Buffer.from('0123456789'), { name: 'ten', pin: 'mine' })).cid
}
async function pull({ services }: TestApi): Promise<string> {
  return (await services.pulls.pull({ source: 'somebody/model' })).id
}
/** Problem details have the code at the top, rows with another shape of errors somewhere below `error`. */
function codeOf({ json }: Answer): string | undefined {
  return json?.code ?? json?.error?.data?.code ?? json?.error?.code
}
async function withApi(run: (server: TestApi) => Promise<void>): Promise<void> {
  const server = await startTestApi()
  try {
    await run(server)
  } finally {
    await server.close()
  }
}

/** Before the right request: one that is refused has reached nothing that the right one needs. */
async function assertNamesField(
  server: TestApi,
  row: Route,
  target: string,
  init: Partial<Call>,
): Promise<void> {
  const body = { ...(init.body as object), surprise: 1 }
  const answer = await server.ask(target, { method: row.method, body })
  assert.is(answer.status, 400)
  if (row.errorBody === undefined) assert.is(answer.json.fields.field, 'body.surprise')
  else assert.match(answer.bytes.toString(), /"surprise"|body\.surprise/)
}

test('every row has a call here, and operation ids are unique', () => {
  const ids = ROUTES.map((row) => row.id).sort()
  assert.equal([...new Set(ids)], ids)
  assert.equal([...Object.keys(CALLS), ...ENDLESS].sort(), ids)
})

for (const row of ROUTES.filter((candidate) => !ENDLESS.includes(candidate.id)))
  test(`${row.method} ${row.path} names a field that it does not know, and answers as its schema says`, () =>
    withApi(async (server) => {
      const { path: target, ...init } = await CALLS[row.id]!(server)
      if (row.body?.kind === 'json') await assertNamesField(server, row, target, init)
      const answer = await server.ask(target, { method: row.method, ...init })
      assert.is(answer.status, row.response.status, answer.bytes.toString())
      const contentType = answer.headers['content-type'] ?? ''
      if (row.response.kind === 'json') {
        const validate = ajv.compile(row.response.schema)
        assert.ok(validate(answer.json), ajv.errorsText(validate.errors))
        assert.match(contentType, /^application\/json/)
      } else assert.ok(contentType.startsWith(row.response.mediaType), contentType)
    }))

test('no row answers without a token but the public ones', () =>
  withApi(async ({ ask }) => {
    for (const row of ROUTES) {
      const target = row.path.replace(/:\w+/g, 'x')
      const answer = await ask(target, { method: row.method, token: null })
      if (row.scope !== 'public') {
        assert.is(answer.status, 401, `${row.method} ${row.path}`)
        assert.is(codeOf(answer), 'API_UNAUTHORIZED')
        assert.is(answer.headers['www-authenticate'], 'Bearer')
      } else assert.is.not(answer.status, 401, `${row.method} ${row.path}`)
    }
  }))

test('no row takes a field that it does not know, in body or query', () =>
  withApi(async (server) => {
    for (const row of ROUTES.filter((candidate) => !ENDLESS.includes(candidate.id))) {
      const target = row.path.replace(/:\w+/g, 'x')
      const query = await server.ask(`${target}?surprise=1`, {
        method: row.method,
        ...(row.body?.kind === 'json' ? { body: {} } : {}),
        ...(row.body?.kind === 'stream'
          ? { body: 'x', headers: { 'content-type': row.body.mediaType } }
          : {}),
      })
      assert.is(codeOf(query), 'INVALID_ARGUMENT', `${row.method} ${row.path}: ${query.bytes}`)
      if (row.errorBody === undefined) assert.ok(isProblem(query.json), ajv.errorsText(isProblem.errors))
    }
  }))

test('every row with a body refuses another content type, and a row without refuses a body', () =>
  withApi(async ({ ask }) => {
    for (const row of ROUTES.filter((candidate) => candidate.method !== 'GET')) {
      const target = row.path.replace(/:\w+/g, 'x')
      const wrong = await ask(target, {
        method: row.method,
        body: 'a=b',
        headers: { 'content-type': 'text/plain' },
      })
      assert.is(wrong.status, 415, `${row.method} ${row.path}`)
      assert.is(codeOf(wrong), 'API_MEDIA_TYPE')
      if (row.body !== undefined) continue
      const extra = await ask(target, { method: row.method, body: { a: 1 } })
      assert.is(codeOf(extra), 'INVALID_ARGUMENT', `${row.method} ${row.path}`)
    }
  }))

test('the OpenAPI document is valid and describes every row', () =>
  withApi(async ({ ask }) => {
    const { json } = await ask('/api/v1/openapi.json', { token: null })
    const { valid, errors } = await new Validator().validate(structuredClone(json))
    assert.ok(valid, JSON.stringify(errors))
    for (const row of ROUTES) {
      const operation = json.paths[row.path.replace(/:(\w+)/g, '{$1}')][row.method.toLowerCase()]
      assert.is(operation.operationId, row.id)
      assert.equal(operation.security, row.scope === 'public' ? [] : [{ token: [] }])
    }
    assert.is(
      Object.values(json.paths).flatMap((methods) => Object.keys(methods as object)).length,
      ROUTES.length,
    )
  }))

// The server does not look again (OWN_SCHEMAS).
test('the schemas of every row are schemas', () => {
  for (const { id, params, query, body } of ROUTES)
    for (const schema of [params, query, body?.kind === 'json' ? body.schema : undefined])
      if (schema !== undefined) assert.ok(ajv.validateSchema(schema), `${id}: ${ajv.errorsText()}`)
})

test('every error code that a row names is in the table', () => {
  for (const row of ROUTES) for (const code of row.errors ?? []) assert.ok(isErrorCode(code), code)
})

test.run()
