import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentRequest } from '../../../node/agents/agent.ts'
import type { Policy } from '../../../node/agents/loop/policy.ts'
import { VillageError } from '../../../node/errors.ts'
import {
  agentParts,
  answer,
  call,
  intend,
  OWNER,
  own,
  recordEvents,
  rowNamed,
  scriptedPolicy,
  settled,
  toolNamed,
  untrusted,
} from '../../helpers/agent-parts.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const loop = suite('agents: the loop')

const asked = (given: Partial<AgentRequest> = {}): AgentRequest => ({
  agent: 'king',
  messages: [{ role: 'user', content: 'do it' }],
  asker: OWNER,
  ...given,
})
const forever = () => new AbortController().signal

loop('plans, acts, observes, answers', async () => {
  const tool = toolNamed('time_now', { run: async () => own({ time: 'noon' }) })
  const seen: unknown[] = []
  const { agents } = agentParts({
    tools: () => [tool],
    rows: [
      rowNamed('king', ({ observations }, turn) => {
        seen.push(observations.length)
        return turn === 1 ? call('time_now', { zone: 'UTC' }) : answer('It is noon.')
      }),
    ],
  })
  const { events, onEvent } = recordEvents()
  const given = await agents.ask(asked(), forever(), onEvent)
  assert.equal(seen, [0, 1])
  assert.equal(tool.calls, [{ zone: 'UTC' }])
  assert.is(given.text, 'It is noon.')
  assert.is(given.finish, 'answer')
  assert.is(given.turns, 2)
  assert.is(given.model, null)
  assert.equal(
    events.map(({ kind }) => kind),
    ['call', 'result', 'text'],
  )
})

loop('every bound ends it, and is said in the finish and in the text', async () => {
  const tool = toolNamed('time_now')
  const count = (_step: unknown, turn: number) => call('time_now', { turn })
  const again = [call('time_now')]
  const cases = [
    ['turns', count, { turns: 3 }, /3 turns/],
    ['tokens', count, { tokens: 250 }, /250 tokens/],
    ['repeats', again, { repeats: 2 }, /same call more than 2 times/],
  ] as const
  for (const [finish, script, limits, says] of cases) {
    const { agents } = agentParts({
      tools: () => [tool],
      rows: [rowNamed('king', [], { policy: () => scriptedPolicy(script, 100) })],
    })
    const { events, onEvent } = recordEvents()
    const given = await agents.ask(asked({ limits }), forever(), onEvent)
    assert.is(given.finish, finish)
    assert.match(given.text, says)
    assert.match(given.text, /time_now: done/)
    const text = events.flatMap((event) => (event.kind === 'text' ? [event.text] : []))
    assert.is(text.join(''), given.text)
  }
})

loop('an equal call beyond the bound is refused once before it ends the request', async () => {
  const tool = toolNamed('time_now')
  const { agents } = agentParts({
    tools: () => [tool],
    rows: [
      rowNamed('king', ({ observations }) =>
        observations.length < 3 ? call('time_now') : answer(observations.at(-1)!.outcome.kind),
      ),
    ],
  })
  const given = await agents.ask(asked({ limits: { repeats: 2 } }), forever())
  assert.is(given.text, 'refused')
  assert.is(tool.calls.length, 2)
})

loop('a request narrows the configured bounds and never widens them', async () => {
  const { agents } = agentParts({
    config: { 'agents.maxTurns': 4 },
    tools: () => [toolNamed('time_now')],
    rows: [rowNamed('king', (_step, turn) => call('time_now', { turn }))],
  })
  assert.is((await agents.ask(asked({ limits: { turns: 100 } }), forever())).turns, 4)
  assert.is((await agents.ask(asked({ limits: { turns: 2 } }), forever())).turns, 2)
  await rejectsCode(agents.ask(asked({ limits: { turns: 0 } }), forever()), 'INVALID_ARGUMENT')
})

loop('time: a tool and a policy that hang are left alone', async () => {
  const hang = () => new Promise<never>(() => {})
  const hanging = toolNamed('time_now', { run: hang })
  const stuck: Policy = { model: null, next: hang }
  for (const policy of [() => scriptedPolicy([call('time_now')]), () => stuck]) {
    const { agents, clock } = agentParts({ tools: () => [hanging], rows: [rowNamed('king', [], { policy })] })
    const asking = agents.ask(asked({ limits: { ms: 5_000 } }), forever())
    await settled()
    clock.pass(5_000)
    await settled()
    clock.pass(1_000)
    const given = await asking
    assert.is(given.finish, 'time')
    assert.match(given.text, /5 s are over/)
    assert.is(clock.timers(), 0)
  }
})

