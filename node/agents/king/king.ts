/** King: splits a goal into steps, gives them to Sage and Magi or does them itself, and answers for the whole. */
import type { AgentRow, PolicyInit } from '../agent.ts'
import type { ChatMessage } from '../chat/chat-model.ts'
import { modelPolicy } from '../chat/model-policy.ts'
import type { Policy } from '../loop/policy.ts'
import { intendedRuns } from '../magi/intended.ts'
import type { Decisions } from './decisions.ts'
import { asksForHelp, createHelpPolicy } from './help-policy.ts'
import { kingPrompt } from './king-prompt.ts'
import { agentOf, type Plan } from './plan.ts'
import { planGoal } from './plan-goal.ts'
import { createKingRules } from './rules-policy.ts'

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
/** What the rules may plan for others to do: their leases and rows decide whether they may. */
const DELEGATED = [
  'knowledge_ask',
  'calculate',
  'code_run',
  'evolve_start',
  'file_write',
  'geometry_measure',
  'job_list',
  'job_show',
  'job_wait',
  'job_cancel',
  'model_list',
  'model_inspect',
  'model_add',
  'model_pull',
  'model_compress',
  'model_evaluate',
  'model_compare',
  'model_merge',
  'model_train',
  'model_generate',
  'text_embed',
] as const

const lastWords = (messages: readonly ChatMessage[]): string =>
  messages.findLast(({ role }) => role === 'user')?.content ?? ''

export function createKing({ decisions }: { decisions: Pick<Decisions, 'begin' | 'end'> }): AgentRow {
  function policy(init: PolicyInit): Policy {
    const { id, request, model, declarations, own } = init
    const asked = lastWords(request.messages)
    const tools = init.tools.includes('agent_ask') ? [...init.tools, ...DELEGATED] : init.tools
    if (model === null && asksForHelp(asked))
      return logged(createHelpPolicy(tools), {
        init,
        asked,
        plan: { steps: [], notDone: [], language: 'en' },
      })
    const plan = planGoal(asked, tools, own)
    if (model === null) return createKingRules({ id, request, asked, plan, decisions })
    // A model of King knows the names of its own tools: what the rules would delegate is a task for `agent_ask`.
    const intended = [
      ...new Set(plan.steps.map(({ tool }) => (agentOf(tool) === 'king' ? tool : 'agent_ask'))),
    ]
    const by = modelPolicy({ model, system: kingPrompt(plan), tools: declarations, intended })
    return logged(by, { init, asked, plan })
  }

  /** Keeps what was asked and how it ended in the decision log. */
  function logged(
    by: Policy,
    { init, asked, plan }: { init: PolicyInit; asked: string; plan: Plan },
  ): Policy {
    let isBegun = false
    const { kind, id: asker } = init.request.asker
    return {
      model: by.model,
      async next(step, signal, onText) {
        if (!isBegun) {
          isBegun = true
          const asks = { id: init.id, asker: { kind, id: asker }, asked, model: by.model }
          await decisions.begin({ ...asks, steps: [], notDone: plan.notDone })
        }
        const taken = await by.next(step, signal, onText)
        if (taken.action.kind === 'answer')
          await decisions.end(
            init.id,
            step.observations.map(({ call: { tool, reason }, outcome }, index) => ({
              ...{ id: index + 1, tool, agent: 'king' as const, reason },
              state: outcome.kind === 'result' ? 'done' : outcome.kind === 'refused' ? 'refused' : 'failed',
            })),
          )
        return taken
      },
    }
  }

  return {
    name: 'king',
    description: 'Plans what is asked, gives steps to Sage and Magi, and answers for the whole.',
    tools: [...OWN_TOOLS],
    intended: (messages) => intendedRuns(messages, new Date().toISOString().slice(0, 10)),
    policy,
  }
}
