/** Routes of conversations with agents: each asker has their own. */
import type { AgentName, LoopLimits } from '../../agents/agent.ts'
import type { Answering, CallLine, Conversation, Turn } from '../../agents/conversations/conversation.ts'
import type { JsonObject } from '../../json.ts'
import { ANSWER, answerView } from '../agent-schemas.ts'
import { agentStream } from '../agent-stream.ts'
import { USUAL_AGENT_TOKENS } from '../keys/metered-agents.ts'
import {
  amount,
  anyObject,
  anyText,
  DONE,
  flag,
  integer,
  listOf,
  object,
  oneOf,
  orNull,
  text,
} from '../schemas.ts'
import { unlessLeft } from '../when-left.ts'
import { type Route, route } from './route.ts'

const tag = 'agents'
const MAX_TEXT_UNITS = 2 ** 18
type None = Record<string, never>
type Id = { id: string }

interface TurnBody {
  readonly text: string
  readonly agent?: AgentName
  readonly model?: string | null
  readonly options?: JsonObject
  readonly limits?: Partial<LoopLimits>
  readonly approvals?: 'wait' | 'refuse'
  readonly whenLeft?: 'cancel' | 'finish'
  readonly stream?: boolean
}

const LIMIT_NAMES = ['turns', 'ms', 'tokens', 'repeats'] as const
const LIMITS = object(Object.fromEntries(LIMIT_NAMES.map((name) => [name, integer(1)])), LIMIT_NAMES)
const params = object({ id: text(64) })

const HEAD = {
  id: anyText,
  title: anyText,
  createdAtMs: amount,
  updatedAtMs: amount,
}
const VIEW = object({ ...HEAD, messages: integer() })
const PLACE = object({
  collection: anyText,
  document: anyText,
  start: integer(),
  end: integer(),
  passage: orNull(object({ segment: anyText, chunk: integer() })),
})
/** `place` is null in what older versions kept. */
const CITATION = object({
  number: integer(),
  title: orNull(anyText),
  source: anyText,
  page: orNull(integer()),
  place: orNull(PLACE),
})
const EVIDENCE = object({ confidence: amount, threshold: amount, isFound: flag })
const CALL = object({
  tool: anyText,
  agent: anyText,
  arguments: anyObject,
  state: anyText,
  summary: anyText,
})
/** The fields after `atMs` are those of answers; null in what the asker said. */
const TURN = object({
  role: oneOf('user', 'assistant'),
  text: anyText,
  atMs: amount,
  agent: orNull(anyText),
  model: orNull(anyText),
  finish: orNull(oneOf('answer', 'turns', 'time', 'tokens', 'repeats', 'failed')),
  error: orNull(object({ code: anyText, message: anyText })),
  citations: listOf(CITATION),
  evidence: orNull(EVIDENCE),
  calls: listOf(CALL),
})

/** An answer that is being made: what was said since its last call, its calls, and the approvals that it waits for. */
const ANSWERING = object({
  agent: anyText,
  atMs: amount,
  text: anyText,
  calls: listOf(CALL),
  approvals: listOf(anyText),
})

const callView = (call: CallLine): object => ({ arguments: {}, ...call })

function turnView(turn: Turn): object {
  const nothing = { agent: null, model: null, finish: null, error: null, evidence: null }
  if (turn.role === 'user') return { ...nothing, citations: [], calls: [], ...turn }
  const { isPrivate: _, ...shown } = turn
  return {
    ...nothing,
    ...shown,
    citations: turn.citations.map((citation) => ({ place: null, ...citation })),
    calls: turn.calls.map(callView),
  }
}

function conversationView({ speaker: _, turns, ...head }: Conversation, answering: Answering | null): object {
  return {
    ...{ ...head, turns: turns.map(turnView) },
    answering: answering && { ...answering, calls: answering.calls.map(callView) },
  }
}

