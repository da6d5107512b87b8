/**
 * What the asker's own words ask for: the ground on which a call that changes something runs without a question, whoever decides, rules or a
 * model. It is the plan that the rules make of the words, and nothing else: no text of a tool, a document or a peer is read.
 */
import type { JsonObject } from '../../json.ts'
import type { ChatMessage } from '../chat/chat-model.ts'
import type { IntendedCall } from '../loop/intended-call.ts'
import { NO_NAMES, type OwnNames } from '../own-names.ts'
import { isChange } from './changes.ts'
import { isJoinedText, isStepReference, type PlanStep, referencesIn } from './plan.ts'
import { planGoal } from './plan-goal.ts'

/** `yes`, `go ahead`: the goal is what was said before. */
const CONFIRMS =
  /^\s*(?:yes|yep|yeah|sure|ok(?:ay)?|please do|go ahead|do (?:it|that|so)|proceed|confirmed?|continue|right)(?:[\s,.!]+(?:please|thanks|thank you|do it|do that|go ahead|go on))*[\s.!]*$/i
/** Arguments that say what is looked for: whoever decides may put them in other words. */
const FREE_WORDS: Readonly<Record<string, readonly string[]>> = {
  knowledge_ask: ['question'],
  knowledge_search: ['query'],
  twin_recall: ['query'],
  calculate: ['expression'],
}
/** Tools that do what was asked for as well as the one that the rules chose. */
const SIBLINGS: Readonly<Record<string, readonly string[]>> = {
  knowledge_ask: ['knowledge_search', 'knowledge_collections'],
  knowledge_search: ['knowledge_ask', 'knowledge_collections'],
  job_wait: ['job_show'],
  round_show: ['round_list'],
}
const STARTS_JOB = /^(?:model_(?:compress|evaluate|compare|merge|train)|geometry_measure)$/
/** A plan by rules hands groups of its steps to other agents; what they may do is decided by the same calls. */
const DELEGATION: IntendedCall = {
  tool: 'agent_ask',
  arguments: {},
  made: [],
  open: ['agent', 'task', 'steps', 'history', 'options'],
}

/** `tools`: names of all that there are. `own`: what this node has, which words may mean by its name. Messages of other roles than `user` are not read. */
export function intendedCalls(
  messages: readonly ChatMessage[],
  tools: readonly string[],
  own: OwnNames = NO_NAMES,
): IntendedCall[] {
  const said = messages.filter(({ role }) => role === 'user').map(({ content }) => content)
  const last = said.at(-1) ?? ''
  const goals = CONFIRMS.test(last) ? said.slice(-2) : [last]
  const steps = goals.flatMap((goal) => {
    const plan = planGoal(goal, tools, own)
    // Where a part was not understood, the rest may mean something else: a change waits for a yes.
    return plan.unclear === undefined ? plan.steps : plan.steps.filter(({ tool }) => !isChange(tool))
  })
  if (steps.length === 0) return []
  const known = new Set(tools)
  return [...steps.flatMap(intended), DELEGATION].filter(({ tool }) => known.has(tool))
}

function intended(step: PlanStep): IntendedCall[] {
  const given: Record<string, JsonObject[string]> = {}
  const made: string[] = []
  const open: string[] = [...(FREE_WORDS[step.tool] ?? [])]
  for (const [name, value] of Object.entries(step.arguments)) {
    const parts = Array.isArray(value) ? value : [value]
    if (open.includes(name)) continue
    if (referencesIn(value).length === 0) given[name] = value
    else if (isJoinedText(value)) open.push(name)
    // A result that is text may hold anything: it goes where the asker said, as content.
    else if (parts.some((part) => isStepReference(part) && part.field === 'text')) open.push(name)
    // Names beside results: each must be the asker's or this node's own, which holds for what is in no list.
    else if (parts.every(isStepReference)) made.push(name)
  }
  const call: IntendedCall = { tool: step.tool, arguments: given, made, open }
  const siblings = (SIBLINGS[step.tool] ?? []).map(
    (tool): IntendedCall => ({
      tool,
      arguments: {},
      made: [],
      open: ['question', 'query'],
    }),
  )
  const followed = STARTS_JOB.test(step.tool)
    ? ['job_show', 'job_wait'].map((tool): IntendedCall => ({ tool, arguments: {}, made: ['job'], open: [] }))
    : []
  return [call, ...siblings, ...followed]
}
