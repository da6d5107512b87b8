/** Quotas of keys hold for agents and tools whatever becomes of the request. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatModel } from '../../../node/agents/chat/chat-model.ts'
import { modelPolicy } from '../../../node/agents/chat/model-policy.ts'
import { createKeys } from '../../../node/api/keys/keys.ts'
import { countAgentTokens, createMeteredAgents } from '../../../node/api/keys/metered-agents.ts'
import { VillageError } from '../../../node/errors.ts'
import { createLog } from '../../../node/log.ts'
import { agentParts, own, rowNamed, toolNamed } from '../../helpers/agent-parts.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('metered agents')
let directory: string

test.before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'village-metered-'))
})
test.after(() => rm(directory, { recursive: true, force: true }))

/** Writes until whoever listens has gone. */
const talker = (onWritten: () => void): ChatModel => ({
  ...{ id: 'm', place: 'local', contextTokens: null, countTokens: (text) => text.length },
  async respond(_request, signal, onDelta) {
    onDelta?.({ kind: 'text', text: 'a long story '.repeat(20) })
    onWritten()
    throw signal.reason
  },
})

test('a key that hangs up has used what it heard, and is refused when its quota is spent', async () => {
  let leave = () => {}
  const spender = toolNamed('spend', {
    async run(_given, { countTokens }) {
      countTokens({ promptTokens: 30, completionTokens: 12 })
      return own({ ok: true })
    },
  })
  const parts = agentParts({
    chatModels: { need: async () => talker(() => leave()) },
    tools: () => [spender],
    rows: [
      rowNamed('king', [], {
        policy: ({ model }) => modelPolicy({ model: model!, system: 'x', tools: [], mark: 'm' }),
      }),
    ],
  })
  const keys = createKeys({ log: createLog({ level: 'silent' }) }, { directory })
  await keys.start()
  const endCounting = countAgentTokens({ agents: parts.agents, keys })
  const agents = createMeteredAgents({ agents: parts.agents, keys })
  const used = (id: string) => {
    const { promptTokens, completionTokens } = keys.list().find((key) => key.id === id)!.today
    return promptTokens + completionTokens
  }
  const hangUp = (id: string) => {
    const leaving = new AbortController()
    leave = () => leaving.abort(new VillageError('ABORTED'))
    const asker = { kind: 'key', id, scope: 'operate' } as const
    return agents.ask(
      { agent: 'king', model: 'm', asker, messages: [{ role: 'user', content: 'tell me' }] },
      leaving.signal,
    )
  }
  try {
    const { key } = await keys.create({ name: 'one', tokensByDay: 1 })
    await rejectsCode(hangUp(key.id), 'ABORTED')
    assert.ok(used(key.id) > 80)
    await rejectsCode(hangUp(key.id), 'KEY_QUOTA_SPENT')
    const { key: two } = await keys.create({ name: 'two', scope: 'operate' })
    const asker = { kind: 'key', id: two.id, scope: 'operate' } as const
    await agents.callTool({ tool: 'spend', arguments: {}, asker, via: 'mcp' }, new AbortController().signal)
    assert.is(used(two.id), 42)
    endCounting()
    await agents.callTool({ tool: 'spend', arguments: {}, asker, via: 'mcp' }, new AbortController().signal)
    assert.is(used(two.id), 42)
  } finally {
    await keys.stop()
  }
})

test.run()
