/** What comes of a request at another member: frames out of events and an answer, and back, checked. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import {
  AGENT_LIMITS,
  type AnswerMessage,
  type EvidenceItemMessage,
  type EvidenceMessage,
  FINISH_CODES,
  type ReplyFrame,
  STATE_CODES,
} from '../../mesh/protocols/agents.ts'
import type { AgentAnswer, AgentEvent, AgentName } from '../agent.ts'
import type { EvidenceItem, EvidencePack } from '../evidence.ts'
import { cutBytes, pieces } from './cut-bytes.ts'
import { isAgentName } from './request-wire.ts'

const L = AGENT_LIMITS
const NOTHING: ReplyFrame = {
  text: undefined,
  plan: undefined,
  call: undefined,
  progress: undefined,
  result: undefined,
  alive: undefined,
  answer: undefined,
  code: undefined,
}
/** All passages of a pack together, with what is told of each: beside the text of an answer they fit a frame. */
const PASSAGES_BYTES = 256 * 1024
const QUESTION_BYTES = 8_192
/** Numbers and heads of the fields of a passage. */
const ITEM_OVERHEAD_BYTES = 128
const NAME_BYTES = 64

const line = (text: string) => cutBytes(text, L.maxLineBytes)
const name = (text: string) => cutBytes(text, NAME_BYTES)

function fails(reason: string): never {
  throw new VillageError('ANSWER_IMPLAUSIBLE', `The answer of a member cannot be right: ${reason}`)
}

function codeOf<T extends string>(codes: Readonly<Record<T, number>>, code: number): T {
  const found = (Object.keys(codes) as T[]).find((key) => codes[key] === code)
  return found ?? fails('a code is unknown')
}

export const aliveFrame = (): ReplyFrame => ({ ...NOTHING, alive: true })
export const codeFrame = (code: string): ReplyFrame => ({ ...NOTHING, code })

/** None for a question of approval: nobody here decides it for a member. */
export function encodeEvent(event: AgentEvent): ReplyFrame[] {
  switch (event.kind) {
    case 'text':
      return pieces(event.text, L.maxTextBytes).map((text) => ({ ...NOTHING, text }))
    case 'plan': {
      const steps = event.steps
        .slice(0, L.maxSteps)
        .map(({ tool, reason }) => ({ tool: name(tool), reason: line(reason) }))
      return [{ ...NOTHING, plan: { steps } }]
    }
    case 'call': {
      const given = JSON.stringify(event.arguments)
      const arguments_ = Buffer.byteLength(given) <= L.maxArgumentsBytes ? given : '{}'
      const call = {
        call: name(event.call),
        agent: event.agent,
        tool: name(event.tool),
        arguments: arguments_,
      }
      return [{ ...NOTHING, call }]
    }
    case 'progress':
      return [{ ...NOTHING, progress: { call: name(event.call), message: line(event.message) } }]
    case 'result': {
      const { call, state, summary } = event
      return [{ ...NOTHING, result: { call: name(call), state: STATE_CODES[state], summary: line(summary) } }]
    }
    case 'approval':
      return []
  }
}

function readArguments(text: string): JsonObject {
  try {
    const value = JSON.parse(text) as JsonValue
    return isJsonObject(value) ? value : fails('arguments are no object')
  } catch (error) {
    return error instanceof VillageError ? fails(error.message) : fails('arguments are not JSON')
  }
}

const agentOf = (text: string): AgentName => (isAgentName(text) ? text : fails('there is no such agent'))

/** Null for a frame that tells nothing. Throws ANSWER_IMPLAUSIBLE. */
export function decodeEvent(frame: ReplyFrame): AgentEvent | null {
  const { text, plan, call, progress, result } = frame
  if (text !== undefined) return { kind: 'text', text }
  if (plan !== undefined) return { kind: 'plan', steps: plan.steps }
  if (call !== undefined)
    return {
      kind: 'call',
      call: call.call,
      agent: agentOf(call.agent),
      tool: call.tool,
      arguments: readArguments(call.arguments),
    }
  if (progress !== undefined) return { kind: 'progress', ...progress }
  return result === undefined ? null : { kind: 'result', ...result, state: codeOf(STATE_CODES, result.state) }
}

function encodeItem(item: EvidenceItem): EvidenceItemMessage {
  return {
    number: item.number,
    collection: cutBytes(item.collection, 128),
    document: cutBytes(item.document, 128),
    title: item.title === null ? undefined : cutBytes(item.title, 1024),
    source: cutBytes(item.source, 2048),
    page: item.page ?? 0,
    headings: item.headings.slice(0, 16).map((heading) => cutBytes(heading, 512)),
    start: item.start,
    end: item.end,
    text: cutBytes(item.text, L.maxPassageBytes),
    score: item.score,
  }
}

function encodeEvidence(pack: EvidencePack): EvidenceMessage {
  let room = PASSAGES_BYTES
  const items: EvidenceItemMessage[] = []
  for (const item of pack.items.slice(0, L.maxItems)) {
    const message = encodeItem(item)
    const texts = [message.collection, message.document, message.title ?? '', message.source, message.text]
    room -= ITEM_OVERHEAD_BYTES
    for (const text of [...texts, ...message.headings]) room -= Buffer.byteLength(text)
    if (room < 0) break
    items.push(message)
  }
  return {
    question: cutBytes(pack.question, QUESTION_BYTES),
    queries: pack.queries.slice(0, 16).map((query) => cutBytes(query, 2048)),
    items,
    confidence: pack.confidence,
    threshold: pack.threshold,
    isFound: pack.isFound,
    missing: pack.missing.slice(0, 64).map(line),
  }
}

export function encodeAnswer(answer: AgentAnswer): ReplyFrame {
  const { id, model, text, finish, evidence, usage, turns, tookMs } = answer
  return {
    ...NOTHING,
    answer: {
      ...{ id: name(id), turns, tookMs: Math.round(tookMs), ...usage },
      model: model === null ? undefined : cutBytes(model, 256),
      text: cutBytes(text, L.maxAnswerBytes),
      finish: FINISH_CODES[finish],
      evidence: evidence === null ? undefined : encodeEvidence(evidence),
    },
  }
}

const isShare = (value: number) => value >= 0 && value <= 1

/** Whoever vouched for a passage there did not vouch for it here: this node has the word of the member that answered. */
function decodeEvidence(message: EvidenceMessage, peer: string): EvidencePack {
  if (!isShare(message.confidence) || !isShare(message.threshold)) fails('a share lies outside 0 to 1')
  const items = message.items.map((item, index): EvidenceItem => {
    if (item.number !== index + 1) fails('its passages are not numbered from 1')
    if (item.end < item.start || !Number.isFinite(item.score)) fails('a passage has no place or no score')
    return { ...item, title: item.title ?? null, page: item.page === 0 ? null : item.page, vouchedBy: [peer] }
  })
  return { ...message, items }
}

/** `observations` stay with the member. Throws ANSWER_IMPLAUSIBLE. */
export function decodeAnswer(
  message: AnswerMessage,
  { peer, agent }: { peer: string; agent: AgentName },
): AgentAnswer {
  const { id, model, text, finish, evidence, turns, tookMs } = message
  const { promptTokens, cachedTokens, completionTokens } = message
  if (id === '') fails('it has no id')
  return {
    ...{ id, agent, node: peer, text, turns, tookMs },
    model: model ?? null,
    finish: codeOf(FINISH_CODES, finish),
    evidence: evidence === undefined ? null : decodeEvidence(evidence, peer),
    observations: [],
    usage: { promptTokens, cachedTokens, completionTokens },
  }
}
