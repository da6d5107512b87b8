/** Routes of agents: who they are, asking them, the models and tools they have, and the log of every call. */
import type { AgentName, AgentRequest, LoopLimits } from '../../agents/agent.ts'
import type { ChatMessage } from '../../agents/chat/chat-model.ts'
import type { JsonObject } from '../../json.ts'
import { AGENT, ANSWER, AUDIT_ENTRY, answerView, OFFER, TOOL, toolView } from '../agent-schemas.ts'
import { agentStream } from '../agent-stream.ts'
import { USUAL_AGENT_TOKENS } from '../keys/metered-agents.ts'
import { anyObject, anyText, DONE, flag, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'agents'
const MAX_MESSAGES = 1_000
const MAX_MESSAGE_UNITS = 2 ** 20
const MAX_AUDIT = 10_000
type None = Record<string, never>

interface AskBody {
  readonly messages: readonly ChatMessage[]
  readonly model?: string | null
  readonly options?: JsonObject
  readonly limits?: Partial<LoopLimits>
  readonly approvals?: 'wait' | 'refuse'
  readonly stream?: boolean
}

interface AuditParams {
  readonly sinceMs?: number
  readonly request?: string
  readonly tool?: string
  readonly limit?: number
}

const LIMIT_NAMES = ['turns', 'ms', 'tokens', 'repeats'] as const
const LIMITS = object(Object.fromEntries(LIMIT_NAMES.map((name) => [name, integer(1)])), LIMIT_NAMES)
/** `place`: whether it runs on this machine. `isExperimental`: it was never trained to talk. */
const CHAT_MODEL = object({ id: anyText, place: oneOf('local', 'remote'), isExperimental: flag })
const MESSAGE = object({
  role: oneOf('system', 'user', 'assistant'),
  content: { type: 'string', maxLength: MAX_MESSAGE_UNITS },
})

export const AGENT_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/agents',
    scope: 'read',
    tag,
    id: 'listAgents',
    summary:
      'The agents of this node with the tools that each has for whoever asks, and those that connected members offer: ask one with the peer ID in `options.node`.',
    response: {
      kind: 'json',
      status: 200,
      schema: object({ model: orNull(text()), agents: listOf(AGENT), members: listOf(OFFER) }),
    },
    handle: async ({ principal }, { agents, villageAgents, config }) => ({
      model: config['agents.model'],
      agents: agents.list(principal),
      members: villageAgents.offers(),
    }),
  }),
  route<{ agent: AgentName }, None, AskBody>({
    method: 'POST',
    path: '/api/v1/agents/:agent/ask',
    scope: 'ask',
    tag,
    id: 'askAgent',
    summary:
      'Asks an agent. With `stream`, the answer is text/event-stream: one event for each thing that it does (`text`, `plan`, `call`, `progress`, `result`, `approval`), then `done` with the same object, or `error` with problem details.',
    params: object({ agent: text(32) }),
    body: {
      kind: 'json',
      schema: object(
        {
          messages: { type: 'array', items: MESSAGE, minItems: 1, maxItems: MAX_MESSAGES },
          model: orNull(text(256)),
          options: anyObject,
          limits: LIMITS,
          approvals: oneOf('wait', 'refuse'),
          stream: flag,
        },
        ['model', 'options', 'limits', 'approvals', 'stream'],
      ),
    },
    response: { kind: 'json', status: 200, schema: ANSWER },
    errors: [
      'AGENT_UNKNOWN',
      'AGENT_BUSY',
      'CHAT_MODEL_UNKNOWN',
      'CHAT_ENDPOINT_FAILED',
      'CHAT_ENDPOINT_BUSY',
      'CONTEXT_TOO_LONG',
      'GENERATE_BUSY',
      'KEY_QUOTA_SPENT',
    ],
    slow: true,
    async handle({ params, body, signal, principal }, { agents, keys }) {
      const { stream, ...given } = body
      const request: AgentRequest = { ...given, agent: params.agent, asker: principal }
      const ask = async (...[within, onEvent]: Parameters<Parameters<typeof agentStream>[1]>) => {
        const held = keys.reserve(principal, given.limits?.tokens ?? USUAL_AGENT_TOKENS)
        try {
          return await agents.ask(request, within, onEvent)
        } finally {
          held.release()
        }
      }
      if (stream === true) return agentStream(signal, ask, answerView)
      return answerView(await ask(signal, () => {}))
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/chat-models',
    scope: 'read',
    tag,
    id: 'listChatModels',
    summary:
      'The language models that can be talked to: those of this node, and those of the endpoints of the configuration that answer now.',
    response: { kind: 'json', status: 200, schema: object({ models: listOf(CHAT_MODEL) }) },
    handle: async ({ signal }, { chatModels }) => ({
      models: (await chatModels.list(signal)).map(({ id, place, isExperimental }) => ({
        ...{ id, place, isExperimental },
      })),
    }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/tools',
    scope: 'read',
    tag,
    id: 'listTools',
    summary: 'The tools that whoever asks may cause to be called: what each does, takes, changes and costs.',
    response: { kind: 'json', status: 200, schema: object({ tools: listOf(TOOL) }) },
    handle: async ({ principal }, { agents }) => ({ tools: agents.tools(principal).map(toolView) }),
  }),
  route<None, AuditParams>({
    method: 'GET',
    path: '/api/v1/audit',
    scope: 'admin',
    tag,
    id: 'listAudit',
    summary:
      'Calls of tools, newest first: who asked, what was called with which arguments, who allowed it, what came of it.',
    query: object({ sinceMs: integer(), request: text(64), tool: text(64), limit: integer(1, MAX_AUDIT) }, [
      'sinceMs',
      'request',
      'tool',
      'limit',
    ]),
    response: { kind: 'json', status: 200, schema: object({ calls: listOf(AUDIT_ENTRY) }) },
    handle: async ({ query }, { audit }) => ({ calls: await audit.list(query) }),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/audit',
    scope: 'admin',
    tag,
    id: 'clearAudit',
    summary: 'Erases the log of calls.',
    response: { kind: 'json', status: 200, schema: DONE },
    async handle(_request, { audit }) {
      await audit.clear()
      return { done: true }
    },
  }),
]
