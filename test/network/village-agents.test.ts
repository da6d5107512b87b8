/** Agents on other members' nodes: real meshes, what is asked, what is allowed, and members that lie, stall or leave. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentEvent, AgentRequest } from '../../node/agents/agent.ts'
import { MAGI } from '../../node/agents/magi/magi.ts'
import { CALCULATE_TOOL } from '../../node/agents/tools/calculate-tool.ts'
import type { AnswerRequest } from '../../node/agents/village/answer-members.ts'
import type { MemberRequest } from '../../node/agents/village/request-wire.ts'
import type { VillageAgents } from '../../node/agents/village/village-agents.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { VillageError } from '../../node/errors.ts'
import type { FramedStream } from '../../node/mesh/framed-stream.ts'
import { AGENTS_PROTOCOL, AskFrame, ReplyFrame } from '../../node/mesh/protocols/agents.ts'
import { ANSWER, NO_FRAME, OFFER, offersAgents, RIGHT } from '../helpers/agent-nodes.ts'
import { agentParts, toolNamed } from '../helpers/agent-parts.ts'
import { joinWith, type MeshNode, startMeshNode, stopMeshNodes, until } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'

let answer: AnswerRequest = async () => ANSWER
/** What the liar does with a request. */
let lie: (stream: FramedStream) => Promise<void> = async () => {}
const asked: AgentRequest[] = []
const agents: VillageAgents[] = []
let nodes: MeshNode[] = []

const agentsOn = (config: Partial<Config>) =>
  offersAgents(
    config,
    (request, given, onEvent) => {
      asked.push(request)
      return answer(request, given, onEvent)
    },
    (village) => agents.push(village),
  )

const signal = () => AbortSignal.timeout(60_000)
const question = (over: Partial<MemberRequest> = {}): MemberRequest => ({
  agent: 'sage',
  messages: [{ role: 'user', content: 'how many?' }],
  ...over,
})
const peerOf = (index: number) => nodes[index]!.mesh.peerId
const ask = (
  request = question(),
  given = signal(),
  onEvent: (event: AgentEvent) => void = () => {},
  from = 0,
  to = 1,
) => agents[from]!.askMember(peerOf(to), request, given, onEvent)

test.before(async () => {
  const founder = await startMeshNode({ name: 'asker', prepare: agentsOn({}) })
  await founder.villages.create({ name: 'test village', open: false })
  const offering = await startMeshNode({ name: 'offering', prepare: agentsOn(OFFER) })
  const liar = await startMeshNode({
    name: 'liar',
    prepare: (mesh) => {
      mesh.handle(AGENTS_PROTOCOL, async (stream, { signal: over }) => {
        await stream.expect(AskFrame)
        const ended = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()))
        await Promise.race([lie(stream), ended])
      })
    },
  })
  await joinWith(founder, offering)
  await joinWith(founder, liar)
  nodes = [founder, offering, liar]
})
test.after(async () => {
  await Promise.all(agents.map((village) => village.stop()))
  await stopMeshNodes()
})

test('a member sees who offers which agents', async () => {
  await until('the offer is announced', () => agents[0]!.offers().length === 1)
  assert.equal(agents[0]!.offers(), [
    {
      peer: peerOf(1),
      agents: [
        { name: 'sage', model: false },
        { name: 'magi', model: false },
      ],
    },
  ])
})

test('an answer comes with its events, its evidence, and the word of the member that gave it', async () => {
  const told: AgentEvent[] = [
    { kind: 'plan', steps: [{ tool: 'knowledge_ask', reason: 'It is a question.' }] },
    { kind: 'call', call: 'c1', agent: 'sage', tool: 'knowledge_ask', arguments: { question: 'how many?' } },
    { kind: 'progress', call: 'c1', message: '1 of 2' },
    { kind: 'result', call: 'c1', state: 'done', summary: 'one passage' },
    { kind: 'text', text: `${'Sévén '.repeat(3000)}` },
  ]
  answer = async (_, __, onEvent) => {
    for (const event of told) onEvent(event)
    return ANSWER
  }
  const events: AgentEvent[] = []
  const got = await ask(question(), signal(), (event) => events.push(event))
  assert.equal(events.slice(0, 4), told.slice(0, 4))
  assert.is(
    events
      .slice(4)
      .map((event) => (event.kind === 'text' ? event.text : ''))
      .join(''),
    'Sévén '.repeat(3000),
  )
  const items = ANSWER.evidence!.items.map((item) => ({ ...item, vouchedBy: [peerOf(1)] }))
  assert.equal(got, { ...ANSWER, node: peerOf(1), evidence: { ...ANSWER.evidence!, items } })
})

