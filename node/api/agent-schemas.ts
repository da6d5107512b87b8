/** JSON Schemas of agents, their tools, approvals and the audit log, and the views that have these forms. */
import type { AgentAnswer } from '../agents/agent.ts'
import { SCOPES } from '../agents/asker.ts'
import type { Observation } from '../agents/loop/policy.ts'
import type { Tool } from '../agents/tools/tool.ts'
import { amount, anyObject, anyText, flag, integer, listOf, object, oneOf, orNull } from './schemas.ts'

const EFFECT = oneOf('read', 'change', 'outside')
const SCOPE = oneOf(...SCOPES)
const ASKER = object({ kind: oneOf('owner', 'key', 'member'), id: anyText, scope: SCOPE })

export const AGENT = object({ name: anyText, description: anyText, tools: listOf(anyText) })

/** What a member offers; `model`: whether a language model decides there. */
export const OFFER = object({ peer: anyText, agents: listOf(object({ name: anyText, model: flag })) })

export const TOOL = object({
  name: anyText,
  description: anyText,
  parameters: anyObject,
  effect: EFFECT,
  scope: SCOPE,
  cost: object({ latencyMs: amount, cpuSeconds: amount, leavesNode: flag }),
})

const OBSERVATION = object({
  tool: anyText,
  arguments: anyObject,
  reason: anyText,
  state: oneOf('done', 'failed', 'refused'),
  /** Of the error. */
  code: orNull(anyText),
  summary: anyText,
  /** What the tool gave; null where it failed or did not run. */
  content: {},
  trust: orNull(oneOf('own', 'untrusted')),
})

export const ANSWER = object({
  id: anyText,
  agent: anyText,
  node: anyText,
  model: orNull(anyText),
  text: anyText,
  finish: oneOf('answer', 'turns', 'time', 'tokens', 'repeats'),
  evidence: orNull(anyObject),
  observations: listOf(OBSERVATION),
  usage: object({ promptTokens: integer(), cachedTokens: integer(), completionTokens: integer() }),
  turns: integer(),
  tookMs: amount,
})

export const APPROVAL = object({
  id: anyText,
  request: anyText,
  call: anyText,
  agent: anyText,
  asker: ASKER,
  tool: anyText,
  effect: EFFECT,
  arguments: anyObject,
  reason: anyText,
  askedAtMs: amount,
  expiresAtMs: amount,
})

export const AUDIT_ENTRY = object({
  id: anyText,
  timeMs: amount,
  request: anyText,
  agent: orNull(anyText),
  asker: ASKER,
  tool: anyText,
  effect: orNull(EFFECT),
  arguments: anyObject,
  decision: oneOf('read', 'asked', 'named', 'approved', 'denied', 'expired', 'refused'),
  by: orNull(anyText),
  outcome: oneOf('started', 'done', 'failed', 'refused'),
  code: orNull(anyText),
  ms: orNull(amount),
  sizeBytes: orNull(integer()),
})

export function toolView({ name, description, parameters, effect, scope, cost }: Tool): object {
  return { name, description, parameters, effect, scope, cost }
}

function observationView({ call, outcome }: Observation): object {
  const { tool, arguments: given, reason } = call
  const nothing = { code: null, content: null, trust: null }
  const asked = { tool, arguments: given, reason }
  if (outcome.kind === 'result') {
    const { content, trust, summary } = outcome.result
    return { ...asked, state: 'done', code: null, summary, content, trust }
  }
  if (outcome.kind === 'refused') return { ...asked, ...nothing, state: 'refused', summary: outcome.reason }
  return { ...asked, ...nothing, state: 'failed', code: outcome.code, summary: outcome.message }
}

/** Evidence stands once, in the answer. */
export function answerView(answer: AgentAnswer): object {
  return { ...answer, observations: answer.observations.map(observationView) }
}
