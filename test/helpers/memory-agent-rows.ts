/** An agent for tests of what stands above agents: it says what it was asked, and writes where it is told to. */
import type { AgentRow } from '../../node/agents/agent.ts'
import type { AgentsComponents } from '../../node/agents/agents.ts'
import { SAGE } from '../../node/agents/sage/sage.ts'
import { createKnowledgeAskTool, type KnowledgeAskComponents } from '../../node/agents/tools/knowledge-ask.ts'
import { call, own, rowNamed, toolNamed } from './agent-parts.ts'

const king: AgentRow = rowNamed('king', ({ messages, observations }) => {
  const asked = messages.at(-1)?.content ?? ''
  const path = /^write (\S+)/.exec(asked)?.[1]
  if (path !== undefined && observations.length === 0) return call('file_write', { path })
  const last = observations.at(-1)?.outcome.kind
  return { kind: 'answer', text: last === undefined ? `You said: ${asked}` : `It ended as a ${last}.` }
})

/** With Sage as it is, over collections in memory. */
export function memorySageRows(components: KnowledgeAskComponents): Pick<AgentsComponents, 'rows' | 'tools'> {
  const { rows, tools } = memoryAgentRows()
  const all = [...tools(), createKnowledgeAskTool(components)]
  return { rows: [...rows, SAGE], tools: () => all }
}

export const memoryAgentRows = (): Pick<AgentsComponents, 'rows' | 'tools'> => {
  const tools = [
    toolNamed('file_write', {
      description: 'Writes a file. More for models.',
      effect: 'change',
      scope: 'operate',
      run: async ({ path }) => own({ path: path ?? null }, 'written'),
    }),
    toolNamed('time_now', { scope: 'read' }),
  ]
  return { rows: [king], tools: () => tools }
}