export const CONVERSATION_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/conversations',
    scope: 'ask',
    tag,
    id: 'listConversations',
    summary: 'The conversations of whoever asks, newest first.',
    response: { kind: 'json', status: 200, schema: object({ conversations: listOf(VIEW) }) },
    handle: async ({ principal }, { conversations }) => ({ conversations: conversations.list(principal) }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/conversations',
    scope: 'ask',
    tag,
    id: 'createConversation',
    summary: 'Begins a conversation; it is kept encrypted on this node.',
    response: { kind: 'json', status: 201, schema: VIEW },
    errors: ['SEALED_STORE_FULL'],
    handle: ({ principal }, { conversations }) => conversations.create(principal),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/conversations/:id',
    scope: 'ask',
    tag,
    id: 'getConversation',
    summary:
      'A conversation with all that was said in it, and in `answering` the answer that is being made, as far as it has come (null: none).',
    params,
    response: {
      kind: 'json',
      status: 200,
      schema: object({ ...HEAD, turns: listOf(TURN), answering: orNull(ANSWERING) }),
    },
    errors: ['NOT_FOUND', 'SEALED_RECORD_DAMAGED'],
    handle: async ({ params: { id }, principal }, { conversations }) =>
      conversationView(await conversations.need(principal, id), conversations.answering(principal, id)),
  }),
  route<Id, None, { title: string }>({
    method: 'PUT',
    path: '/api/v1/conversations/:id',
    scope: 'ask',
    tag,
    id: 'renameConversation',
    summary: 'Gives a conversation another title.',
    params,
    body: { kind: 'json', schema: object({ title: text(256) }) },
    response: { kind: 'json', status: 200, schema: VIEW },
    errors: ['NOT_FOUND', 'CONVERSATION_BUSY'],
    handle: async ({ params: { id }, body, principal }, { conversations }) =>
      conversations.rename(principal, id, body.title),
  }),
  route<Id>({
    method: 'DELETE',
    path: '/api/v1/conversations/:id',
    scope: 'ask',
    tag,
    id: 'eraseConversation',
    summary:
      'Erases a conversation, and what the Twin learned from it; an answer that it waits for is cancelled.',
    params,
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['NOT_FOUND'],
    async handle({ params: { id }, principal }, { conversations }) {
      await conversations.remove(principal, id)
      return { done: true }
    },
  }),
  route<Id>({
    method: 'POST',
    path: '/api/v1/conversations/:id/cancel',
    scope: 'ask',
    tag,
    id: 'cancelAnswer',
    summary:
      'Cancels the answer that is being made in a conversation, with the jobs that it started and waits for; what it had said is kept. Does nothing where there is none.',
    params,
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['NOT_FOUND'],
    async handle({ params: { id }, principal }, { conversations }) {
      await conversations.cancel(principal, id)
      return { done: true }
    },
  }),
  route<Id, None, TurnBody>({
    method: 'POST',
    path: '/api/v1/conversations/:id/ask',
    scope: 'ask',
    tag,
    id: 'askInConversation',
    summary:
      'Says something in a conversation, and gives the answer. With `stream`, as askAgent: an event for each thing that the agent does, then `done` or `error`. `whenLeft`: whether the answer is cancelled (as without it) when its connection is closed before its end, or finished and kept.',
    params,
    body: {
      kind: 'json',
      schema: object(
        {
          text: text(MAX_TEXT_UNITS),
          agent: text(32),
          model: orNull(text(256)),
          options: anyObject,
          limits: LIMITS,
          approvals: oneOf('wait', 'refuse'),
          whenLeft: oneOf('cancel', 'finish'),
          stream: flag,
        },
        ['agent', 'model', 'options', 'limits', 'approvals', 'whenLeft', 'stream'],
      ),
    },
    response: { kind: 'json', status: 200, schema: ANSWER },
    errors: [
      'NOT_FOUND',
      'CONVERSATION_BUSY',
      'CONVERSATION_FULL',
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
    async handle({ params: { id }, body, signal, principal }, { conversations, keys }) {
      const { stream, whenLeft, ...wish } = body
      const staying = whenLeft === 'finish' ? unlessLeft(signal, principal, keys) : null
      const ask = async (...[within, onEvent]: Parameters<Parameters<typeof agentStream>[1]>) => {
        const held = keys.reserve(principal, wish.limits?.tokens ?? USUAL_AGENT_TOKENS)
        try {
          return await conversations.ask(principal, id, wish, staying ?? within, onEvent)
        } finally {
          held.release()
        }
      }
      if (stream === true) return agentStream(signal, ask, answerView)
      return answerView(await ask(signal, () => {}))
    },
  }),
]
