/** Agents behind the gateway: what they say and rest on, what they may not do, and who decides. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentRow } from '../../../node/agents/agent.ts'
import type { ChatModel } from '../../../node/agents/chat/chat-model.ts'
import type { EvidencePack } from '../../../node/agents/evidence.ts'
import { answer, call, rowNamed, toolNamed } from '../../helpers/agent-parts.ts'
import { startTestApi, type TestApi } from '../../helpers/api-server.ts'
import { memoryAgents } from '../../helpers/memory-agents.ts'

const test = suite('agents as models')

const EVIDENCE: EvidencePack = {
  question: 'Who kept the light?',
  queries: ['kept light'],
  items: [
    {
      number: 1,
      collection: 'town',
      document: 'doc 1',
      title: 'The lighthouse',
      source: '/town/light.md',
      page: null,
      headings: [],
      start: 10,
      end: 40,
      text: 'Moira Tallis kept the light.',
      score: 1,
      vouchedBy: ['self'],
    },
  ],
  confidence: 0.9,
  threshold: 0.5,
  isFound: true,
  missing: [],
}
const TEXT = 'Moira Tallis [1] did.'

/** Says something, looks, and answers; the answer comes in two pieces. */
const SAGE: AgentRow = {
  ...rowNamed('sage', []),
  policy: () => ({
    model: null,
    async next({ observations }, _signal, onText) {
      if (observations.length === 0) {
        onText('I look it up.')
        return { action: call('look', { where: 'town' }), usage: null }
      }
      onText(TEXT.slice(0, 7))
      return {
        action: { kind: 'answer', text: TEXT, evidence: EVIDENCE },
        usage: { promptTokens: 20, cachedTokens: 0, completionTokens: 5 },
      }
    },
  }),
}

/** Says something and then thinks until it is called off. */
const KING: AgentRow = {
  ...rowNamed('king', []),
  policy: ({ model }) => ({
    model: null,
    async next({ messages: asked }, signal, onText) {
      await model!.respond({ messages: asked }, signal, (delta) => {
        if (delta.kind === 'text') onText(delta.text)
      })
      throw new Error('it was not called off')
    },
  }),
}
const THINKER: ChatModel = {
  ...{ id: 'thinker', place: 'local', contextTokens: null, countTokens: (text) => text.length },
  async respond(_request, signal, onDelta) {
    onDelta?.({ kind: 'text', text: 'I think ...' })
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    throw new Error('it was not called off')
  },
}

async function withAgents(
  run: (server: TestApi, tools: ReturnType<typeof toolsOf>) => Promise<void>,
): Promise<void> {
  const tools = toolsOf()
  const agents = memoryAgents({
    rows: [KING, SAGE, rowNamed('magi', [call('erase', { what: 'all' }), answer('Done what I may.')])],
    tools: () => Object.values(tools),
    chatModels: { need: async () => THINKER },
  })
  const server = await startTestApi({ services: agents })
  try {
    await run(server, tools)
  } finally {
    await server.close()
  }
}
const toolsOf = () => ({
  look: toolNamed('look'),
  erase: toolNamed('erase', { effect: 'change', scope: 'operate' }),
})

const messages = [{ role: 'user', content: 'Who kept the light?' }]
const body = { model: 'sage', messages }

test('the answer, what it cites and what was done for it', () =>
  withAgents(async ({ ask }, { look }) => {
    const { json, status } = await ask('/v1/chat/completions', { method: 'POST', body })
    assert.is(status, 200)
    const { message, finish_reason } = json.choices[0]
    assert.equal([message.content, finish_reason, json.model], [TEXT, 'stop', 'sage'])
    assert.equal(message.annotations, [
      {
        type: 'url_citation',
        url_citation: {
          start_index: 13,
          end_index: 16,
          title: 'The lighthouse',
          url: 'village:town/doc%201#10-40',
        },
      },
    ])
    assert.equal(
      [json.village.agent, json.village.finish, json.village.evidence.isFound],
      ['sage', 'answer', true],
    )
    assert.equal(
      json.village.actions.map(({ tool, state }: { tool: string; state: string }) => [tool, state]),
      [['look', 'done']],
    )
    assert.is(json.usage.total_tokens, 25)
    assert.equal(look.calls, [{ where: 'town' }])
    assert.equal(look.contexts[0]!.asker, { kind: 'owner', id: 'owner', scope: 'admin' })
  }))

test('a stream has what was said on the way too, and its citations point into what was streamed', () =>
  withAgents(async ({ ask }) => {
    const streamed = await ask('/v1/chat/completions', { method: 'POST', body: { ...body, stream: true } })
    assert.match(streamed.headers['content-type']!, /^text\/event-stream/)
    const lines = streamed.bytes
      .toString()
      .split('\n\n')
      .filter((line) => line.startsWith('data: '))
    assert.is(lines.at(-1), 'data: [DONE]')
    const chunks = lines.slice(0, -1).map((line) => JSON.parse(line.slice(6)))
    const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join('')
    assert.is(text, `I look it up.\n\n${TEXT}`)
    const end = chunks.at(-1)
    assert.is(end.choices[0].finish_reason, 'stop')
    const { start_index, end_index } = end.choices[0].delta.annotations[0].url_citation
    assert.is(text.slice(start_index, end_index), '[1]')
    assert.is(end.village.agent, 'sage')
  }))

