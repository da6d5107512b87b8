/** King: splits a goal into steps, gives them to Sage and Magi or does them itself, and answers for the whole. */
import type { AgentRow } from '../agent.ts'
import type { KingComponents } from './king-policy.ts'

/** Done by King itself. */
const OWN_TOOLS = [
  'agent_ask',
  'knowledge_search',
  'knowledge_collections',
  'knowledge_index',
  'file_list',
  'file_read',
  'round_list',
  'round_show',
  'time_now',
  'member_list',
  'node_status',
  'twin_recall',
  'twin_remember',
  'twin_forget',
  'mcp_*',
] as const

/** Its reading of goals is 60 files: loaded with the first request. */
export function createKing(components: KingComponents): AgentRow {
  return {
    name: 'king',
    description: 'Plans what is asked, gives steps to Sage and Magi, and answers for the whole.',
    tools: [...OWN_TOOLS],
    async intended(messages) {
      const { intendedRuns } = await import('../magi/intended.ts')
      return intendedRuns(messages, new Date().toISOString().slice(0, 10))
    },
    async policy(init) {
      const { kingPolicy } = await import('./king-policy.ts')
      return kingPolicy(components, init)
    },
  }
}
