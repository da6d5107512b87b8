/** What `village chat` asks of the daemon: conversations, their turns, approvals and the Twin. */

import type { Client, ServerEvent } from '../../client.ts'
import { VillageError } from '../../errors.ts'
import type { AnswerView } from './turn-view.ts'

export interface ConversationLine {
  readonly id: string
  readonly title: string
  readonly updatedAtMs: number
  readonly messages: number
}

export interface ConversationTurn {
  readonly role: 'user' | 'assistant'
  readonly text: string
  readonly agent: string | null
  readonly finish: string | null
  readonly error: { readonly code: string; readonly message: string } | null
  readonly citations: readonly {
    readonly number: number
    readonly title: string | null
    readonly source: string
    readonly page: number | null
  }[]
  readonly calls: readonly { readonly tool: string; readonly state: string; readonly summary: string }[]
}

export interface MemoryLine {
  readonly id: string
  readonly kind: string
  readonly text: string
  readonly source: { readonly kind: string }
  readonly confidence: number
  readonly updatedAtMs: number
}

const at = (id: string) => `/api/v1/conversations/${encodeURIComponent(id)}`

export async function listConversations(client: Client): Promise<readonly ConversationLine[]> {
  const { conversations } = await client.get<{ conversations: ConversationLine[] }>('/api/v1/conversations')
  return conversations
}

/** By its id, the beginning of it, or `last`. Throws NOT_FOUND, INVALID_ARGUMENT where several begin so. */
export async function findConversation(client: Client, wanted: string): Promise<ConversationLine> {
  const all = await listConversations(client)
  const found = wanted === 'last' ? all.slice(0, 1) : all.filter(({ id }) => id.startsWith(wanted))
  if (found.length > 1)
    throw new VillageError('INVALID_ARGUMENT', `${found.length} conversations begin with ${wanted}`)
  if (found[0] === undefined)
    throw new VillageError(
      'NOT_FOUND',
      wanted === 'last' ? 'There is no conversation yet' : `There is no conversation ${wanted}`,
    )
  return found[0]
}

export async function readConversation(client: Client, id: string): Promise<readonly ConversationTurn[]> {
  return (await client.get<{ turns: ConversationTurn[] }>(at(id))).turns
}

export async function createConversation(client: Client): Promise<string> {
  return (await client.send<{ id: string }>('POST', '/api/v1/conversations')).id
}

export interface TurnQuestion {
  readonly text: string
  readonly agent: string
  /** Null: rules; undefined: as configured. */
  readonly model: string | null | undefined
  readonly approvals: 'wait' | 'refuse'
  /** What becomes of the answer when this process is gone before its end. */
  readonly whenLeft: 'cancel' | 'finish'
}

/** Whether an answer is being made in it, as for a terminal that was closed. */
export async function isAnswering(client: Client, id: string): Promise<boolean> {
  return (await client.get<{ answering: object | null }>(at(id))).answering !== null
}

export async function cancelAnswer(client: Client, id: string): Promise<void> {
  await client.send('POST', `${at(id)}/cancel`)
}

/** Events of the agent; the value returned is its answer. Throws what the daemon answers. */
export async function* askInConversation(
  client: Client,
  id: string,
  { model, ...question }: TurnQuestion,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent, AnswerView> {
  const body = { ...question, ...(model === undefined ? {} : { model }), stream: true }
  for await (const event of client.stream(`${at(id)}/ask`, body, { signal })) {
    if (event.type === 'done') return event.data as unknown as AnswerView // as the route's schema says
    if (event.type === 'error') throw client.problem(event.data)
    yield event
  }
  throw new VillageError('DAEMON_NOT_RUNNING', 'The daemon ended the answer before it was complete')
}

export async function searchMemories(client: Client, words: string | null): Promise<readonly MemoryLine[]> {
  const query = words === null ? '' : `?query=${encodeURIComponent(words)}`
  return (await client.get<{ memories: MemoryLine[] }>(`/api/v1/twin${query}`)).memories
}

export async function forgetMemory(client: Client, id: string): Promise<void> {
  await client.send('DELETE', `/api/v1/twin/${encodeURIComponent(id)}`)
}

export async function decideApproval(
  client: Client,
  id: string,
  decision: 'approve' | 'deny',
): Promise<void> {
  await client.send('POST', `/api/v1/approvals/${encodeURIComponent(id)}`, { decision })
}
