import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentEvent, AgentRequest } from '../../../node/agents/agent.ts'
import type { Agents } from '../../../node/agents/agents.ts'
import { createAgentAsk } from '../../../node/agents/king/agent-ask.ts'
import { createDecisions } from '../../../node/agents/king/decisions.ts'
import { intendedCalls } from '../../../node/agents/king/intended-calls.ts'
import { createKing } from '../../../node/agents/king/king.ts'
import { DEFAULT_WEIGHTS } from '../../../node/agents/king/weigh.ts'
import { MAGI } from '../../../node/agents/magi/magi.ts'
import type { Tool } from '../../../node/agents/tools/tool.ts'
import { VillageError } from '../../../node/errors.ts'
import type { JsonObject } from '../../../node/json.ts'
import { agentParts, answer, LIMITS, NOW_MS, OWNER, rowNamed, toolNamed } from '../../helpers/agent-parts.ts'
import { memorySealedStore } from '../../helpers/memory-sealed-store.ts'

const SIGNAL = new AbortController().signal
const own = (content: JsonObject) => async () => ({
  content,
  trust: 'own' as const,
  summary: JSON.stringify(content),
})

interface Village {
  readonly agents: Agents
  readonly decisions: ReturnType<typeof createDecisions>
  readonly tools: Record<string, ReturnType<typeof toolNamed>>
  ask(goal: string, given?: Partial<AgentRequest>): Promise<Awaited<ReturnType<Agents['ask']>>>
  readonly events: AgentEvent[]
}

function village(given: { tools?: Tool[]; quality?: number; offers?: string[] } = {}): Village {
  const decisions = createDecisions({ store: memorySealedStore() }, { now: () => 1 })
  let ids = 0
  const newId = () => `id${++ids}`
  const tools = {
    knowledge_index: toolNamed('knowledge_index', {
      effect: 'change',
      scope: 'operate',
      run: own({ collection: 'docs', documents: 3 }),
    }),
    knowledge_ask: toolNamed('knowledge_ask', {
      run: async () => ({
        content: { text: 'A village is made by a founder [1].' },
        trust: 'untrusted',
        summary: 'found',
      }),
    }),
    model_compress: toolNamed('model_compress', {
      effect: 'change',
      scope: 'operate',
      run: own({ model: 'small', job: 'j1', quality: given.quality ?? 0.99, sizeBytes: 3_000_000 }),
    }),
    model_compare: toolNamed('model_compare', {
      run: own({ first: 'big-lm', second: 'small', better: 'big-lm', job: 'j2' }),
    }),
    model_merge: toolNamed('model_merge', {
      effect: 'change',
      scope: 'operate',
      run: own({ model: 'merged', job: 'j3' }),
    }),
    model_train: toolNamed('model_train', {
      effect: 'change',
      scope: 'operate',
      run: async () => {
        throw new VillageError('DATA_CORRUPT', 'The file is torn')
      },
    }),
    model_evaluate: toolNamed('model_evaluate', {
      effect: 'change',
      scope: 'operate',
      run: own({ score: 1 }),
    }),
    calculate: toolNamed('calculate', { run: own({ value: '51', text: '51' }) }),
    file_write: toolNamed('file_write', { effect: 'change', scope: 'operate', run: own({ path: 'x' }) }),
    time_now: toolNamed('time_now', { run: own({ local: 'noon' }) }),
  }
  const agentAsk = createAgentAsk(
    {
      ask: (...asked) => agents.ask(...asked),
      village: {
        offers: () => (given.offers ?? []).map((peer) => ({ peer, agents: [{ name: 'sage', model: true }] })),
        askMember: async () => {
          throw new VillageError('PEER_UNREACHABLE')
        },
      },
      decisions,
    },
    { weights: DEFAULT_WEIGHTS, hasModel: false, limits: LIMITS, now: () => NOW_MS, newId },
  )
  const sage = rowNamed('sage', ({ observations, messages }) => {
    const [seen] = observations
    if (seen === undefined) {
      const question = messages.at(-1)?.content ?? ''
      return { kind: 'call', calls: [{ tool: 'knowledge_ask', arguments: { question }, reason: 'asked' }] }
    }
    return seen.outcome.kind === 'result'
      ? answer('A village is made by a founder [1].')
      : answer('I do not know.')
  })
  const { agents } = agentParts({
    rows: [createKing({ decisions }), sage, MAGI],
    tools: () => [...Object.values(tools), agentAsk, ...(given.tools ?? [])],
    intendedCalls,
    config: { 'agents.maxTurns': 24 },
  })
  const events: AgentEvent[] = []
  return {
    agents,
    decisions,
    tools,
    events,
    ask: (goal, more = {}) =>
      agents.ask(
        {
          agent: 'king',
          messages: [{ role: 'user', content: goal }],
          asker: OWNER,
          approvals: 'refuse',
          ...more,
        },
        SIGNAL,
        (event) => events.push(event),
      ),
  }
}

