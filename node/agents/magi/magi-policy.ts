/** How Magi goes about a request: steps that were given to it, a model, or rules. */
import type { PolicyInit } from '../agent.ts'
import { modelPolicy } from '../chat/model-policy.ts'
import { planGoal } from '../king/plan-goal.ts'
import { createStepsPolicy, readSteps } from '../king/steps-policy.ts'
import type { Policy } from '../loop/policy.ts'
import { boundRepairs } from './bound-repairs.ts'
import { intendedRuns } from './intended.ts'
import { lastWords, planWork } from './plan-work.ts'
import { MAGI_PROMPT } from './prompt.ts'
import { createRulesPolicy, sayNotDone } from './rules-policy.ts'

const todayIso = () => new Date().toISOString().slice(0, 10)

/** Calculations and programs by Magi's own rules; goals that take other tools by King's. */
function rules({ request, tools, own }: PolicyInit): Policy {
  const words = lastWords(request.messages)
  const work = planWork(words, todayIso())
  if (work.kind === 'call') return createRulesPolicy(work, tools)
  const { steps, notDone } = planGoal(words, tools, own)
  return steps.length === 0
    ? createRulesPolicy(work, tools)
    : sayNotDone(createStepsPolicy(steps, { isNumbered: steps.length > 1 }), notDone)
}

export function magiPolicy(init: PolicyInit): Policy {
  const { request, model, declarations } = init
  const steps = readSteps(request.options)
  if (steps !== null) return createStepsPolicy(steps)
  if (model === null) return rules(init)
  const intended = intendedRuns(request.messages, todayIso()).map(({ tool }) => tool)
  return boundRepairs(modelPolicy({ model, system: MAGI_PROMPT, tools: declarations, intended }))
}
