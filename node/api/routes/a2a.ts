/** A2A: the cards that programs find the agents by, and the paths that they send messages to. */
import type { AgentName } from '../../agents/agent.ts'
import type { JsonObject } from '../../json.ts'
import { A2A_AGENTS } from '../a2a/skills.ts'
import { RPC_MESSAGE, rpcErrorBody } from '../json-rpc.ts'
import { anyObject, object } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'a2a'
const AGENT = { type: 'string', enum: A2A_AGENTS }
const BODY = { kind: 'json', schema: RPC_MESSAGE } as const
const EVENTS = { kind: 'raw', status: 200, mediaType: 'text/event-stream' } as const
const CARD = { kind: 'json', status: 200, schema: anyObject } as const
type None = Record<string, never>
type Agent = { agent: AgentName }

export const A2A_ROUTES: readonly Route[] = [
  route<None>({
    method: 'GET',
    path: '/.well-known/agent-card.json',
    scope: 'public',
    tag,
    id: 'getAgentCard',
    summary:
      'The A2A card of this node: its agents as skills. Version 1.0 with the header `A2A-Version: 1.0`, else 0.3.',
    response: CARD,
    handle: async ({ headers }, { a2a }) => a2a.card(null, headers),
  }),
  route<Agent>({
    method: 'GET',
    path: '/a2a/:agent/.well-known/agent-card.json',
    scope: 'public',
    tag,
    id: 'getCardOfAgent',
    summary: 'The A2A card of one agent.',
    params: object({ agent: AGENT }),
    response: CARD,
    handle: async ({ params: { agent }, headers }, { a2a }) => a2a.card(agent, headers),
  }),
  route<None, None, JsonObject>({
    method: 'POST',
    path: '/a2a',
    scope: 'ask',
    tag,
    id: 'sendA2a',
    summary:
      'A request of A2A in JSON-RPC 2.0. King answers, or the agent that the message names in `metadata.skill`. Streaming methods are answered with server-sent events.',
    body: BODY,
    errorBody: rpcErrorBody,
    response: EVENTS,
    slow: true,
    handle: ({ body, headers, principal, signal }, { a2a }) =>
      a2a.handle({ agent: null, body, headers, asker: principal, signal }),
  }),
  route<Agent, None, JsonObject>({
    method: 'POST',
    path: '/a2a/:agent',
    scope: 'ask',
    tag,
    id: 'sendA2aToAgent',
    summary: 'A request of A2A to one agent.',
    params: object({ agent: AGENT }),
    body: BODY,
    errorBody: rpcErrorBody,
    response: EVENTS,
    slow: true,
    handle: ({ params: { agent }, body, headers, principal, signal }, { a2a }) =>
      a2a.handle({ agent, body, headers, asker: principal, signal }),
  }),
]
