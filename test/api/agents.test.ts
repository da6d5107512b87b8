import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TestApi } from '../helpers/api-server.ts'
import { startTestApi } from '../helpers/api-server.ts'
import { memoryAgents } from '../helpers/memory-agents.ts'

const agents = suite('api: agents')

async function withApi(run: (server: TestApi) => Promise<void>): Promise<void> {
  const server = await startTestApi({ services: memoryAgents() })
  try {
    await run(server)
  } finally {
    await server.close()
  }
}
const asking = (content: string, more: object = {}) => ({
  method: 'POST',
  body: { messages: [{ role: 'user', content }], ...more },
})
const frames = (bytes: Buffer) =>
  bytes
    .toString()
    .split('\n\n')
    .filter((frame) => frame.startsWith('event: '))
    .map((frame) => {
      const [type, data] = frame.split('\n')
      return { type: type!.slice(7), data: JSON.parse(data!.slice(6)) }
    })
async function key({ ask }: TestApi, scope: string): Promise<string> {
  const { json } = await ask('/api/v1/keys', { method: 'POST', body: { name: `key-${scope}`, scope } })
  return json.secret
}

agents('an answer as JSON, and as events of the same request', () =>
  withApi(async ({ ask }) => {
    const { status, json } = await ask('/api/v1/agents/king/ask', asking('hello'))
    assert.is(status, 200)
    assert.is(json.text, 'You said: hello')
    assert.is(json.finish, 'answer')
    const streamed = await ask(
      '/api/v1/agents/king/ask',
      asking('write notes/a.md', { stream: true, approvals: 'refuse' }),
    )
    assert.match(streamed.headers['content-type'] ?? '', 'text/event-stream')
    const events = frames(streamed.bytes)
    assert.equal(
      events.map(({ type }) => type),
      ['call', 'result', 'text', 'done'],
    )
    assert.equal(events[1]!.data.state, 'refused')
    assert.is(events[3]!.data.text, 'It ended as a refused.')
    assert.match(events[3]!.data.observations[0].summary, /nobody is there/)
  }),
)

agents('what is wrong is said before a stream begins', () =>
  withApi(async ({ ask }) => {
    const stream = { stream: true }
    assert.is((await ask('/api/v1/agents/nobody/ask', asking('x', stream))).json.code, 'AGENT_UNKNOWN')
    assert.is(
      (await ask('/api/v1/agents/king/ask', asking('x', { ...stream, model: 'nothing' }))).json.code,
      'CHAT_MODEL_UNKNOWN',
    )
    assert.is((await ask('/api/v1/agents/king/ask', asking(' ', stream))).json.code, 'INVALID_ARGUMENT')
    const tool = { messages: [{ role: 'tool', content: 'x' }] }
    assert.is(
      (await ask('/api/v1/agents/king/ask', { method: 'POST', body: tool })).json.code,
      'INVALID_ARGUMENT',
    )
  }),
)

agents('a call that waits is decided over the API, once', () =>
  withApi(async ({ ask }) => {
    const answering = ask('/api/v1/agents/king/ask', asking('write notes/a.md'))
    let waiting = []
    while (waiting.length === 0) waiting = (await ask('/api/v1/approvals')).json.approvals
    assert.equal(waiting[0].arguments, { path: 'notes/a.md' })
    const target = `/api/v1/approvals/${waiting[0].id}`
    const approve = { method: 'POST', body: { decision: 'approve' } }
    assert.is((await ask(target, approve)).status, 200)
    assert.is((await ask(target, approve)).json.code, 'APPROVAL_UNKNOWN')
    assert.is((await answering).json.text, 'It ended as a result.')
    const [entry] = (await ask('/api/v1/audit')).json.calls
    assert.equal(
      [entry.tool, entry.decision, entry.by, entry.outcome],
      ['file_write', 'approved', 'owner', 'done'],
    )
    await ask('/api/v1/audit', { method: 'DELETE' })
    assert.equal((await ask('/api/v1/audit')).json.calls, [])
  }),
)

agents('a key has its scope: who asks may read, but not change, decide or see the log', () =>
  withApi(async (server) => {
    const token = await key(server, 'ask')
    const as = (target: string, init: object = {}) => server.ask(target, { ...init, token })
    assert.equal(
      (await as('/api/v1/tools')).json.tools.map(({ name }: { name: string }) => name),
      ['time_now'],
    )
    const { json } = await as('/api/v1/agents/king/ask', asking('write notes/a.md'))
    assert.match(json.observations[0].summary, /needs the scope operate/)
    for (const target of ['/api/v1/approvals', '/api/v1/audit'])
      assert.is((await as(target)).json.code, 'API_SCOPE')
  }),
)

agents('metrics count turns, calls and what waits', () =>
  withApi(async ({ ask }) => {
    await ask('/api/v1/agents/king/ask', asking('write a', { approvals: 'refuse' }))
    const text = (await ask('/metrics')).bytes.toString()
    assert.match(text, 'village_agent_turns_total 2')
    assert.match(text, 'village_agent_requests_total{agent="king",finish="answer"} 1')
    assert.match(text, 'village_agent_calls_total{tool="file_write",outcome="refused"} 1')
    assert.match(text, 'village_agent_approvals 0')
  }),
)

agents.run()