test('responses: the answer is kept, and the next turn has it before it', () =>
  withAgents(async ({ ask }) => {
    const first = await ask('/v1/responses', {
      method: 'POST',
      body: { model: 'sage', input: 'Who kept the light?' },
    })
    assert.is(first.json.status, 'completed')
    const [part] = first.json.output[0].content
    assert.is(part.text, TEXT)
    assert.equal([part.annotations[0].start_index, part.annotations[0].title], [13, 'The lighthouse'])
    const more = { model: 'sage', input: 'And then?', previous_response_id: first.json.id }
    assert.is(
      (await ask('/v1/responses', { method: 'POST', body: more })).json.output[0].content[0].text,
      TEXT,
    )
    const away = { ...more, village: { options: { node: 'friend' } } }
    const withheld = await ask('/v1/responses', { method: 'POST', body: away })
    assert.is(withheld.json.error.code, 'PRIVATE_WITHHELD')
    const stream = await ask('/v1/responses', { method: 'POST', body: { ...more, stream: true } })
    const events = stream.bytes
      .toString()
      .split('\n\n')
      .filter((frame) => frame.startsWith('event: '))
      .map((frame) => JSON.parse(frame.slice(frame.indexOf('data: ') + 6)))
    const added = events.find(({ type }) => type === 'response.output_text.annotation.added')
    const done = events.find(({ type }) => type === 'response.output_text.done')
    assert.is(done.text.slice(added.annotation.start_index, added.annotation.end_index), '[1]')
    assert.is(events.at(-1).type, 'response.completed')
    assert.is(events.at(-1).response.village.agent, 'sage')
  }))

test('nobody is there to approve: a change that was not asked for is refused', () =>
  withAgents(async ({ ask }, { erase }) => {
    const { json } = await ask('/v1/chat/completions', { method: 'POST', body: { ...body, model: 'magi' } })
    assert.is(json.choices[0].message.content, 'Done what I may.')
    assert.equal([json.village.actions[0].tool, json.village.actions[0].state], ['erase', 'refused'])
    assert.is(erase.calls.length, 0)
  }))

test('with the header it waits, and goes on when a person approves', () =>
  withAgents(async ({ ask, services }, { erase }) => {
    const asked = ask('/v1/chat/completions', {
      method: 'POST',
      body: { ...body, model: 'magi' },
      headers: { 'x-village-approvals': 'wait' },
    })
    const owner = { kind: 'owner', id: 'owner', scope: 'admin' } as const
    while (services.approvals.list(owner).length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.is(erase.calls.length, 0)
    services.approvals.decide(services.approvals.list(owner)[0]!.id, 'approve', owner)
    assert.is((await asked).json.village.actions[0].state, 'done')
    assert.equal(erase.calls, [{ what: 'all' }])
  }))

test('a key is the asker, with its own scope', () =>
  withAgents(async ({ ask }, { look, erase }) => {
    const made = await ask('/api/v1/keys', { method: 'POST', body: { name: 'small', scope: 'ask' } })
    const { secret, key } = made.json
    await ask('/v1/chat/completions', { method: 'POST', body, token: secret })
    assert.equal(look.contexts[0]!.asker, { kind: 'key', id: key.id, scope: 'ask' })
    const wait = { approvals: 'wait' }
    const magi = await ask('/v1/chat/completions', {
      method: 'POST',
      body: { ...body, model: 'magi', village: wait },
      token: secret,
    })
    assert.is.not(magi.json.village.actions[0].state, 'done')
    assert.is(erase.calls.length, 0)
    const { keys } = (await ask('/api/v1/keys')).json
    assert.is(keys[0].today.promptTokens, 20)
  }))

test('a key that leaves in the middle has used what it heard', () =>
  withAgents(async ({ ask, api }, { look }) => {
    const { secret } = (await ask('/api/v1/keys', { method: 'POST', body: { name: 'leaver' } })).json
    const leaving = new AbortController()
    const stream = await fetch(`${api.url()}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'king', messages, stream: true, village: { model: 'thinker' } }),
      signal: leaving.signal,
    })
    await stream.body!.getReader().read()
    leaving.abort()
    for (;;) {
      const [key] = (await ask('/api/v1/keys')).json.keys
      if (key.today.promptTokens === 0) continue
      // By their bytes, three a token: nobody else says of a turn that was left.
      assert.ok(key.today.promptTokens > 7)
      assert.is(key.today.completionTokens, 4)
      break
    }
    assert.is(look.calls.length, 0)
  }))

test('what an agent does not know is refused by its name', () =>
  withAgents(async ({ ask }) => {
    const cases: [more: object, param: string][] = [
      [{ messages: [...messages, { role: 'assistant', content: 'x' }] }, 'messages'],
      [{ village: { approvals: 'maybe' } }, 'village.approvals'],
      [{ village: { surprise: 1 } }, 'village.surprise'],
      [{ village: { limits: { turns: 0 } } }, 'village.limits.turns'],
      [{ max_tokens: 5 }, 'max_tokens'],
      [{ response_format: { type: 'json_object' } }, 'response_format'],
    ]
    for (const [more, param] of cases) {
      const { status, json } = await ask('/v1/chat/completions', {
        method: 'POST',
        body: { ...body, ...more },
      })
      assert.equal([status, json.error.param], [400, param])
    }
  }))
test.run()
