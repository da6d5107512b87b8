/** What is kept of a conversation with agents: one sealed record. */

import type { JsonObject } from '../../json.ts'
import type { AgentAnswer, AgentEvent, AgentName } from '../agent.ts'
import type { ChatMessage } from '../chat/chat-model.ts'
import { boundContent } from '../loop/bound-content.ts'
import type { ChunkReference } from '../rag/search-types.ts'
import type { Speaker } from '../twin/erasure.ts'

export interface Citation {
  readonly number: number
  readonly title: string | null
  readonly source: string
  readonly page: number | null
  /** Where to open it; absent in what older versions kept. */
  readonly place?: CitedPlace
}

export interface CitedPlace {
  readonly collection: string
  /** Id of the document. */
  readonly document: string
  /** UTF-16 offsets in the document's text: of the sentences that cite it, otherwise of the passage. */
  readonly start: number
  readonly end: number
  /** Null where another member's agent named it. */
  readonly passage: ChunkReference | null
}

/** What the answer's evidence comes to. */
export interface EvidenceLine {
  readonly confidence: number
  readonly threshold: number
  readonly isFound: boolean
}

export interface CallLine {
  readonly tool: string
  readonly agent: AgentName
  /** Cut where they are long; absent in what older versions kept. */
  readonly arguments?: JsonObject
  readonly state: 'running' | 'done' | 'failed' | 'refused'
  readonly summary: string
}

export type Turn =
  | { readonly role: 'user'; readonly text: string; readonly atMs: number }
  | {
      readonly role: 'assistant'
      readonly text: string
      readonly atMs: number
      readonly agent: AgentName
      /** Of the chat model; null: rules. */
      readonly model: string | null
      /** As in AgentAnswer; `failed`: `error` says how, and the text is what had come by then. */
      readonly finish: AgentAnswer['finish'] | 'failed'
      readonly error: { readonly code: string; readonly message: string } | null
      readonly citations: readonly Citation[]
      /** Null without evidence; absent in what older versions kept. */
      readonly evidence?: EvidenceLine | null
      readonly calls: readonly CallLine[]
      /**
       * It may quote what is private on this node: its tools or its model were shown such, because whoever read it was on this machine.
       */
      readonly isPrivate?: boolean
    }

export interface Conversation {
  readonly id: string
  readonly speaker: Speaker
  /** The beginning of the first message. */
  readonly title: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly turns: readonly Turn[]
}

const TITLE_CHARACTERS = 80
const SUMMARY_CHARACTERS = 300
/** Of the arguments of one call: a file's whole text need not be kept twice. */
const ARGUMENT_BYTES = 4_096
const MAX_TITLE_CHARACTERS = 120

export function titleOf(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= TITLE_CHARACTERS ? line : `${line.slice(0, TITLE_CHARACTERS - 1)}…`
}

/** As a person gave it: on one line, and bounded. */
export const givenTitle = (text: string): string =>
  text.replace(/\s+/g, ' ').trim().slice(0, MAX_TITLE_CHARACTERS)

const WITHHELD = '[An answer that was made on this machine is not shown here: it may quote private text.]'

/**
 * What an agent is given of it. A message whose answer failed before it said anything is left out with it. `withheld`: its model is elsewhere
 * and may see nothing private, so it is told of such answers only that there were some.
 */
export function messagesOf(turns: readonly Turn[], withheld = false): ChatMessage[] {
  const messages: ChatMessage[] = []
  for (const [index, turn] of turns.entries()) {
    if (turn.role === 'assistant') {
      const content = withheld && turn.isPrivate !== false ? WITHHELD : turn.text
      if (turn.text !== '') messages.push({ role: 'assistant', content })
      continue
    }
    const answer = turns[index + 1]
    const isLast = index === turns.length - 1
    if (isLast || (answer?.role === 'assistant' && answer.text !== ''))
      messages.push({ role: 'user', content: turn.text })
  }
  return messages
}

/** An answer that is being made, as far as it has come. */
export interface Answering {
  readonly agent: AgentName
  readonly atMs: number
  /** What was said since the last call. */
  readonly text: string
  readonly calls: readonly CallLine[]
  /** Ids of what waits for a person's decision. */
  readonly approvals: readonly string[]
}

export interface Transcript {
  add(event: AgentEvent): void
  text(): string
  calls(): CallLine[]
  /** The calls of a request that was cut off: those that it waited for have failed. */
  callsCutOff(): CallLine[]
  soFar(): Pick<Answering, 'text' | 'calls' | 'approvals'>
}

/** Follows a request: the text and the calls that have come so far. */
export function createTranscript(): Transcript {
  const calls = new Map<string, CallLine>()
  /** Call → the approval that it waits for. */
  const approvals = new Map<string, string>()
  let text = ''
  let saidBefore = 0
  return {
    add(event) {
      if (event.kind === 'text') text += event.text
      else if (event.kind === 'call') {
        saidBefore = text.length
        calls.set(event.call, {
          ...{ tool: event.tool, agent: event.agent, state: 'running', summary: '' },
          arguments: boundContent(event.arguments, ARGUMENT_BYTES) as JsonObject, // an object stays one
        })
      } else if (event.kind === 'approval') approvals.set(event.call, event.approval)
      else if (event.kind === 'result') {
        approvals.delete(event.call)
        const call = calls.get(event.call)
        const summary = event.summary.slice(0, SUMMARY_CHARACTERS)
        if (call !== undefined) calls.set(event.call, { ...call, state: event.state, summary })
      }
    },
    text: () => text,
    calls: () => [...calls.values()],
    callsCutOff: () =>
      [...calls.values()].map((call) =>
        call.state === 'running' ? { ...call, state: 'failed', summary: 'cut off' } : call,
      ),
    soFar: () => ({
      text: text.slice(saidBefore),
      calls: [...calls.values()],
      approvals: [...approvals.values()],
    }),
  }
}

export function citationsOf(answer: AgentAnswer): Citation[] {
  const sentences = answer.evidence?.answer?.sentences ?? []
  return (answer.evidence?.items ?? []).map((item) => {
    const { number, title, source, page, collection, document, passage = null } = item
    const cited = sentences.filter(({ citation }) => citation === number)
    const spans = cited.length === 0 ? [item] : cited
    const start = Math.min(...spans.map((span) => span.start))
    const end = Math.max(...spans.map((span) => span.end))
    return { number, title, source, page, place: { collection, document, start, end, passage } }
  })
}

export function evidenceLineOf({ evidence }: AgentAnswer): EvidenceLine | null {
  if (evidence === null) return null
  const { confidence, threshold, isFound } = evidence
  return { confidence, threshold, isFound }
}
