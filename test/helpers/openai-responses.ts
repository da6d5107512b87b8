/** Responses and embeddings as the official client has them. */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { ResponseStreamEvent } from 'openai/resources/responses/responses'
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { failure, LOCAL, ONCE, type OpenAiWorld, SCRIPTED, WEATHER } from './openai-world.ts'

export function responseTests(test: Test, world: () => OpenAiWorld): void {
  test('responses: kept, gone on from, listed, erased; each key has its own', async () => {
    const { endpoint, openai, withKey } = world()
    endpoint.play([{ text: 'Hello Ada.' }, { text: 'You are Ada.' }])
    const first = await openai.responses.create({
      model: SCRIPTED,
      input: 'I am Ada.',
      instructions: 'Be brief.',
      metadata: { topic: 'names' },
    })
    assert.is(first.output_text, 'Hello Ada.')
    assert.equal(
      [first.status, first.metadata, first.usage!.total_tokens],
      ['completed', { topic: 'names' }, 15],
    )
    const second = await openai.responses.create({
      model: SCRIPTED,
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'Who am I?' }] }],
      previous_response_id: first.id,
    })
    assert.is(second.output_text, 'You are Ada.')
    assert.equal(
      endpoint.requests.at(-1)!.messages.map(({ role, content }) => [role, content]),
      [
        ['user', 'I am Ada.'],
        ['assistant', 'Hello Ada.'],
        ['user', 'Who am I?'],
      ],
    )
    const kept = await openai.responses.retrieve(second.id)
    assert.equal([kept.previous_response_id, kept.output], [first.id, second.output])
    const items = []
    for await (const item of openai.responses.inputItems.list(second.id)) items.push(item)
    assert.equal(
      items.map(({ type }) => type),
      ['message'],
    )
    const other = await withKey({ name: 'stranger', scope: 'admin' })
    assert.is((await failure(other.responses.retrieve(second.id))).code, 'RESPONSE_UNKNOWN')
    await openai.responses.delete(first.id)
    assert.is((await failure(openai.responses.retrieve(first.id))).status, 404)
    const cut = await failure(
      openai.responses.create({ model: SCRIPTED, input: 'And now?', previous_response_id: second.id }),
    )
    assert.equal([cut.status, cut.param], [404, 'previous_response_id'])
    endpoint.play([{ text: 'Not kept.' }])
    const fleeting = await openai.responses.create({ model: SCRIPTED, input: 'Forget this.', store: false })
    assert.is((await failure(openai.responses.retrieve(fleeting.id))).code, 'RESPONSE_UNKNOWN')
  })

  test('responses in a stream: events in their order, numbered, and the whole at the end', async () => {
    const { endpoint, openai } = world()
    endpoint.play([{ text: 'One two three.', pieceLength: 5 }])
    const events: ResponseStreamEvent[] = []
    const stream = openai.responses.stream({ model: SCRIPTED, input: 'Count.' })
    for await (const event of stream) events.push(event)
    assert.equal(
      events.map(({ type }) => type.replace('response.', '')).filter((type, at, all) => type !== all[at - 1]),
      [
        'created',
        'in_progress',
        'output_item.added',
        'content_part.added',
        'output_text.delta',
        'output_text.done',
        'content_part.done',
        'output_item.done',
        'completed',
      ],
    )
    assert.equal(
      events.map(({ sequence_number }) => sequence_number),
      events.map((_, index) => index),
    )
    const final = await stream.finalResponse()
    assert.is(final.output_text, 'One two three.')
    assert.is((await openai.responses.retrieve(final.id)).status, 'completed')
  })

  test('responses with functions: the call streamed, its output sent after it, and JSON by a schema', async () => {
    const { endpoint, openai } = world()
    const tool = {
      type: 'function' as const,
      name: 'get_weather',
      parameters: WEATHER.function.parameters!,
      strict: true,
    }
    endpoint.play([
      { text: 'I look.', calls: [{ id: 'call_1', name: 'get_weather', arguments: { town: 'Oslo' } }] },
      { text: 'Cold.' },
    ])
    const types: string[] = []
    const stream = openai.responses.stream({ model: SCRIPTED, input: 'Weather in Oslo?', tools: [tool] })
    for await (const { type } of stream) types.push(type)
    const first = await stream.finalResponse()
    assert.equal(
      first.output.map(({ type }) => type),
      ['message', 'function_call'],
    )
    assert.ok(types.includes('response.function_call_arguments.delta'))
    const call = first.output[1]!
    assert.ok(call.type === 'function_call' && call.call_id === 'call_1')
    const second = await openai.responses.create({
      model: SCRIPTED,
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: 'call_1', output: '-4' }],
      tools: [tool],
    })
    assert.is(second.output_text, 'Cold.')
    const sent = endpoint.requests.at(-1)!.messages
    assert.equal(
      sent.map(({ role }) => role),
      ['user', 'assistant', 'tool'],
    )
    assert.is(sent[1]!.tool_calls?.[0]?.function.name, 'get_weather')
    const format = {
      type: 'json_schema' as const,
      name: 'town',
      schema: {
        type: 'object',
        properties: { warm: { type: 'boolean' } },
        required: ['warm'],
        additionalProperties: false,
      },
      strict: true,
    }
    const parsed = await openai.responses.create({
      model: LOCAL,
      input: 'Is it warm?',
      text: { format },
      temperature: 0,
      max_output_tokens: 32,
    })
    assert.type(JSON.parse(parsed.output_text).warm, 'boolean')
    const refused = await failure(
      openai.responses.create({ model: LOCAL, input: 'x', tools: [{ type: 'web_search' }] }),
    )
    assert.equal([refused.code, refused.param], ['CHAT_FIELD_UNSUPPORTED', 'tools[0].type'])
  })

  test('responses that end early: cut by their limit, or failed in the middle of a stream', async () => {
    const { endpoint, openai } = world()
    const cut = await openai.responses.create({
      model: LOCAL,
      input: 'The keeper of the lighthouse',
      max_output_tokens: 3,
      temperature: 0,
    })
    assert.equal([cut.status, cut.incomplete_details], ['incomplete', { reason: 'max_output_tokens' }])
    const [item] = cut.output
    assert.ok(item?.type === 'message' && item.status === 'incomplete')
    assert.is(cut.usage!.output_tokens, 3)
    endpoint.play([{ raw: ONCE, ending: 'cut' }])
    const events: ResponseStreamEvent[] = []
    const stream = await openai.responses.create({ model: SCRIPTED, input: 'Tell me a story', stream: true })
    const error = await failure(
      (async () => {
        for await (const event of stream) events.push(event)
      })(),
    )
    assert.is(error.code, 'CHAT_ENDPOINT_FAILED')
    const last = events.at(-1)!
    assert.ok(last.type === 'response.failed')
    assert.equal([last.response.status, last.response.error?.code], ['failed', 'server_error'])
    assert.is((await failure(openai.responses.retrieve(last.response.id))).status, 404)
  })

  test('nothing of what was said lies readable on the disk', async () => {
    const { directory, endpoint, openai } = world()
    const marks = ['Zanzibar-question', 'Zanzibar-answer', 'Zanzibar-topic']
    endpoint.play([{ text: marks[1]! }])
    const { id } = await openai.responses.create({
      model: SCRIPTED,
      input: marks[0]!,
      metadata: { topic: marks[2]! },
    })
    const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((it) =>
      it.isFile(),
    )
    assert.ok(files.some(({ parentPath }) => parentPath.endsWith(path.join('sealed', 'responses'))))
    for (const { parentPath, name } of files) {
      const bytes = await readFile(path.join(parentPath, name))
      for (const mark of marks) assert.not.ok(bytes.includes(mark), `${name} holds ${mark}`)
    }
    assert.is((await openai.responses.retrieve(id)).output_text, marks[1])
  })

  test('embeddings: numbers and base64 say the same; tokens, cut texts and other dimensions are refused', async () => {
    const { openai } = world()
    const input = ['a lighthouse', 'a tall tower with a lamp', 'tax law']
    const numbers = await openai.embeddings.create({ model: 'encoder', input, encoding_format: 'float' })
    const packed = await openai.embeddings.create({ model: 'encoder', input })
    assert.equal(
      packed.data.map(({ embedding }) => embedding.length),
      [512, 512, 512],
    )
    for (const [at, { embedding }] of numbers.data.entries())
      for (const [index, value] of embedding.entries())
        assert.ok(Math.abs(value - packed.data[at]!.embedding[index]!) < 1e-6)
    const cosine = (a: number[], b: number[]) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
    const [one, two, three] = numbers.data.map(({ embedding }) => embedding)
    assert.ok(cosine(one!, two!) > cosine(one!, three!))
    assert.ok(numbers.usage.prompt_tokens > 5)
    const same = await openai.embeddings.create({ model: 'encoder', input: 'x', dimensions: 512 })
    assert.is(same.data.length, 1)
    const cases: [body: object, param: string, code: string][] = [
      [{ input: [1, 2, 3] }, 'input', 'CHAT_FIELD_UNSUPPORTED'],
      [{ input: 'x', dimensions: 256 }, 'dimensions', 'CHAT_FIELD_UNSUPPORTED'],
      [{ input: '' }, 'input', 'INVALID_ARGUMENT'],
      [{ input: 'word '.repeat(20_000) }, 'input[0]', 'CONTEXT_TOO_LONG'],
    ]
    for (const [body, param, code] of cases) {
      const error = await failure(openai.embeddings.create({ model: 'encoder', input: 'x', ...body }))
      assert.equal([error.param, error.code], [param, code])
    }
    assert.is(
      (await failure(openai.embeddings.create({ model: LOCAL, input: 'x' }))).code,
      'MODEL_NOT_ENCODER',
    )
  })
}
