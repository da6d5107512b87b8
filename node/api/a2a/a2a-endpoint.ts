/**
 * A2A over JSON-RPC: one path by agent, one for the node. The official SDK's handlers do the protocol (1.0, and 0.3 for clients that do
 * not say which); this file bounds what they are given and sends what they answer.
 */
import { A2A_VERSION_HEADER } from '@a2a-js/sdk'
import { LegacyJsonRpcTransportHandler } from '@a2a-js/sdk/compat/v0_3/server'
import {
  DefaultRequestHandler,
  JsonRpcTransportHandler,
  ServerCallContext,
  validateVersion,
} from '@a2a-js/sdk/server'
import type { AgentName } from '../../agents/agent.ts'
import type { Asker } from '../../agents/asker.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { AgentCalls } from '../mcp/agent-calls.ts'
import { RawReply } from '../routes/route.ts'
import { agentCard, cardDocument, cardDocumentV03 } from './agent-card.ts'
import { createConversations } from './conversations.ts'
import { eventReply, type RpcAnswer } from './event-reply.ts'
import { ASKER_STATE, createExecutor, ownerName } from './executor.ts'
import { A2A_AGENTS } from './skills.ts'
import { createTaskStore } from './task-store.ts'

const LEGACY = '0.3'
const MAX_TASKS_OF_ONE = 64
const MAX_TASKS = 256
/** Tasks are kept with the messages that they came of. */
const MAX_REQUEST_UNITS = 256 * 1024
const JSON_TYPE = { 'content-type': 'application/json' }

export interface A2aRequest {
  readonly agent: AgentName | null
  readonly body: JsonObject
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly asker: Asker
  readonly signal: AbortSignal
}

export interface A2aEndpoint {
  handle(request: A2aRequest): Promise<RawReply>
  /** Public. `host`: as the request names this node. */
  card(agent: AgentName | null, headers: A2aRequest['headers']): object
  /** Forgets what an asker said: conversations and tasks. */
  forget(asker: Pick<Asker, 'kind' | 'id'>): Promise<void>
  stop(): Promise<void>
}

export interface A2aInit {
  readonly version: string
  readonly now?: () => number
  readonly revoked?: (asker: Asker) => AbortSignal | null
}

const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value) || undefined

/** JSON-RPC errors that are answered with the status of a request that was carried, as its clients expect. */
const answered = (value: object) => new RawReply(200, JSON_TYPE, JSON.stringify(value))

/** The SDK writes ids of tasks that it does not know to standard error: what a client sends has no place there. Nothing here uses them. */
function withoutReferences(body: JsonObject): Record<string, unknown> {
  const { params } = body
  if (!isJsonObject(params) || !isJsonObject(params.message)) return { ...body }
  const { referenceTaskIds: _, reference_task_ids: __, ...message } = params.message
  return { ...body, params: { ...params, message } }
}

export function createA2aEndpoint(
  components: { log: Log; agents: Pick<AgentCalls, 'ask'> },
  init: A2aInit,
): A2aEndpoint {
  const { log, agents } = components
  const { version, now = Date.now, revoked = () => null } = init
  const tasks = createTaskStore({ maxTasks: MAX_TASKS_OF_ONE, maxTotal: MAX_TASKS })
  const conversations = createConversations()

  const handlers = new Map(
    [null, ...A2A_AGENTS].map((agent) => {
      const executor = createExecutor({ log, agents, conversations }, { agent, now, revoked })
      // Its URL is of no account here: the handler reads what the agent can do.
      const card = agentCard({ agent, url: 'http://localhost', version })
      const handler = new DefaultRequestHandler(card, tasks, executor)
      return [
        agent,
        {
          ...{ executor, card },
          current: new JsonRpcTransportHandler(handler),
          legacy: new LegacyJsonRpcTransportHandler(handler),
        },
      ]
    }),
  )

  return {
    async handle({ agent, body, headers, asker, signal }) {
      if (JSON.stringify(body).length > MAX_REQUEST_UNITS) throw new VillageError('API_BODY_TOO_LARGE')
      const { current, legacy, card } = handlers.get(agent)!
      const requestedVersion = one(headers[A2A_VERSION_HEADER.toLowerCase()]) ?? LEGACY
      const isLegacy = requestedVersion === LEGACY
      const errorOf = (error: unknown) => ({
        jsonrpc: '2.0',
        id: (body.id as string | number | undefined) ?? null,
        error: isLegacy
          ? LegacyJsonRpcTransportHandler.mapToLegacyJSONRPCError(error as Error)
          : JsonRpcTransportHandler.mapToJSONRPCError(error),
      })
      const context = new ServerCallContext({
        user: { isAuthenticated: true, userName: ownerName(asker) },
        requestedVersion,
        state: new Map<string, unknown>([[ASKER_STATE, asker]]),
      })
      try {
        validateVersion(requestedVersion, card, 'JSONRPC')
        const answer: RpcAnswer = await (isLegacy ? legacy : current).handle(withoutReferences(body), context)
        return Symbol.asyncIterator in answer
          ? await eventReply(answer, { errorOf, signal })
          : answered(answer)
      } catch (error) {
        log.debug({ err: error }, 'a request of A2A was refused')
        return answered(errorOf(error))
      }
    },
    card(agent, headers) {
      // The Host header has passed the guard: it is how whoever asks reaches this node.
      const url = `http://${one(headers.host) ?? 'localhost'}`
      const given = { agent, url, version }
      const isLegacy = (one(headers[A2A_VERSION_HEADER.toLowerCase()]) ?? LEGACY) === LEGACY
      return isLegacy ? cardDocumentV03(given) : cardDocument(given)
    },
    async forget(asker) {
      const owner = ownerName(asker)
      const executors = [...handlers.values()].map(({ executor }) => executor)
      const running = executors.flatMap((executor) => executor.runningOf(owner))
      tasks.forget(owner, running)
      await Promise.all(executors.map((executor) => executor.endOf(owner)))
      conversations.forget(owner)
    },
    async stop() {
      await Promise.all([...handlers.values()].map(({ executor }) => executor.stop()))
    },
  }
}
