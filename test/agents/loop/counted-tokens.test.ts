/** What models took is counted to whoever asked: turn by turn, also where nobody gets an answer. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentRequest } from '../../../node/agents/agent.ts'
import type { Asker } from '../../../node/agents/asker.ts'
import type { ChatModel, ChatReply } from '../../../node/agents/chat/chat-model.ts'
import { modelPolicy } from '../../../node/agents/chat/model-policy.ts'
import { VillageError } from '../../../node/errors.ts'
import { agentParts, answer, call, own, rowNamed, settled, toolNamed } from '../../helpers/agent-parts.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('agents: counted tokens')
const KEY: Asker = { kind: 'key', id: 'key_1', scope: 'operate' }
const USAGE = { promptTokens: 10, cachedTokens: 0, completionTokens: 4 }

type Turn = (signal: AbortSignal, say: (text: string) => void) => Promise<Partial<ChatReply>>

function modelOf(turns: readonly Turn[]): ChatModel {
  let turn = 0
  return {
    ...{ id: 'm', place: 'local', contextTokens: null, countTokens: (text) => text.length },
    async respond(_request, signal, onDelta) {
      const now = turns[turn++]!
      const reply = await now(signal, (text) => onDelta?.({ kind: 'text', text }))
      return { ...{ model: 'm', text: '', toolCalls: [], finish: 'stop', usage: USAGE }, ...reply }
    },
  }
}

const looks: Turn = async () => ({
  finish: 'tool-calls',
  toolCalls: [{ id: '1', name: 'look', arguments: '{}' }],
})

function parts(turns: readonly Turn[], run = async () => own({ ok: true })) {
  const counted: [string, number][] = []
  const look = toolNamed('look', { run })
  const made = agentParts({
    chatModels: { need: async () => modelOf(turns) },
    tools: () => [look],
    rows: [
      rowNamed('king', [], {
        policy: ({ model, declarations }) =>
          modelPolicy({ model: model!, system: 'x', tools: declarations, mark: 'm' }),
      }),
    ],
  })
  made.agents.onUsage(({ id }, { promptTokens, completionTokens }) =>
    counted.push([id, promptTokens + completionTokens]),
  )
  return { ...made, counted }
}

const request: AgentRequest = {
  ...{ agent: 'king', asker: KEY, model: 'm', messages: [{ role: 'user', content: 'look' }] },
}
const never = () => new AbortController().signal

test('each turn is told as it ends, and adds up to the usage of the answer', async () => {
  const { agents, counted } = parts([looks, async () => ({ text: 'done' })])
  const { usage } = await agents.ask(request, never())
  assert.equal(counted, [
    ['key_1', 14],
    ['key_1', 14],
  ])
  assert.is(usage.promptTokens + usage.completionTokens, 28)
})

test('a request that fails in its second turn has used the first', async () => {
  const { agents, counted } = parts([
    looks,
    async () => {
      throw new VillageError('CHAT_ENDPOINT_FAILED')
    },
  ])
  await rejectsCode(agents.ask(request, never()), 'CHAT_ENDPOINT_FAILED')
  assert.equal(
    counted.map(([, tokens]) => tokens).filter((tokens) => tokens > 0),
    [14],
  )
})

test('whoever hangs up has used what was read and written until then', async () => {
  const leaving = new AbortController()
  const { agents, counted } = parts([
    async (signal, say) => {
      say('x'.repeat(300))
      leaving.abort(new VillageError('ABORTED'))
      await settled()
      throw signal.reason
    },
  ])
  await rejectsCode(agents.ask(request, leaving.signal), 'ABORTED')
  await settled()
  assert.is(counted.length, 1)
  assert.ok(counted[0]![1] > 100)
})

test('the first of two asks of a turn counts although the second fails', async () => {
  const { agents, counted } = parts([
    async () => ({ finish: 'tool-calls', toolCalls: [{ id: '1', name: 'look', arguments: 'no json' }] }),
    async () => {
      throw new VillageError('CHAT_ENDPOINT_FAILED')
    },
  ])
  await rejectsCode(agents.ask(request, never()), 'CHAT_ENDPOINT_FAILED')
  assert.equal(counted, [['key_1', 14]])
})

test('tokens of tools count to the request’s bound and to the asker, by an agent and by name', async () => {
  const hungry = toolNamed('hungry', {
    async run(_given, { countTokens }) {
      countTokens({ promptTokens: 40, completionTokens: 30 })
      return own({ ok: true })
    },
  })
  const counted: number[] = []
  const { agents } = agentParts({
    tools: () => [hungry],
    rows: [rowNamed('king', (_step, turn) => (turn > 9 ? answer('x') : call('hungry', { turn })))],
  })
  agents.onUsage((_asker, { promptTokens, completionTokens }) =>
    counted.push(promptTokens + completionTokens),
  )
  const { finish, usage, turns } = await agents.ask(
    { ...request, model: null, limits: { tokens: 140 } },
    never(),
  )
  assert.equal([finish, turns, usage.promptTokens], ['tokens', 2, 80])
  assert.equal(counted, [70, 70])
  await agents.callTool({ tool: 'hungry', arguments: {}, asker: KEY, via: 'mcp' }, never())
  assert.equal(counted, [70, 70, 70])
})

test('a member’s claim is believed up to what a request may use', async () => {
  const claimed = { promptTokens: 1e12, cachedTokens: 0, completionTokens: 5 }
  const counted: number[] = []
  const plain = await parts([async () => ({ text: 'x' })]).agents.ask(request, never())
  const { agents } = agentParts({
    config: { 'agents.maxTokens': 1_000 },
    rows: [rowNamed('king', [answer('x')])],
    village: { askMember: async () => ({ ...plain, usage: claimed }) },
  })
  agents.onUsage((_asker, { promptTokens, completionTokens }) =>
    counted.push(promptTokens + completionTokens),
  )
  await agents.ask({ ...request, options: { node: 'far' } }, never())
  assert.equal(counted, [1_000])
})

test.run()