loop('a tool that is cut off by time may still say what goes on without it', async () => {
  const job = toolNamed('model_train', {
    run: (_given, { signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new VillageError('TIMEOUT', 'Job 17 goes on'))),
      ),
  })
  const { agents, clock } = agentParts({
    tools: () => [job],
    rows: [rowNamed('king', [call('model_train')])],
  })
  const asking = agents.ask(asked({ limits: { ms: 5_000 } }), forever())
  await settled()
  clock.pass(5_000)
  const given = await asking
  assert.is(given.finish, 'time')
  assert.match(given.text, /Job 17 goes on/)
})

loop('errors of tools are observations; those of a policy are thrown', async () => {
  const broken = toolNamed('model_list', {
    run: async () => {
      throw new VillageError('MODEL_UNKNOWN', 'There is no model x')
    },
  })
  const bug = toolNamed('node_status', {
    run: async () => {
      throw new TypeError('a secret of the inside')
    },
  })
  const { agents } = agentParts({
    tools: () => [broken, bug],
    rows: [
      rowNamed('king', ({ observations: done }) =>
        done.length < 2 ? call(done.length === 0 ? 'model_list' : 'node_status') : answer('done'),
      ),
    ],
  })
  const { observations } = await agents.ask(asked(), forever())
  const [first, second] = observations.map(({ outcome }) => outcome)
  assert.is(first?.kind === 'error' && first.code, 'MODEL_UNKNOWN')
  assert.match(first?.kind === 'error' ? first.message : '', /There is no model x\. /)
  assert.is(second?.kind === 'error' && second.code, 'INTERNAL')

  const failing: Policy = {
    model: 'm',
    next: async () => {
      throw new VillageError('CHAT_ENDPOINT_FAILED')
    },
  }
  const other = agentParts({ rows: [rowNamed('king', [], { policy: () => failing })] })
  await rejectsCode(other.agents.ask(asked(), forever()), 'CHAT_ENDPOINT_FAILED')
})

loop('wrong arguments and tools that are not there are told, and never run', async () => {
  const tool = toolNamed('file_read', {
    parameters: {
      type: 'object',
      properties: { path: { type: 'string' } },
      required: ['path'],
      additionalProperties: false,
    },
  })
  const calls = [call('file_read', {}), call('file_read', { path: 'a', pth: 'b' }), call('nothing_there')]
  const { agents, audit } = agentParts({
    tools: () => [tool],
    rows: [rowNamed('king', [...calls, answer('ok')])],
  })
  const { observations } = await agents.ask(asked(), forever())
  const said = observations.map(({ outcome }) =>
    outcome.kind === 'error' ? outcome.message : outcome.kind === 'refused' ? outcome.reason : '',
  )
  assert.match(said[0]!, /path is required/)
  assert.match(said[1]!, /pth is not known; did you mean "path"/)
  assert.match(said[2]!, /There is no tool nothing_there/)
  assert.is(tool.calls.length, 0)
  assert.equal(
    (await audit.list()).map(({ outcome, code }) => [outcome, code]),
    [
      ['refused', null],
      ['refused', 'TOOL_ARGUMENTS_INVALID'],
      ['refused', 'TOOL_ARGUMENTS_INVALID'],
    ],
  )
})

loop('a result is cut to the configured size, and says so', async () => {
  const big = toolNamed('knowledge_search', {
    run: async () =>
      untrusted({ hits: Array.from({ length: 50 }, (_, at) => ({ at, text: 'x'.repeat(1_000) })) }),
  })
  const { agents, audit } = agentParts({
    config: { 'agents.maxResultBytes': 4_096 },
    tools: () => [big],
    rows: [rowNamed('king', [call('knowledge_search'), answer('ok')])],
  })
  const { observations } = await agents.ask(asked(), forever())
  const outcome = observations[0]!.outcome
  const content = outcome.kind === 'result' ? outcome.result.content : null
  assert.ok(Buffer.byteLength(JSON.stringify(content)) <= 4_096)
  assert.match(JSON.stringify(content), /"cut":"cut: this is a part of a result of 5\d{4} bytes"/)
  assert.ok((await audit.list())[0]!.sizeBytes! > 50_000)
})

