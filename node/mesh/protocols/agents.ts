/**
 * `/village/agents/1.0.0`: a member asks an agent of another member (docs/protocols/agents.md). The asker sends one request; the other
 * side answers with frames, each with exactly one of its fields set, the last of which has `answer` or `code`. An asker that resets the
 * stream ends the work.
 */
import {
  bool,
  double,
  type Infer,
  list,
  message,
  nested,
  optional,
  string,
  uint32,
  uint64,
} from './message.ts'
import type { ProtocolSpec } from './spec.ts'

export const AGENTS_PROTOCOL: ProtocolSpec = {
  id: '/village/agents/1.0.0',
  access: 'member',
  maxFrameBytes: 512 * 1024,
  frameTimeoutMs: 30_000,
  maxStreamsByPeer: 4,
  streamsByMinute: 60,
}

export const AGENT_LIMITS = {
  maxMessages: 32,
  maxMessageBytes: 64 * 1024,
  /** Of all messages of a request together. */
  maxConversationBytes: 192 * 1024,
  maxOptionsBytes: 4_096,
  /** Of a frame of `text`; more goes in several. */
  maxTextBytes: 8_192,
  maxAnswerBytes: 128 * 1024,
  maxSteps: 64,
  maxLineBytes: 512,
  maxArgumentsBytes: 4_096,
  maxItems: 32,
  maxPassageBytes: 8_192,
  /** While nothing else is sent, something is every so often. */
  aliveEveryMs: 10_000,
  /** Of one answer, all frames together. */
  maxFrames: 10_000,
} as const

const L = AGENT_LIMITS
const NAME = 64
const MODEL = 256

export const ROLE_CODES = { user: 1, assistant: 2 } as const
export const FINISH_CODES = { answer: 1, turns: 2, time: 3, tokens: 4, repeats: 5 } as const
export const STATE_CODES = { done: 1, failed: 2, refused: 3 } as const

const Turn = message('Turn', {
  role: [1, uint32()],
  content: [2, string(L.maxMessageBytes)],
})

export const AskFrame = message('Ask', {
  agent: [1, string(16)],
  messages: [2, list(nested(Turn, L.maxMessageBytes + 32), L.maxMessages)],
  /** 0: as many as the other side allows. */
  turns: [3, uint32()],
  ms: [4, uint64()],
  tokens: [5, uint64()],
  repeats: [6, uint32()],
  /** A JSON object, or empty. */
  options: [7, string(L.maxOptionsBytes)],
})
export type AskFrame = Infer<typeof AskFrame>

const PlannedStep = message('PlannedStep', {
  tool: [1, string(NAME)],
  reason: [2, string(L.maxLineBytes)],
})

const PlanMessage = message('Plan', {
  steps: [1, list(nested(PlannedStep, NAME + L.maxLineBytes + 16), L.maxSteps)],
})

const CallMessage = message('Call', {
  call: [1, string(NAME)],
  agent: [2, string(16)],
  tool: [3, string(NAME)],
  /** A JSON object; `{}` where it would be larger than a frame may hold. */
  arguments: [4, string(L.maxArgumentsBytes)],
})

const ProgressMessage = message('Progress', {
  call: [1, string(NAME)],
  message: [2, string(L.maxLineBytes)],
})

const ResultMessage = message('Result', {
  call: [1, string(NAME)],
  state: [2, uint32()],
  summary: [3, string(L.maxLineBytes)],
})

const Item = message('EvidenceItem', {
  number: [1, uint32()],
  collection: [2, string(128)],
  document: [3, string(128)],
  title: [4, optional(string(1024))],
  source: [5, string(2048)],
  /** From 1; 0: none. */
  page: [6, uint32()],
  headings: [7, list(string(512), 16)],
  start: [8, uint64()],
  end: [9, uint64()],
  text: [10, string(L.maxPassageBytes)],
  score: [11, double()],
})
export type EvidenceItemMessage = Infer<typeof Item>
const ITEM_BYTES = L.maxPassageBytes + 16 * 1024

const Evidence = message('Evidence', {
  question: [1, string(L.maxMessageBytes)],
  queries: [2, list(string(2048), 16)],
  items: [3, list(nested(Item, ITEM_BYTES), L.maxItems)],
  confidence: [4, double()],
  threshold: [5, double()],
  isFound: [6, bool()],
  missing: [7, list(string(L.maxLineBytes), 64)],
})
export type EvidenceMessage = Infer<typeof Evidence>

const AnswerMessage = message('Answer', {
  id: [1, string(NAME)],
  /** Absent: rules decided. */
  model: [2, optional(string(MODEL))],
  text: [3, string(L.maxAnswerBytes)],
  finish: [4, uint32()],
  evidence: [5, optional(nested(Evidence, 384 * 1024))],
  promptTokens: [6, uint64()],
  cachedTokens: [7, uint64()],
  completionTokens: [8, uint64()],
  turns: [9, uint32()],
  tookMs: [10, uint64()],
})
export type AnswerMessage = Infer<typeof AnswerMessage>

export const ReplyFrame = message('Reply', {
  /** What the answer says, as it is made. */
  text: [1, optional(string(L.maxTextBytes))],
  plan: [2, optional(nested(PlanMessage, L.maxSteps * (NAME + L.maxLineBytes + 24)))],
  call: [3, optional(nested(CallMessage, L.maxArgumentsBytes + 512))],
  progress: [4, optional(nested(ProgressMessage, 1024))],
  result: [5, optional(nested(ResultMessage, 1024))],
  /** It goes on. */
  alive: [6, optional(bool())],
  answer: [7, optional(nested(AnswerMessage, L.maxAnswerBytes + 384 * 1024))],
  /** A row of the error table. */
  code: [8, optional(string(48))],
})
export type ReplyFrame = Infer<typeof ReplyFrame>
