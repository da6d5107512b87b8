/** Chat completions as the official client has them: text, streams, JSON, tools. */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { failure, LOCAL, type OpenAiWorld, SCRIPTED, user, WEATHER } from './openai-world.ts'

export function chatTests(test: Test, world: () => OpenAiWorld): void {
  test('the models: agents, the language model, the one of the endpoint, the encoder; each by its id', async () => {
    const { openai } = world()
    const all = []
    for await (const model of openai.models.list()) all.push(model)
    const ids = all.map(({ id }) => id)
    for (const id of ['king', 'sage', 'magi', LOCAL, SCRIPTED, 'encoder']) assert.ok(ids.includes(id), id)
    assert.is(new Set(ids).size, ids.length)
    assert.is((await openai.models.retrieve(SCRIPTED)).owned_by, 'test')
    const unknown = await failure(openai.models.retrieve('scripted/nobody'))
    assert.equal([unknown.status, unknown.code, unknown.param], [404, 'CHAT_MODEL_UNKNOWN', 'model'])
  })

  test('chat with the local model: text, usage, and where it was cut', async () => {
    const { openai } = world()
    const answer = await openai.chat.completions.create({
      model: LOCAL,
      messages: [user('The keeper of the lighthouse')],
      max_completion_tokens: 4,
      temperature: 0,
    })
    assert.is(answer.object, 'chat.completion')
    assert.is(answer.model, LOCAL)
    assert.match(answer.id, /^chatcmpl-/)
    assert.is(answer.choices[0]!.finish_reason, 'length')
    assert.type(answer.choices[0]!.message.content, 'string')
    assert.is(answer.usage!.completion_tokens, 4)
    assert.is(answer.usage!.total_tokens, answer.usage!.prompt_tokens + 4)
    const again = await openai.chat.completions.create({
      model: LOCAL,
      messages: [user('The keeper of the lighthouse')],
      max_tokens: 4,
      temperature: 0,
    })
    assert.is(again.choices[0]!.message.content, answer.choices[0]!.message.content)
  })

  test('a stream: role first, text that adds up, a reason, usage at the end and only when it was asked for', async () => {
    const { openai } = world()
    const body = {
      model: LOCAL,
      messages: [user('The keeper of the lighthouse')],
      max_tokens: 12,
      temperature: 0,
    }
    const whole = await openai.chat.completions.create(body)
    const stream = await openai.chat.completions.create({
      ...body,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = []
    for await (const chunk of stream) chunks.push(chunk)
    assert.equal(chunks[0]!.choices[0]!.delta, { role: 'assistant', content: '', refusal: null })
    assert.is(
      chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''),
      whole.choices[0]!.message.content,
    )
    const [end, usage] = chunks.slice(-2)
    assert.is(end!.choices[0]!.finish_reason, whole.choices[0]!.finish_reason)
    assert.equal([usage!.choices, usage!.usage?.completion_tokens], [[], whole.usage?.completion_tokens])
    for (const chunk of chunks.slice(0, -1)) assert.is(chunk.usage, null)
    assert.is(new Set(chunks.map(({ id }) => id)).size, 1)
    const plain = []
    for await (const chunk of await openai.chat.completions.create({ ...body, stream: true }))
      plain.push(chunk)
    assert.ok(plain.every((chunk) => chunk.usage === undefined && chunk.choices.length === 1))
  })

  test('JSON that the local model cannot get wrong: an object, and a schema', async () => {
    const { endpoint, openai } = world()
    const schema = {
      type: 'object',
      properties: { town: { type: 'string', enum: ['Oslo', 'Lima'] }, warm: { type: 'boolean' } },
      required: ['town', 'warm'],
      additionalProperties: false,
    }
    const answer = await openai.chat.completions.create({
      model: LOCAL,
      messages: [user('Where is it warm?')],
      response_format: { type: 'json_schema', json_schema: { name: 'town', schema, strict: true } },
      max_tokens: 64,
      temperature: 0,
    })
    const given = JSON.parse(answer.choices[0]!.message.content!)
    assert.ok(['Oslo', 'Lima'].includes(given.town))
    assert.type(given.warm, 'boolean')
    endpoint.play([{ text: '{"a": 1}' }])
    const free = await openai.chat.completions.create({
      model: SCRIPTED,
      messages: [user('JSON please')],
      response_format: { type: 'json_object' },
    })
    assert.equal(JSON.parse(free.choices[0]!.message.content!), { a: 1 })
    assert.equal(endpoint.requests.at(-1)!.response_format, { type: 'json_object' })
  })

  test('a tool that the local model is forced to call, and one that it may not call', async () => {
    const { openai } = world()
    const body = {
      model: LOCAL,
      messages: [user('Weather in Lima?')],
      tools: [WEATHER],
      max_tokens: 64,
      temperature: 0,
    }
    const forced = await openai.chat.completions.create({
      ...body,
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    })
    const [call] = forced.choices[0]!.message.tool_calls!
    assert.is(forced.choices[0]!.finish_reason, 'tool_calls')
    assert.ok(call?.type === 'function' && call.function.name === 'get_weather')
    assert.ok(['Oslo', 'Lima'].includes(JSON.parse(call.function.arguments).town))
    const required = await openai.chat.completions.create({ ...body, tool_choice: 'required' })
    assert.is(required.choices[0]!.message.tool_calls?.length, 1)
    const none = await openai.chat.completions.create({ ...body, tool_choice: 'none' })
    assert.is(none.choices[0]!.message.tool_calls, undefined)
  })

  test('tools, there and back: two calls at once, their results, the answer', async () => {
    const { endpoint, openai } = world()
    const calls = [
      { id: 'call_a', name: 'get_weather', arguments: { town: 'Oslo' } },
      { id: 'call_b', name: 'get_weather', arguments: { town: 'Lima' } },
    ]
    endpoint.play([{ text: 'Let me look.', calls }, { text: 'Oslo is cold, Lima is warm.' }])
    const asked = await openai.chat.completions.create({
      model: SCRIPTED,
      messages: [user('Weather in Oslo and Lima?')],
      tools: [WEATHER],
      parallel_tool_calls: true,
    })
    const { message } = asked.choices[0]!
    assert.is(message.content, 'Let me look.')
    assert.equal(
      message.tool_calls!.map((call) => [
        call.id,
        call.type === 'function' && JSON.parse(call.function.arguments),
      ]),
      [
        ['call_a', { town: 'Oslo' }],
        ['call_b', { town: 'Lima' }],
      ],
    )
    const answer = await openai.chat.completions.create({
      model: SCRIPTED,
      messages: [
        user('Weather in Oslo and Lima?'),
        message,
        { role: 'tool', tool_call_id: 'call_a', content: '-4' },
        { role: 'tool', tool_call_id: 'call_b', content: [{ type: 'text', text: '24' }] },
      ],
      tools: [WEATHER],
    })
    assert.is(answer.choices[0]!.message.content, 'Oslo is cold, Lima is warm.')
    const sent = endpoint.requests.at(-1)!.messages
    assert.equal(
      sent.slice(-2).map(({ role, tool_call_id, content }) => [role, tool_call_id, content]),
      [
        ['tool', 'call_a', '-4'],
        ['tool', 'call_b', '24'],
      ],
    )
  })

  test('calls in a stream: each id once, its arguments in pieces that add up', async () => {
    const { endpoint, openai } = world()
    const calls = [
      { id: 'call_a', name: 'get_weather', arguments: { town: 'Oslo' } },
      { id: 'call_b', name: 'get_weather', arguments: { town: 'Lima' } },
    ]
    endpoint.play([{ text: 'One moment.', calls, pieceLength: 3 }])
    const stream = openai.chat.completions.stream({
      model: SCRIPTED,
      messages: [user('Both?')],
      tools: [WEATHER],
    })
    const pieces = new Map<number, { ids: string[]; text: string; count: number }>()
    for await (const chunk of stream)
      for (const { index, id, function: part } of chunk.choices[0]?.delta.tool_calls ?? []) {
        const piece = pieces.get(index) ?? { ids: [], text: '', count: 0 }
        if (id !== undefined) piece.ids.push(id)
        pieces.set(index, { ...piece, text: piece.text + (part?.arguments ?? ''), count: piece.count + 1 })
      }
    assert.equal([...pieces.keys()], [0, 1])
    assert.equal(
      [...pieces.values()].map(({ ids }) => ids),
      [['call_a'], ['call_b']],
    )
    assert.equal(JSON.parse(pieces.get(1)!.text), { town: 'Lima' })
    assert.ok(pieces.get(0)!.count > 2)
    const whole = await stream.finalChatCompletion()
    assert.is(whole.choices[0]!.finish_reason, 'tool_calls')
    assert.is(whole.choices[0]!.message.tool_calls!.length, 2)
  })

  test('agents are models: one that calculates, and one that sends it on', async () => {
    const { openai } = world()
    for (const model of ['magi', 'king']) {
      const body = { model, messages: [user('What is 17 times 3?')] }
      const { choices } = await openai.chat.completions.create(body)
      assert.match(choices[0]!.message.content!, /\b51\b/)
      assert.is(choices[0]!.finish_reason, 'stop')
      let text = ''
      for await (const chunk of await openai.chat.completions.create({ ...body, stream: true }))
        text += chunk.choices[0]?.delta.content ?? ''
      assert.is(text, choices[0]!.message.content)
      assert.is((await openai.responses.create({ model, input: 'What is 17 times 3?' })).output_text, text)
    }
  })
}
