/** What members may have done by the agents of this node: which agents, with which tools, within which bounds, how often. */
import type { Config } from '../../config.ts'
import type { AgentName, AgentRequest, Lease, LoopLimits } from '../agent.ts'
import type { MemberRequest } from './request-wire.ts'

/** They read what the village sees, and calculate. Private collections and files are withheld by the tools themselves (`seesPrivate`). */
const VISITOR_TOOLS = [
  'agent_ask',
  'calculate',
  'knowledge_ask',
  'knowledge_collections',
  'knowledge_search',
  'time_now',
] as const

export type OfferConfig = Pick<
  Config,
  | 'agents.offer'
  | 'agents.offerRequestsByHour'
  | 'agents.offerTurns'
  | 'agents.offerMs'
  | 'agents.offerTokens'
  | 'agents.offerCode'
  | 'agents.maxRepeats'
>

export function visitorLimits(config: OfferConfig): LoopLimits {
  return {
    turns: config['agents.offerTurns'],
    ms: config['agents.offerMs'],
    tokens: config['agents.offerTokens'],
    repeats: config['agents.maxRepeats'],
  }
}

export function isOffered(config: OfferConfig, agent: AgentName): boolean {
  return config['agents.offer'].includes(agent)
}

/** The request of a member as the agents of this node take it: with a lease, and nobody to approve anything. */
export function visitorRequest(
  config: OfferConfig,
  { peer, id, nowMs }: { peer: string; id: string; nowMs: number },
  request: MemberRequest & { readonly limits: LoopLimits },
): AgentRequest {
  const runsCode = config['agents.offerCode']
  const { agent, messages, limits, options } = request
  const lease: Lease = {
    id,
    parent: `member/${peer}`,
    agent,
    tools: runsCode ? [...VISITOR_TOOLS, 'code_run'] : VISITOR_TOOLS,
    limits,
    expiresAtMs: nowMs + limits.ms,
  }
  return {
    ...{ agent, messages, limits, lease },
    ...(options === undefined ? {} : { options }),
    // Running code changes this node's state of work, which the scope `ask` does not reach; the lease names all that it may.
    asker: { kind: 'member', id: peer, scope: runsCode ? 'operate' : 'ask' },
    approvals: 'refuse',
  }
}
