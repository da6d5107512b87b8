/** How King goes about a request: by a model where it has one, else by the plan that its rules make of the words. */
import type { PolicyInit } from '../agent.ts'
import type { ChatMessage } from '../chat/chat-model.ts'
import { modelPolicy } from '../chat/model-policy.ts'
import type { Policy } from '../loop/policy.ts'
import type { Decisions } from './decisions.ts'
import { asksForHelp, createHelpPolicy } from './help-policy.ts'
import { kingPrompt } from './king-prompt.ts'
import { agentOf, type Plan } from './plan.ts'
import { planGoal } from './plan-goal.ts'
import { createKingRules } from './rules-policy.ts'

export interface KingComponents {
  readonly decisions: Pick<Decisions, 'begin' | 'end'>
}

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

/** Keeps what was asked and how it ended in the decision log. */
function logged(
  { decisions }: KingComponents,
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

export function kingPolicy(components: KingComponents, init: PolicyInit): Policy {
  const { id, request, model, declarations, own } = init
  const asked = lastWords(request.messages)
  const tools = init.tools.includes('agent_ask') ? [...init.tools, ...DELEGATED] : init.tools
  if (model === null && asksForHelp(asked))
    return logged(components, createHelpPolicy(tools), {
      init,
      asked,
      plan: { steps: [], notDone: [], language: 'en' },
    })
  const plan = planGoal(asked, tools, own)
  if (model === null) return createKingRules({ id, request, asked, plan, decisions: components.decisions })
  // A model of King knows the names of its own tools: what the rules would delegate is a task for `agent_ask`.
  const intended = [...new Set(plan.steps.map(({ tool }) => (agentOf(tool) === 'king' ? tool : 'agent_ask')))]
  const by = modelPolicy({ model, system: kingPrompt(plan), tools: declarations, intended })
  return logged(components, by, { init, asked, plan })
}