test('the request is one of a member: narrow bounds, a lease, nobody who approves, no words but those spoken', async () => {
  asked.length = 0
  answer = async () => ANSWER
  await ask(
    question({
      agent: 'magi',
      messages: [
        { role: 'system', content: 'memory of the asker' },
        { role: 'user', content: 'first' },
        { role: 'assistant', content: 'answered' },
        { role: 'tool', content: 'a result', toolCallId: 'x', name: 'file_read' },
        { role: 'user', content: 'second' },
      ],
      limits: { turns: 1000, tokens: 5, ms: 10_000_000 },
      options: { node: peerOf(1), model: 'costly', collections: ['notes'], local: true, sees: 'private' },
    }),
  )
  const [request] = asked
  assert.equal(request!.messages, [
    { role: 'user', content: 'first' },
    { role: 'assistant', content: 'answered' },
    { role: 'user', content: 'second' },
  ])
  assert.equal(request!.asker, { kind: 'member', id: peerOf(0), scope: 'ask' })
  assert.is(request!.approvals, 'refuse')
  assert.equal(request!.options, { collections: ['notes'] })
  assert.equal(request!.limits, {
    turns: DEFAULT_CONFIG['agents.offerTurns'],
    ms: DEFAULT_CONFIG['agents.offerMs'],
    tokens: 5,
    repeats: DEFAULT_CONFIG['agents.maxRepeats'],
  })
  assert.is(request!.model, undefined)
  assert.is(request!.lease!.agent, 'magi')
  for (const tool of request!.lease!.tools)
    assert.match(tool, /^(?:agent_ask|calculate|knowledge_(?:ask|search|collections)|time_now)$/)
})

test('the agents of a member do for a visitor what visitors may, and nothing else', async () => {
  const names = ['code_run', 'file_read', 'model_list', 'model_add', 'node_status', 'time_now'] as const
  const tools = names.map((name) => toolNamed(name, { scope: name === 'code_run' ? 'operate' : 'read' }))
  const parts = agentParts({ rows: [MAGI], tools: () => [CALCULATE_TOOL, ...tools] })
  answer = (request, given, onEvent) => parts.agents.ask(request, given, onEvent)
  const magi = (content: string, steps?: readonly { tool: string; arguments: object }[]) =>
    ask(
      question({
        agent: 'magi',
        messages: [{ role: 'user', content }],
        ...(steps === undefined ? {} : { options: { steps: JSON.parse(JSON.stringify(steps)) } }),
      }),
    )
  assert.is((await magi('what is 17% of 300?')).text, '17% of 300 = 51')
  assert.match((await magi('run this\n```python\nprint(1)\n```')).text, 'may not use')
  const all = await magi(
    'do it',
    names.map((tool) => ({ tool, arguments: {} })),
  )
  assert.match(all.text, 'not among the tools')
  assert.equal(
    tools.filter(({ calls }) => calls.length > 0).map(({ name }) => name),
    ['time_now'],
  )
  assert.ok(tools.every(({ contexts }) => contexts.every(({ seesPrivate }) => !seesPrivate)))
  await parts.agents.stop()
})

test('agents that are not offered, and members that offer none, say so', async () => {
  await rejectsCode(ask(question({ agent: 'king' })), 'AGENT_NOT_OFFERED')
  await rejectsCode(
    ask(question(), signal(), () => {}, 1, 0),
    'AGENT_NOT_OFFERED',
  )
})

test('what fails there is told by a code that says nothing of that node', async () => {
  answer = async () => {
    throw new VillageError('DATA_CORRUPT', 'secret path /home/x')
  }
  const error = await rejectsCode(ask(), 'AGENT_MEMBER_FAILED')
  assert.not.match(JSON.stringify(error), 'secret')
  answer = async () => {
    throw new VillageError('AGENT_BUSY')
  }
  await rejectsCode(ask(), 'AGENT_BUSY')
})

test('a member that works long is waited for while it shows life, and a cancel ends its work', async () => {
  const cancelled = Promise.withResolvers<void>()
  answer = (_, given) =>
    new Promise((__, reject) => {
      given.addEventListener('abort', () => {
        cancelled.resolve()
        reject(given.reason)
      })
    })
  const abort = new AbortController()
  const waiting = ask(question(), abort.signal)
  await until('it works', () => asked.length > 0)
  const reason = new VillageError('ABORTED')
  setTimeout(() => abort.abort(reason), 100)
  await rejectsCode(waiting, 'ABORTED')
  await cancelled.promise
})

