/** Magi: calculates and programs, and drives models, jobs and runs through tools. */
import type { AgentRow, PolicyInit } from '../agent.ts'
import { modelPolicy } from '../chat/model-policy.ts'
import type { Policy } from '../loop/policy.ts'
import { boundRepairs } from './bound-repairs.ts'
import { intendedRuns } from './intended.ts'
import { lastWords, planWork } from './plan-work.ts'
import { MAGI_PROMPT } from './prompt.ts'
import { createRulesPolicy } from './rules-policy.ts'

const todayIso = () => new Date().toISOString().slice(0, 10)

function rules({ request, tools }: PolicyInit): Policy {
  return createRulesPolicy(planWork(lastWords(request.messages), todayIso()), tools)
}

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
  intended: (messages) => intendedRuns(messages, todayIso()),
  policy(init) {
    const { request, model, declarations } = init
    if (model === null) return rules(init)
    const intended = intendedRuns(request.messages, todayIso()).map(({ tool }) => tool)
    return boundRepairs(modelPolicy({ model, system: MAGI_PROMPT, tools: declarations, intended }))
  },
}
