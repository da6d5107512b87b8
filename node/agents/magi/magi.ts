/** Magi: calculates and programs, and drives models, jobs and runs through tools. Its rules are loaded with the first request. */
import type { AgentRow } from '../agent.ts'

export const MAGI: AgentRow = {
  name: 'magi',
  description:
    'Calculates, writes and runs programs in a sandbox, and compresses, evaluates, compares, merges, trains and evolves models.',
  tools: [
    'calculate',
    'code_run',
    'evolve_start',
    'file_list',
    'file_read',
    'file_write',
    'geometry_measure',
    'job_*',
    'model_*',
    'node_status',
    'round_list',
    'round_show',
    'text_embed',
    'time_now',
  ],
  async intended(messages) {
    const { intendedRuns } = await import('./intended.ts')
    return intendedRuns(messages, new Date().toISOString().slice(0, 10))
  },
  async policy(init) {
    const { magiPolicy } = await import('./magi-policy.ts')
    return magiPolicy(init)
  },
}