test('so many at once and in an hour, and no more', async () => {
  const release = Promise.withResolvers<void>()
  asked.length = 0
  answer = async () => {
    await release.promise
    return ANSWER
  }
  const first = [ask(), ask()]
  await until('both work', () => asked.length === 2)
  await rejectsCode(ask(), 'PEER_BUSY')
  release.resolve()
  await Promise.all(first)
  let codes: string[] = []
  for (let count = 0; count < 45 && !codes.includes('PEER_RATE_LIMITED'); count++)
    codes = [
      ...codes,
      await ask().then(
        () => 'ok',
        (error: VillageError) => error.code,
      ),
    ]
  assert.is(codes.at(-1), 'PEER_RATE_LIMITED')
  assert.ok(codes.length > 20, `${codes.length} were answered`)
})

const toLiar = (request = question(), given = signal()) => ask(request, given, () => {}, 0, 2)

test('a member that answers what cannot be is not believed', async () => {
  const evidence = {
    ...{ question: 'q', queries: [], items: [], confidence: 0.5, threshold: 0.5, isFound: true, missing: [] },
  }
  const item = {
    ...{ number: 1, collection: 'c', document: 'd', title: undefined, source: 's', page: 0, headings: [] },
    ...{ start: 0, end: 1, text: 't', score: 1 },
  }
  const wrong: ReplyFrame[] = [
    NO_FRAME,
    { ...NO_FRAME, answer: { ...RIGHT, finish: 99 } },
    { ...NO_FRAME, answer: { ...RIGHT, id: '' } },
    { ...NO_FRAME, answer: { ...RIGHT, evidence: { ...evidence, confidence: 7 } } },
    { ...NO_FRAME, answer: { ...RIGHT, evidence: { ...evidence, confidence: Number.NaN } } },
    { ...NO_FRAME, answer: { ...RIGHT, evidence: { ...evidence, items: [{ ...item, number: 3 }] } } },
    { ...NO_FRAME, answer: { ...RIGHT, evidence: { ...evidence, items: [{ ...item, start: 5 }] } } },
    { ...NO_FRAME, call: { call: 'a', agent: 'root', tool: 't', arguments: '{}' } },
    { ...NO_FRAME, call: { call: 'a', agent: 'sage', tool: 't', arguments: '{' } },
    { ...NO_FRAME, result: { call: 'a', state: 9, summary: '' } },
  ]
  for (const frame of wrong) {
    lie = (stream) => stream.send(ReplyFrame, frame)
    await rejectsCode(toLiar(), 'ANSWER_IMPLAUSIBLE')
  }
  lie = (stream) => stream.send(ReplyFrame, { ...NO_FRAME, code: 'API_UNAUTHORIZED' })
  await rejectsCode(toLiar(), 'AGENT_MEMBER_FAILED')
  lie = (stream) => stream.send(ReplyFrame, { ...NO_FRAME, answer: RIGHT })
  assert.is((await toLiar()).text, 'yes')
})

test('a member that talks without end, sends no protobuf, or says nothing is left', async () => {
  lie = async (stream) => {
    for (;;) await stream.send(ReplyFrame, { ...NO_FRAME, text: 'x'.repeat(8192) })
  }
  await rejectsCode(toLiar(), 'ANSWER_IMPLAUSIBLE')
  lie = async (stream) => {
    for (;;) await stream.send(ReplyFrame, { ...NO_FRAME, alive: true })
  }
  await rejectsCode(toLiar(), 'ANSWER_IMPLAUSIBLE')
  lie = (stream) =>
    stream.send(
      { ...ReplyFrame, encodeParts: () => [Uint8Array.of(0xff, 0xff, 0xff)] },
      { ...NO_FRAME, alive: true },
    )
  await rejectsCode(toLiar(), 'PROTOCOL_MALFORMED')
  lie = async () => {}
  await rejectsCode(toLiar(), 'PROTOCOL_UNEXPECTED_END')
  const abort = new AbortController()
  lie = async () => {
    abort.abort(new VillageError('ABORTED'))
    await new Promise(() => {})
  }
  await rejectsCode(toLiar(question(), abort.signal), 'ABORTED')
})

test('a member that leaves in between is a lost connection', async () => {
  const begun = Promise.withResolvers<void>()
  lie = async (stream) => {
    await stream.send(ReplyFrame, { ...NO_FRAME, text: 'I begin' })
    begun.resolve()
    await new Promise(() => {})
  }
  const waiting = rejectsCode(toLiar(), 'PEER_DISCONNECTED')
  await begun.promise
  await nodes[2]!.stop()
  await waiting
})

test.run()