loop('the asker ends it in every state: before, in a policy, in a tool, while a call waits', async () => {
  const hang = () => new Promise<never>(() => {})
  const stuck: Policy = { model: null, next: hang }
  const rows = {
    policy: rowNamed('king', [], { policy: () => stuck }),
    tool: rowNamed('king', [call('time_now')]),
    waiting: rowNamed('king', [call('file_write', { path: 'a' })]),
  }
  const tools = [
    toolNamed('time_now', { run: hang }),
    toolNamed('file_write', { effect: 'change', scope: 'operate' }),
  ]
  for (const [state, row] of Object.entries(rows)) {
    const { agents, approvals, clock, audit } = agentParts({ tools: () => tools, rows: [row] })
    const stop = new AbortController()
    const asking = agents.ask(asked(), stop.signal)
    asking.catch(() => {})
    await settled()
    assert.is(approvals.list(OWNER).length, state === 'waiting' ? 1 : 0)
    stop.abort(new VillageError('ABORTED'))
    await settled()
    clock.pass(1_000)
    await rejectsCode(asking, 'ABORTED')
    assert.is(approvals.list(OWNER).length, 0)
    assert.is(agents.stats().running, 0)
    assert.is(clock.timers(), 0, state)
    if (state === 'tool') assert.is((await audit.list())[0]!.code, 'ABORTED')
  }
  const { agents } = agentParts({ rows: [rowNamed('king', [answer('x')])] })
  await rejectsCode(agents.ask(asked(), AbortSignal.abort(new VillageError('ABORTED'))), 'ABORTED')
})

loop('waiting for approval is not counted as time', async () => {
  const write = toolNamed('file_write', { effect: 'change', scope: 'operate' })
  const { agents, approvals, clock } = agentParts({
    tools: () => [write],
    rows: [rowNamed('king', [call('file_write'), answer('written')])],
  })
  const asking = agents.ask(asked({ limits: { ms: 5_000 } }), forever())
  await settled()
  clock.pass(30_000)
  approvals.decide(approvals.list(OWNER)[0]!.id, 'approve', OWNER)
  assert.is((await asking).text, 'written')
})

loop('what a tool says of its progress is passed on, cut, and not without end', async () => {
  const chatty = toolNamed('mcp_shop_look', {
    async run(_given, { progress }) {
      for (let n = 0; n < 20_000; n += 1) progress('x'.repeat(1_000))
      return own({})
    },
  })
  const { agents } = agentParts({
    tools: () => [chatty],
    rows: [rowNamed('king', [call('mcp_shop_look'), answer('ok')])],
  })
  const { events, onEvent } = recordEvents()
  await agents.ask(asked(), forever(), onEvent)
  const told = events.flatMap((event) => (event.kind === 'progress' ? [event.message.length] : []))
  assert.is(told.length, 10_000)
  assert.is(Math.max(...told), 200)
})

loop('only so many requests at once; a stop ends those that go on and lets none in', async () => {
  const stuck: Policy = { model: null, next: () => new Promise<never>(() => {}) }
  const { agents } = agentParts({
    config: { 'agents.maxRequests': 2 },
    rows: [rowNamed('king', [], { policy: () => stuck })],
  })
  const going = [agents.ask(asked(), forever()), agents.ask(asked(), forever())]
  for (const it of going) it.catch(() => {})
  const busy = await rejectsCode(agents.ask(asked(), forever()), 'AGENT_BUSY')
  assert.type(busy.fields.retryAfterMs, 'number')
  await settled()
  await agents.stop()
  for (const it of going) await rejectsCode(it, 'SHUTTING_DOWN')
  await rejectsCode(agents.ask(asked(), forever()), 'SHUTTING_DOWN')
  assert.is(agents.stats().running, 0)
})

loop('a listener that throws harms nobody, and what a model wrote before a bound is kept', async () => {
  const writing: Policy = {
    model: 'm',
    next: (_step, _signal, onText) => {
      onText('Half a sen')
      return new Promise<never>(() => {})
    },
  }
  const { agents, clock } = agentParts({ rows: [rowNamed('king', [], { policy: () => writing })] })
  const asking = agents.ask(asked({ limits: { ms: 1_000 } }), forever(), () => {
    throw new Error('a listener of no use')
  })
  await settled()
  clock.pass(1_000)
  const given = await asking
  assert.is(given.finish, 'time')
  assert.match(given.text, /^Half a sen\n\nThe request was ended/)
})

loop('an unknown agent and a request without words are refused', async () => {
  const { agents } = agentParts({ rows: [rowNamed('king', [answer('x')])] })
  await rejectsCode(agents.ask(asked({ agent: 'magi' }), forever()), 'AGENT_UNKNOWN')
  const wordless = asked({ messages: [{ role: 'system', content: 'be brief' }] })
  await rejectsCode(agents.ask(wordless, forever()), 'INVALID_ARGUMENT')
})

loop('what is asked for runs without a question; counts say what happened', async () => {
  const write = toolNamed('file_write', { effect: 'change', scope: 'operate' })
  const { agents } = agentParts({
    tools: () => [write],
    intendedCalls: () => [intend('file_write')],
    rows: [rowNamed('king', [call('file_write'), answer('ok')])],
  })
  await agents.ask(asked(), forever())
  assert.equal(agents.stats().calls, [{ tool: 'file_write', outcome: 'done', count: 1 }])
  assert.equal(agents.stats().requests, [{ agent: 'king', finish: 'answer', count: 1 }])
  assert.is(agents.stats().turns, 2)
})

loop.run()
