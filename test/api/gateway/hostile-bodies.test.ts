/** Bodies that no client of good will sends: each is refused with a status, and the daemon goes on. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApi, type TestApi } from '../../helpers/api-server.ts'

const test = suite('hostile bodies')
let server: TestApi
test.before(async () => {
  server = await startTestApi({ config: { 'api.requestsByMinute': 1_000_000 } })
})
test.after(() => server.close())

const JSON_BODY = { 'content-type': 'application/json' }
const post = (target: string, body: string) =>
  server.ask(target, { method: 'POST', body, headers: JSON_BODY })
const deep = '['.repeat(400_000) + ']'.repeat(400_000)
const chat = (more: string) => `{"model":"echo","messages":[{"role":"user","content":"x"}],${more}}`
const plain = '{"role":"user","content":"x"}'

const BODIES: [name: string, target: string, body: string][] = [
  ['lists without end', '/v1/chat/completions', chat(`"logit_bias":${deep}`)],
  ['a schema without end', '/v1/chat/completions', chat(`"tools":${deep}`)],
  ['an input without end', '/v1/responses', `{"model":"echo","input":${deep}}`],
  ['texts without end', '/v1/embeddings', `{"model":"encoder","input":${deep}}`],
  ['a prototype', '/v1/chat/completions', chat('"__proto__":{"isAdmin":true}')],
  [
    'a prototype in a message',
    '/v1/chat/completions',
    '{"model":"echo","messages":[{"role":"user","content":"x","__proto__":{"a":1}}]}',
  ],
  ['a constructor', '/v1/chat/completions', chat('"constructor":{"prototype":{"a":1}}')],
  [
    'metadata of prototypes',
    '/v1/responses',
    '{"model":"echo","input":"x","metadata":{"constructor":{"prototype":1}}}',
  ],
  ['no messages', '/v1/chat/completions', '{"model":"echo","messages":[]}'],
  [
    'too many messages',
    '/v1/chat/completions',
    `{"model":"echo","messages":[${Array(5_000).fill(plain).join(',')}]}`,
  ],
  ['a model that is a list', '/v1/chat/completions', `{"model":["echo"],"messages":[${plain}]}`],
  ['a limit that is no number', '/v1/chat/completions', chat('"max_tokens":1e400')],
  [
    'a previous id of somebody else',
    '/v1/responses',
    '{"model":"echo","input":"x","previous_response_id":"../owner.owner/x"}',
  ],
  ['no JSON', '/v1/chat/completions', '{"model":'],
]
for (const [name, target, body] of BODIES)
  test(`${name} is refused in OpenAI’s shape`, async () => {
    const { status, json } = await post(target, body)
    assert.ok(status >= 400 && status < 500, `${status}: ${JSON.stringify(json)?.slice(0, 200)}`)
    assert.type(json.error.code, 'string')
    assert.type(json.error.message, 'string')
    assert.ok(json.error.message.length < 500)
    assert.is(({} as Record<string, unknown>).isAdmin, undefined)
  })

test('results of four thousand calls are read in order of their number', async () => {
  const calls = Array.from({ length: 2_000 }, (_, n) => ({
    id: `c${n}`,
    type: 'function',
    function: { name: 'f', arguments: '{}' },
  }))
  const results = calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'r' }))
  const messages = [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: null, tool_calls: calls },
    ...results,
  ]
  const { status } = await server.ask('/v1/chat/completions', {
    method: 'POST',
    body: { model: 'echo', messages },
  })
  assert.is(status, 200)
})
test.run()
