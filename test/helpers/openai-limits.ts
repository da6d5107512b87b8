/** What the gateway refuses, bounds and ends, as the official client sees it. */
import OpenAI, { type APIError } from 'openai'
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { failure, LOCAL, ONCE, type OpenAiWorld, SCRIPTED, user, WEATHER } from './openai-world.ts'

const MIB = 2 ** 20

/** A list in a list, and so on. */
const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))

export function limitTests(test: Test, world: () => OpenAiWorld): void {
  test('what cannot be honoured is refused by its name', async () => {
    const { openai } = world()
    const base = { model: LOCAL, messages: [user('Hello')] }
    const cases: [more: object, status: number, param: string, code: string][] = [
      [{ tools: nested(200) }, 400, 'body', 'INVALID_ARGUMENT'],
      [{ logit_bias: nested(1_000) }, 400, 'body', 'INVALID_ARGUMENT'],
      [{ n: 2 }, 400, 'n', 'CHAT_FIELD_UNSUPPORTED'],
      [{ logprobs: true }, 400, 'logprobs', 'CHAT_FIELD_UNSUPPORTED'],
      [{ user: 7 }, 400, 'user', 'INVALID_ARGUMENT'],
      [{ metadata: { topic: 'x' } }, 400, 'metadata', 'CHAT_FIELD_UNSUPPORTED'],
      [{ store: true }, 400, 'store', 'CHAT_FIELD_UNSUPPORTED'],
      [{ tempratur: 1 }, 400, 'tempratur', 'INVALID_ARGUMENT'],
      [{ temperature: 3 }, 400, 'temperature', 'INVALID_ARGUMENT'],
      [{ stream_options: { include_usage: true } }, 400, 'stream_options', 'INVALID_ARGUMENT'],
      [
        { tools: [{ type: 'custom', custom: { name: 'x' } }] },
        400,
        'tools[0].type',
        'CHAT_FIELD_UNSUPPORTED',
      ],
      [
        { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
        400,
        'messages[0].content[0].type',
        'CHAT_FIELD_UNSUPPORTED',
      ],
      [
        { messages: [{ role: 'tool', content: '1', tool_call_id: 'nobody' }] },
        400,
        'messages[0].tool_call_id',
        'INVALID_ARGUMENT',
      ],
      [{ village: { approvals: 'wait' } }, 400, 'village', 'CHAT_FIELD_UNSUPPORTED'],
      [{ model: 'nobody' }, 404, 'model', 'CHAT_MODEL_UNKNOWN'],
      [{ model: 'king', temperature: 0.5 }, 400, 'temperature', 'CHAT_FIELD_UNSUPPORTED'],
      [{ model: 'king', tools: [WEATHER] }, 400, 'tools', 'CHAT_FIELD_UNSUPPORTED'],
    ]
    for (const [more, status, param, code] of cases) {
      const error = await failure(openai.chat.completions.create({ ...base, ...more }))
      assert.equal([error.status, error.param, error.code], [status, param, code], JSON.stringify(more))
      assert.is(error.type, 'invalid_request_error')
    }
  })

  test('labels that clients always send change nothing and go nowhere', async () => {
    const { endpoint, openai } = world()
    const labels = { user: 'u-1', safety_identifier: 'u-2', prompt_cache_key: 'u-3' }
    endpoint.play([{ text: 'Hello.' }, { text: 'Hello again.' }])
    const chat = await openai.chat.completions.create({
      ...{ model: SCRIPTED, messages: [user('Hello')], store: false, metadata: {} },
      ...labels,
    })
    assert.is(chat.choices[0]!.message.content, 'Hello.')
    const response = await openai.responses.create({
      ...{ model: SCRIPTED, input: 'Hello', store: false, include: ['reasoning.encrypted_content'] },
      ...labels,
    })
    const { user: name, safety_identifier, prompt_cache_key } = response
    assert.equal({ user: name, safety_identifier, prompt_cache_key }, labels)
    assert.not.match(JSON.stringify(endpoint.requests.slice(-2)), 'u-')
  })

  test('no key, a wrong one, a small scope, too much, too often, a path that is not there', async () => {
    const { admin, openai, withKey } = world()
    const body = { model: LOCAL, messages: [user('Hello')] }
    const client = (apiKey: string) => new OpenAI({ baseURL: `${admin.url}/v1`, apiKey, maxRetries: 0 })
    const wrong = await failure(client('vk_wrong').models.list())
    assert.equal([wrong.status, wrong.code, wrong.type], [401, 'API_UNAUTHORIZED', 'authentication_error'])
    const reader = await withKey({ name: 'reader', scope: 'read' })
    assert.ok((await reader.models.list()).data.length > 3)
    const small = await failure(reader.chat.completions.create(body))
    assert.equal([small.status, small.code, small.type], [403, 'API_SCOPE', 'permission_error'])
    const large = await failure(
      openai.chat.completions.create({ ...body, messages: [user('x'.repeat(MIB))] }),
    )
    assert.equal([large.status, large.code], [413, 'API_BODY_TOO_LARGE'])
    const slow = await withKey({ name: 'slow', scope: 'read', requestsByMinute: 1 })
    await slow.models.list()
    const often = await failure(slow.models.list())
    assert.equal([often.status, often.code, often.type], [429, 'KEY_RATE_LIMITED', 'rate_limit_error'])
    assert.ok(Number(often.headers!.get('retry-after')) > 0)
    assert.is(often.headers!.get('x-ratelimit-remaining-requests'), '0')
    const unknown = await failure(openai.get('/nothing'))
    assert.equal([unknown.status, unknown.code], [404, 'API_ROUTE_UNKNOWN'])
  })

  test('tokens are counted, and a spent quota is 429 until tomorrow', async () => {
    const { admin, endpoint, withKey } = world()
    const poor = await withKey({ name: 'poor', scope: 'ask', tokensByDay: 12 })
    endpoint.play([{ text: 'Yes.' }])
    const body = { model: SCRIPTED, messages: [user('Hello')] }
    const { response } = await poor.chat.completions.create(body).withResponse()
    assert.is(response.headers.get('x-ratelimit-remaining-tokens'), '12')
    const spent = await failure(poor.chat.completions.create(body))
    assert.equal([spent.status, spent.code], [429, 'KEY_QUOTA_SPENT'])
    const { keys } = await admin.get<{ keys: { name: string; today: object }[] }>('/api/v1/keys')
    assert.equal(keys.find(({ name }) => name === 'poor')!.today, {
      requests: 1,
      promptTokens: 10,
      completionTokens: 5,
    })
  })

  test('twenty at once do not pass a quota that two of them would use up', async () => {
    const { endpoint, withKey } = world()
    const poor = await withKey({ name: 'hasty', scope: 'ask', tokensByDay: 200 })
    const answers = Promise.withResolvers<void>()
    endpoint.play(() => ({ text: 'Yes.', before: answers.promise }))
    const body = { model: SCRIPTED, messages: [user('Hello')], max_tokens: 150 }
    let refused = 0
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => {
        try {
          await poor.chat.completions.create(body)
          return 200
        } catch (error) {
          refused += 1
          // The two that run are held until the others have been told.
          if (refused === 18) answers.resolve()
          return (error as APIError).status
        }
      }),
    )
    assert.equal(
      statuses.toSorted((a, b) => a! - b!),
      [200, 200, ...Array.from({ length: 18 }, () => 429)],
    )
  })

  test('a strict function: a call that does not follow its schema is an error, whole or in a stream', async () => {
    const { endpoint, openai } = world()
    const tool = { ...WEATHER, function: { ...WEATHER.function, strict: true } }
    const body = { model: SCRIPTED, messages: [user('Weather in Rome?')], tools: [tool] }
    endpoint.play((_request, count) => ({
      calls: [{ name: 'get_weather', arguments: { town: count < 2 ? 'Rome' : 'Oslo' } }],
    }))
    assert.is((await failure(openai.chat.completions.create(body))).code, 'CHAT_CALL_INVALID')
    const stream = await openai.chat.completions.create({ ...body, stream: true })
    const error = await failure(
      (async () => {
        for await (const chunk of stream) assert.is.not(chunk.choices[0]?.finish_reason, 'tool_calls')
      })(),
    )
    assert.is(error.code, 'CHAT_CALL_INVALID')
    const good = await openai.chat.completions.create(body)
    assert.is(good.choices[0]!.finish_reason, 'tool_calls')
    const sent = endpoint.requests.at(-1)!.tools![0]!.function as { strict?: boolean }
    assert.is(sent.strict, true)
  })

  test('an abort stops the model behind it, a revoked key too', async () => {
    const { admin, endpoint, withKey } = world()
    const client = await withKey({ name: 'leaver', scope: 'ask' })
    for (const leave of [
      async (stream: { controller: AbortController }) => stream.controller.abort(),
      async () => void (await admin.send('DELETE', '/api/v1/keys/leaver')),
    ]) {
      const before = endpoint.aborted()
      endpoint.play([{ raw: ONCE, ending: 'stall' }])
      const stream = await client.chat.completions.create({
        model: SCRIPTED,
        messages: [user('Tell me a story')],
        stream: true,
      })
      const ended = (async () => {
        for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'Once') await leave(stream)
      })()
      await ended.catch(() => undefined)
      const deadline = Date.now() + 10_000
      while (endpoint.aborted() === before) {
        assert.ok(Date.now() < deadline, 'the endpoint is still asked')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  })

  test('a failure in the middle of a stream is told in the stream', async () => {
    const { endpoint, openai } = world()
    endpoint.play([{ raw: ONCE, ending: 'cut' }])
    const stream = await openai.chat.completions.create({
      model: SCRIPTED,
      messages: [user('Tell me a story')],
      stream: true,
    })
    let text = ''
    const error = await failure(
      (async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
      })(),
    )
    assert.is(text, 'Once')
    assert.is(error.code, 'CHAT_ENDPOINT_FAILED')
  })

  test('a failure before the first word is an ordinary answer, and a client that waits too little gives up', async () => {
    const { endpoint, openai } = world()
    endpoint.play([{ status: 500 }])
    const body = { model: SCRIPTED, messages: [user('Hello')] }
    const failed = await failure(openai.chat.completions.create({ ...body, stream: true }))
    assert.equal([failed.status, failed.code, failed.type], [502, 'CHAT_ENDPOINT_FAILED', 'server_error'])
    endpoint.play([{ raw: '', ending: 'stall' }])
    const late = await failure(openai.chat.completions.create(body, { timeout: 50 }))
    assert.match(late.constructor.name, /Timeout/)
  })

  test('twenty at once: each gets its own answer', async () => {
    const { endpoint, openai } = world()
    endpoint.play(({ messages }) => ({ text: `Answer to ${messages.at(-1)!.content}` }))
    const numbers = Array.from({ length: 20 }, (_, index) => index)
    const texts = await Promise.all(
      numbers.map(async (number) => {
        const body = { model: SCRIPTED, messages: [user(`question ${number}`)] }
        if (number % 2 === 0) return (await openai.chat.completions.create(body)).choices[0]!.message.content
        let text = ''
        for await (const chunk of await openai.chat.completions.create({ ...body, stream: true }))
          text += chunk.choices[0]?.delta.content ?? ''
        return text
      }),
    )
    assert.equal(
      texts,
      numbers.map((number) => `Answer to question ${number}`),
    )
  })
}
