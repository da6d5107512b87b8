/** Where a delegated step goes when its words may be those of a text that was read. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentAnswer } from '../../../node/agents/agent.ts'
import { createAgentAsk } from '../../../node/agents/king/agent-ask.ts'
import type { Weights } from '../../../node/agents/king/weigh.ts'
import { LIMITS, NOW_MS, OWNER } from '../../helpers/agent-parts.ts'

const test = suite('agent_ask')

const FAR = 'far'
/** Sends it to whoever has a model. */
const ONLY_QUALITY: Weights = { latency: 0, energy: 0, privacy: 0, cost: 0, quality: 1 }
const ANSWER: AgentAnswer = {
  ...{ id: 'r', agent: 'sage', node: 'self', model: null, text: 'x', finish: 'answer', evidence: null },
  ...{ observations: [], turns: 1, tookMs: 1 },
  usage: { promptTokens: 1e12, cachedTokens: 0, completionTokens: 3 },
}

function parts() {
  const asked: string[] = []
  const counted: number[] = []
  const tool = createAgentAsk(
    {
      ask: async () => {
        asked.push('here')
        return ANSWER
      },
      village: {
        offers: () => [{ peer: FAR, agents: [{ name: 'sage', model: true }] }],
        askMember: async (peer) => {
          asked.push(peer)
          return { ...ANSWER, node: peer }
        },
      },
      decisions: { choose: async () => {} },
    },
    {
      weights: ONLY_QUALITY,
      ...{ hasModel: false, limits: LIMITS, now: () => NOW_MS, newId: () => 'l' },
    },
  )
  const context = (staysHere: boolean) => ({
    ...{ asker: OWNER, request: 'r', seesPrivate: true, staysHere, progress: () => {} },
    signal: new AbortController().signal,
    countTokens: ({ promptTokens, completionTokens }: { promptTokens: number; completionTokens: number }) =>
      void counted.push(promptTokens + completionTokens),
  })
  return { tool, context, asked, counted }
}

test('by weights it may go to a member; after reading only to one that was named', async () => {
  const { tool, context, asked, counted } = parts()
  const task = { agent: 'sage', task: 'Who looks after the boiler?' }
  await tool.run(task, context(false))
  await tool.run(task, context(true))
  await tool.run({ ...task, member: FAR }, context(true))
  assert.equal(asked, [FAR, 'here', FAR])
  // What a member says that it used is believed up to the bound.
  assert.equal(counted, [LIMITS.tokens, LIMITS.tokens])
})

test.run()