const test = suite('King without a language model')

test('does its own steps, gives questions to Sage, and answers for the whole', async () => {
  const { ask, tools, events } = village()
  const { text, model, finish } = await ask('Index ~/docs and tell me how a village is created')
  assert.is(model, null)
  assert.is(finish, 'answer')
  assert.equal(tools.knowledge_index!.calls, [{ path: '~/docs', collection: 'docs' }])
  assert.equal(tools.knowledge_ask!.calls, [{ question: 'how a village is created' }])
  assert.match(text, /^1\. knowledge index/)
  assert.match(text, /2\. A village is made by a founder \[1\]\./)
  const called = events.flatMap((event) => (event.kind === 'call' ? [`${event.agent} ${event.tool}`] : []))
  assert.equal(called, ['king knowledge_index', 'king agent_ask', 'sage knowledge_ask'])
})

test('gives Magi steps that rest on each other in one go', async () => {
  const { ask, tools } = village()
  const { text } = await ask('compress big-lm under 4 MB and check its quality')
  assert.equal(tools.model_compress!.calls, [{ model: 'big-lm', maxBytes: 4_000_000 }])
  assert.equal(tools.model_compare!.calls, [{ first: 'big-lm', second: 'small' }])
  assert.match(text, /1\. model compress/)
  assert.match(text, /2\. model compare/)
})

test('an answer that Sage gave is written to the file that the asker named', async () => {
  const { ask, tools } = village()
  await ask('How is a village created? Save the answer to ~/notes/a.md')
  assert.equal(tools.file_write!.calls, [
    { path: '~/notes/a.md', content: 'A village is made by a founder [1].' },
  ])
})

test('a condition is held against what was measured', async () => {
  const goal = 'Compress big-lm; if it keeps more than 95% of its quality, merge it with other-lm'
  const good = village({ quality: 0.97 })
  await good.ask(goal)
  assert.equal(good.tools.model_merge!.calls, [{ models: ['small', 'other-lm'] }])
  const bad = village({ quality: 0.9 })
  const { text } = await bad.ask(goal)
  assert.equal(bad.tools.model_merge!.calls, [])
  assert.match(text, /quality is 0\.9, which is not above 0\.95/)
})

test('what failed is said, what rests on it is not done, the rest goes on', async () => {
  const { ask, tools } = village()
  const { text } = await ask('Train big-lm on ~/a.txt, compress the result to 2 MB, and what time is it?')
  assert.equal(tools.model_compress!.calls, [])
  assert.is(tools.time_now!.calls.length, 1)
  assert.match(text, /1\. model train: failed\. .*DATA_CORRUPT/)
  assert.match(text, /2\. model compress: not done/)
})

test('what no rule knows is said, and nothing is called', async () => {
  const { ask, events } = village()
  const { text } = await ask('Buy me a ticket to Rome')
  assert.match(text, /Not done: Buy me a ticket to Rome/)
  assert.equal(
    events.filter(({ kind }) => kind === 'call'),
    [],
  )
})

test('the decision log has the plan, what was weighed, and how it ended', async () => {
  const { ask, decisions } = village({ offers: ['12D3peer'] })
  const { id } = await ask('compress big-lm to 4 MB. How is a village created?')
  const decision = await decisions.get(id)
  assert.is(decision?.asked, 'compress big-lm to 4 MB. How is a village created?')
  assert.equal(
    decision?.steps.map(({ tool, agent, state }) => [tool, agent, state]),
    [
      ['model_compress', 'magi', 'done'],
      ['knowledge_ask', 'sage', 'done'],
    ],
  )
  assert.equal(
    decision?.choices.map(({ agent, chosen, ways }) => [agent, chosen, ways.map(({ id: way }) => way)]),
    [
      ['magi', 'here', ['here']],
      ['sage', 'here', ['here', '12D3peer']],
    ],
  )
  assert.is(decision?.endedAtMs, 1)
  await decisions.eraseAsker(OWNER)
  assert.is(await decisions.get(id), null)
})

test('an asker with the scope `ask` changes nothing', async () => {
  const { ask, tools } = village()
  const { text } = await ask('compress big-lm to 4 MB', { asker: { kind: 'key', id: 'k', scope: 'ask' } })
  assert.equal(tools.model_compress!.calls, [])
  assert.match(text, /refused|not done/)
})

test.run()
