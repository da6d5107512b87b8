/** Models behind an endpoint: a real server that answers well, and one that misbehaves in every way. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatDelta, ChatModel, ChatRequest } from '../../../node/agents/chat/chat-model.ts'
import { createEndpointModel } from '../../../node/agents/chat/endpoint-model.ts'
import { createEndpoints, type EndpointsInit } from '../../../node/agents/chat/endpoints.ts'
import {
  type EndpointReply,
  type ScriptedEndpoint,
  startScriptedEndpoint,
} from '../../helpers/scripted-endpoint.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('endpoint model')
const NEVER = new AbortController().signal
const ASK: ChatRequest = { messages: [{ role: 'user', content: 'hello' }] }
const FIND = {
  name: 'find',
  description: 'Finds.',
  parameters: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
}

let server: ScriptedEndpoint
test.before(async () => {
  server = await startScriptedEndpoint({ key: 'secret' })
})
test.after(() => server.close())

const paused: number[] = []

async function withModel<T>(
  use: (model: ChatModel) => Promise<T>,
  init: { patience?: EndpointsInit['patience']; url?: string; key?: string } = {},
): Promise<T> {
  const endpoint = createEndpoints({
    endpoints: [`my-box=${init.url ?? server.url}`],
    environment: { VILLAGE_ENDPOINT_KEY_MY_BOX: init.key ?? 'secret' },
    ...(init.patience !== undefined && { patience: init.patience }),
  }).get('my-box')!
  try {
    const { http, place } = endpoint
    return await use(
      createEndpointModel(
        { http },
        {
          ...{ endpoint: 'my-box', model: 'scripted', place, contextTokens: null },
          newId: () => 'made-here',
          now: () => 0,
          wait: async (ms) => {
            paused.push(ms)
          },
        },
      ),
    )
  } finally {
    endpoint.close()
  }
}

function play(...script: EndpointReply[]): void {
  server.play(script)
  paused.length = 0
}

test('text streams, and what it took is told', async () => {
  play({ text: 'Good morning to you.' })
  const deltas: ChatDelta[] = []
  const reply = await withModel((model) => model.respond(ASK, NEVER, (delta) => deltas.push(delta)))
  assert.equal(reply, {
    model: 'my-box/scripted',
    text: 'Good morning to you.',
    toolCalls: [],
    finish: 'stop',
    usage: { promptTokens: 10, cachedTokens: 4, completionTokens: 5 },
  })
  assert.is(deltas.map((delta) => (delta.kind === 'text' ? delta.text : '')).join(''), reply.text)
  assert.ok(deltas.length > 1)
  assert.is(server.headers.at(-1)!.authorization, 'Bearer secret')
})

test('calls of tools come out whole, of whatever pieces they are', async () => {
  const calls = fc.array(
    fc.record({ name: fc.constantFrom('find', 'open'), arguments: fc.dictionary(fc.string(), fc.string()) }),
    { minLength: 1, maxLength: 3 },
  )
  await fc.assert(
    fc.asyncProperty(calls, fc.integer({ min: 1, max: 9 }), fc.string(), async (given, pieceLength, text) => {
      play({ text, calls: given, pieceLength })
      const built: { id: string; name: string; arguments: string }[] = []
      const reply = await withModel((model) =>
        model.respond({ ...ASK, tools: [FIND] }, NEVER, (delta) => {
          if (delta.kind === 'call') built[delta.index] = { id: delta.id, name: delta.name, arguments: '' }
          if (delta.kind === 'arguments') built[delta.index]!.arguments += delta.text
        }),
      )
      assert.is(reply.finish, 'tool-calls')
      assert.is(reply.text, text)
      assert.equal(reply.toolCalls, built)
      assert.equal(
        reply.toolCalls.map((call) => ({ name: call.name, arguments: JSON.parse(call.arguments) })),
        given.map((call) => ({ name: call.name, arguments: { ...call.arguments } })),
      )
    }),
    { numRuns: 25 },
  )
})

test('a request says all that was asked for, in the words of the API', async () => {
  play({ text: '{"a":1}' })
  await withModel((model) =>
    model.respond(
      {
        messages: [
          { role: 'system', content: 's' },
          { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'find', arguments: '{}' }] },
          { role: 'tool', toolCallId: '1', name: 'find', content: 'r' },
        ],
        tools: [FIND],
        toolChoice: { name: 'find' },
        parallelToolCalls: false,
        format: { kind: 'json-schema', name: 'x', schema: { type: 'object' } },
        sampling: {
          temperature: 0.5,
          topP: 0.9,
          seed: 7,
          frequencyPenalty: 1,
          presencePenalty: 2,
          stop: ['.'],
          maxTokens: 9,
        },
      },
      NEVER,
    ),
  )
  assert.equal(server.requests.at(-1), {
    model: 'scripted',
    messages: [
      { role: 'system', content: 's' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: '1', type: 'function', function: { name: 'find', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: '1', content: 'r' },
    ],
    stream: true,
    stream_options: { include_usage: true },
    tools: [{ type: 'function', function: FIND }],
    tool_choice: { type: 'function', function: { name: 'find' } },
    parallel_tool_calls: false,
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'x', schema: { type: 'object' }, strict: true },
    },
    ...{
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      frequency_penalty: 1,
      presence_penalty: 2,
      stop: ['.'],
      max_tokens: 9,
    },
  })
})

test('a server that does not stream is understood as well, and says no usage', async () => {
  const choice = { message: { content: 'whole' }, finish_reason: 'length' }
  play({ raw: JSON.stringify({ choices: [choice] }), contentType: 'application/json; charset=utf-8' })
  const reply = await withModel((model) => model.respond(ASK, NEVER))
  assert.is(reply.text, 'whole')
  assert.is(reply.finish, 'length')
  assert.ok(reply.usage.promptTokens >= 5 && reply.usage.completionTokens >= 5)
})

test('a text may come in parts, and a refusal is said', async () => {
  const parts = [{ type: 'text', text: 'one ' }, { type: 'image' }, { type: 'text', text: 'two' }]
  for (const [message, text] of [
    [{ content: parts }, 'one two'],
    [{ content: null, refusal: 'No.' }, 'No.'],
  ] as const) {
    play({
      raw: JSON.stringify({ choices: [{ message, finish_reason: 'stop' }] }),
      contentType: 'application/json',
    })
    assert.is((await withModel((model) => model.respond(ASK, NEVER))).text, text)
  }
})

const event = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
const delta = (value: unknown, finish: string | null = null) =>
  event({ choices: [{ index: 0, delta: value, finish_reason: finish }] })
const call = (value: unknown) => delta({ tool_calls: [value] })

const ODD: Readonly<Record<string, string>> = {
  'no JSON': event('{oops'),
  'no object': event([]),
  'choices that are no list': event({ choices: 3 }),
  'a text that is no text': delta({ content: 7 }),
  'calls that are no list': delta({ tool_calls: 'x' }),
  'a call without a name': call({ index: 0, function: { arguments: '{}' } }),
  'a call out of order': call({ index: 5, function: { name: 'find' } }),
  'a negative index': call({ index: -1, function: { name: 'find' } }),
  'arguments that are a number': call({ index: 0, function: { name: 'find', arguments: 3 } }),
  'an error in the stream': event({ error: { message: 'overloaded' } }),
  'an end before its end': delta({ content: 'half' }),
  nothing: '',
}

for (const [what, raw] of Object.entries(ODD))
  test(`a stream of ${what} is refused`, async () => {
    play({ raw })
    await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_FAILED'))
  })

test('what never ends is given up: an event, a body, a silence', async () => {
  const small = { patience: { firstByteMs: 5_000, stallMs: 100, maxBytes: 400_000 } }
  for (const reply of [
    { raw: 'x'.repeat(65_536), forever: true },
    { raw: delta({ content: 'on and on ' }), forever: true },
    { raw: delta({ content: 'once' }), ending: 'stall' },
  ] as const) {
    play(reply)
    await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_FAILED'), small)
  }
})

test('a connection that is cut is no answer', async () => {
  play({ raw: delta({ content: 'half' }), ending: 'cut' })
  await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_FAILED'))
})

test('whoever asked can stop it, and the server is let go', async () => {
  play({ raw: delta({ content: 'half' }), ending: 'stall' })
  const before = server.aborted()
  const stop = new AbortController()
  const reason = new Error('enough')
  await withModel(async (model) => {
    const failing = model.respond(ASK, stop.signal, () => stop.abort(reason))
    await server.stalled()
    assert.is(await failing.catch((error: unknown) => error), reason)
  })
  while (server.aborted() === before) await new Promise((resolve) => setImmediate(resolve))
})

test('a busy server is asked again, as it says, and not for ever', async () => {
  play(
    { status: 429, headers: { 'retry-after': '3' } },
    { status: 503, headers: { 'retry-after': 'Thu, 01 Jan 1970 00:00:02 GMT' } },
    { text: 'now' },
  )
  assert.is((await withModel((model) => model.respond(ASK, NEVER))).text, 'now')
  assert.equal(paused, [3_000, 2_000])
  play({ status: 429 }, { status: 429 }, { status: 429 }, { text: 'too late' })
  await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_BUSY'))
  assert.equal(paused, [500, 1_000])
  play({ status: 429, headers: { 'retry-after': '86400' } }, { text: 'tomorrow' })
  const error = await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_BUSY'))
  assert.is(error.fields.retryAfterMs, 86_400_000)
  assert.equal(paused, [])
})

test('statuses have codes of their own, and the key is in none of their messages', async () => {
  const cases = [
    [
      { status: 400, body: { error: { code: 'context_length_exceeded', message: 'long' } } },
      'CONTEXT_TOO_LONG',
    ],
    [{ status: 404 }, 'CHAT_MODEL_UNKNOWN'],
    [{ status: 500, body: 'secret secret' }, 'CHAT_ENDPOINT_FAILED'],
    [{ status: 403 }, 'CHAT_ENDPOINT_FAILED'],
  ] as const
  for (const [reply, code] of cases) {
    play(reply)
    const error = await withModel((model) => rejectsCode(model.respond(ASK, NEVER), code))
    assert.not.match(`${error.message} ${JSON.stringify(error.fields)}`, /secret/)
  }
  const error = await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_FAILED'), {
    key: 'wrong',
  })
  assert.is(error.fields.status, 401)
})

test('a redirect is followed on the same server only', async () => {
  const other = await startScriptedEndpoint({ script: () => ({ text: 'stolen' }) })
  try {
    play({ status: 307, headers: { location: `${other.url}/chat/completions` } })
    await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_FAILED'))
    assert.is(other.requests.length, 0)
    play({ status: 302, headers: { location: '/v1/chat/completions' } })
    await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_FAILED'))
    play({ status: 308, headers: { location: '/v1/chat/completions' } }, { text: 'here' })
    assert.is((await withModel((model) => model.respond(ASK, NEVER))).text, 'here')
    play(...Array.from({ length: 9 }, () => ({ status: 307, headers: { location: '/v1/chat/completions' } })))
    await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_FAILED'))
  } finally {
    await other.close()
  }
})

test('a connection is kept for the next request, and one that the server closed meanwhile is no failure', async () => {
  const endpoint = createEndpoints({
    endpoints: [`a=${server.url}`],
    environment: { VILLAGE_ENDPOINT_KEY_A: 'secret' },
  }).get('a')!
  try {
    const model = createEndpointModel(
      { http: endpoint.http },
      { endpoint: 'a', model: 'scripted', place: 'local', contextTokens: null },
    )
    const before = server.connections()
    play(...Array.from({ length: 21 }, () => ({ text: 'well' })))
    // The end of a body comes behind its last word: not every request finds the connection free.
    for (let count = 0; count < 20; count++) {
      assert.is((await model.respond(ASK, NEVER)).text, 'well')
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(server.connections() - before < 20, 'one was kept')
    server.dropIdle()
    assert.is((await model.respond(ASK, NEVER)).text, 'well')
  } finally {
    endpoint.close()
  }
})

test('nobody there is an error with a code', async () => {
  const gone = await startScriptedEndpoint()
  await gone.close()
  await withModel((model) => rejectsCode(model.respond(ASK, NEVER), 'CHAT_ENDPOINT_FAILED'), {
    url: gone.url,
  })
})

test('JSON that was asked for is checked', async () => {
  const schema = { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] }
  const wish = { ...ASK, format: { kind: 'json-schema', name: 'x', schema } } as const
  play({ text: '{"age": 7}' })
  assert.is((await withModel((model) => model.respond(wish, NEVER))).text, '{"age": 7}')
  for (const text of ['{"age": "seven"}', 'seven', '{}']) {
    play({ text })
    await withModel((model) => rejectsCode(model.respond(wish, NEVER), 'CHAT_ENDPOINT_FAILED'))
  }
})

test.run()
