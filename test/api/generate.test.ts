/** Generation and embedding over HTTP, as a program calls them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApi, type TestApi } from '../helpers/api-server.ts'
import { startGeneration, type TestGeneration } from '../helpers/generation-service.ts'
import { writeTinyLanguageModel } from '../helpers/language-models.ts'

const test = suite('generation over HTTP')
let root = ''
let api: TestApi
let service: TestGeneration
test.before(async () => {
  root = mkdtempSync(join(tmpdir(), 'village-generate-api-'))
  writeTinyLanguageModel(root, 'llama', { adapters: false })
  service = await startGeneration({ tiny: { directory: root } })
  api = await startTestApi({ services: { generation: service.generation } })
})
test.after(async () => {
  await api.close()
  await service.generation.stop()
  rmSync(root, { recursive: true, force: true })
})

const PATH = '/api/v1/models/tiny/generate'
const post = (body: object) => api.ask(PATH, { method: 'POST', body })

/** Opens a stream; the caller reads and closes it. */
function stream(body: object): Promise<IncomingMessage> {
  const { hostname, port } = new URL(api.api.url())
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' }
    const request = httpRequest(
      { hostname, port, path: PATH, method: 'POST', headers, agent: false },
      resolve,
    )
    request.on('error', reject)
    request.end(JSON.stringify({ ...body, stream: true }))
  })
}

const eventsOf = (text: string) =>
  text
    .split('\n\n')
    .filter((frame) => frame.startsWith('event: '))
    .map((frame) => {
      const [type, data] = frame.split('\n')
      return { type: type!.slice(7), data: JSON.parse(data!.slice(6)) }
    })

test('an answer in one piece and as a stream are the same', async () => {
  const body = {
    prompt: 'hello',
    maxTokens: 12,
    temperature: 1,
    seed: 5,
    ignoreEnd: true,
    logProbabilities: 1,
  }
  const whole = await post(body)
  assert.is(whole.status, 200, whole.bytes.toString())
  assert.is(whole.json.usage.completionTokens, 12)
  assert.is(whole.json.logProbabilities.length, 12)
  const response = await stream(body)
  assert.is(response.headers['content-type'], 'text/event-stream')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  const events = eventsOf(text)
  assert.equal(
    events.map(({ type }) => type),
    [...Array.from({ length: 12 }, () => 'token'), 'done'],
  )
  assert.is(
    events
      .slice(0, 12)
      .map(({ data }) => data.text)
      .join(''),
    whole.json.text,
  )
  const { usage: _, ...last } = events[12]!.data
  const { usage: __, ...answer } = whole.json
  // The second time the prompt may come from the cache, which rounds otherwise.
  assert.equal(last.tokens, answer.tokens)
  assert.is(last.text, answer.text)
})

test('a client that goes away frees its place', async () => {
  const response = await stream({ prompt: 'hello', maxTokens: 240, ignoreEnd: true })
  await new Promise<void>((resolve) => response.once('data', () => resolve()))
  response.destroy()
  while (service.generation.stats().active > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.is((await post({ prompt: 'hello', maxTokens: 2, ignoreEnd: true })).status, 200)
})

test('what is wrong is answered with a problem, also where a stream was asked for', async () => {
  const cases: readonly (readonly [object, number, string, string | null])[] = [
    [{ prompt: 'x', bogus: 1 }, 400, 'INVALID_ARGUMENT', 'body.bogus'],
    [{}, 400, 'INVALID_ARGUMENT', 'body.prompt'],
    [{ prompt: 'x', tokens: [1] }, 400, 'INVALID_ARGUMENT', 'body.tokens'],
    [{ prompt: 'x', json: true, pattern: 'a' }, 400, 'INVALID_ARGUMENT', 'body.pattern'],
    [{ prompt: 'x', temperature: -1 }, 400, 'INVALID_ARGUMENT', 'body.temperature'],
    [{ prompt: 'x', tools: [] }, 400, 'INVALID_ARGUMENT', 'body.tools'],
    [{ tokens: [100_000] }, 400, 'INVALID_ARGUMENT', 'tokens'],
    [{ prompt: 'x'.repeat(2000) }, 422, 'CONTEXT_TOO_LONG', null],
    [{ prompt: 'x', schema: { not: {} } }, 400, 'CONSTRAINT_UNSUPPORTED', '#/not'],
    [{ messages: [{ role: 'user', content: 'x' }] }, 409, 'MODEL_NO_CHAT_TEMPLATE', null],
  ]
  for (const [body, status, code, field] of cases)
    for (const streams of [false, true]) {
      const answer = await post({ ...body, stream: streams })
      assert.is(answer.json.code, code, JSON.stringify(body))
      assert.is(answer.status, status)
      if (field !== null) assert.is(answer.json.fields.field, field)
    }
})

test('text under a schema is such JSON', async () => {
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] }
  const answer = await post({ prompt: 'x', schema, maxTokens: 60 })
  assert.is(answer.json.finish, 'eos')
  assert.type(JSON.parse(answer.json.text).ok, 'boolean')
})

test('vectors of texts, each with what became of it', async () => {
  const added = await api.ask('/api/v1/models', { method: 'POST', body: { embedded: 'encoder' } })
  const target = `/api/v1/models/${added.json.id}/embed`
  const answer = await api.ask(target, { method: 'POST', body: { texts: ['one', 'two words'] } })
  assert.is(answer.status, 200, answer.bytes.toString())
  assert.is(answer.json.dimensions, 2)
  assert.equal(
    answer.json.embeddings.map(({ tokens, truncated }: { tokens: number; truncated: boolean }) => [
      tokens,
      truncated,
    ]),
    [
      [1, false],
      [2, false],
    ],
  )
  assert.is((await api.ask(target, { method: 'POST', body: { texts: [] } })).status, 400)
})

test.run()
