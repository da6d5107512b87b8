/** Answers requests of members with the agents of this node. Nothing of what they ask is logged. */
import { randomBytes } from 'node:crypto'
import { type ErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import type { StreamContext } from '../../mesh/mesh.ts'
import { AGENT_LIMITS, AskFrame, ReplyFrame } from '../../mesh/protocols/agents.ts'
import { createRateLimit } from '../../mesh/rate-limit.ts'
import type { AgentAnswer, AgentEvent, AgentRequest } from '../agent.ts'
import { aliveFrame, codeFrame, encodeAnswer, encodeEvent } from './reply-wire.ts'
import { decodeRequest } from './request-wire.ts'
import { isOffered, type OfferConfig, visitorLimits, visitorRequest } from './visitors.ts'

export type AnswerRequest = (
  request: AgentRequest,
  signal: AbortSignal,
  onEvent: (event: AgentEvent) => void,
) => Promise<AgentAnswer>

/** Of all members, and of one: the rest of what this node can do at once is its owner's. */
const MAX_AT_ONCE = 4
const MAX_AT_ONCE_BY_PEER = 2
const HOUR_MINUTES = 60
/** Events that wait for a slow reader; further ones are left out. */
const MAX_WAITING_FRAMES = 256

/** Codes that tell a member what to do next; for everything else it is told that the agent failed. */
export const TOLD_CODES: readonly ErrorCode[] = [
  'AGENT_BUSY',
  'AGENT_MEMBER_FAILED',
  'AGENT_NOT_OFFERED',
  'AGENT_OPTION_INVALID',
  'AGENT_UNKNOWN',
  'CONTEXT_TOO_LONG',
  'INVALID_ARGUMENT',
  'PEER_BUSY',
  'PEER_RATE_LIMITED',
  'SHUTTING_DOWN',
  'TIMEOUT',
]

interface Components {
  readonly answer: AnswerRequest
  readonly log: Log
}

interface Init {
  readonly config: OfferConfig
  readonly now: () => number
  readonly aliveEveryMs?: number
}

export function createMemberAnswers({ answer, log }: Components, init: Init) {
  const { config, now, aliveEveryMs = AGENT_LIMITS.aliveEveryMs } = init
  const rate = createRateLimit({
    get byMinute() {
      return config['agents.offerRequestsByHour'] / HOUR_MINUTES
    },
    get burst() {
      return config['agents.offerRequestsByHour']
    },
  })
  const working = new Map<string, number>()
  let total = 0

  /** Throws what the member is told. */
  function admit(peer: string): void {
    if (!rate.take(peer, now())) throw new VillageError('PEER_RATE_LIMITED')
    if (total >= MAX_AT_ONCE || (working.get(peer) ?? 0) >= MAX_AT_ONCE_BY_PEER)
      throw new VillageError('PEER_BUSY')
  }

  async function counted<T>(peer: string, work: () => Promise<T>): Promise<T> {
    total += 1
    working.set(peer, (working.get(peer) ?? 0) + 1)
    try {
      return await work()
    } finally {
      total -= 1
      const rest = (working.get(peer) ?? 1) - 1
      if (rest > 0) working.set(peer, rest)
      else working.delete(peer)
    }
  }

  async function run(frame: AskFrame, stream: FramedStream, context: StreamContext): Promise<ReplyFrame> {
    const { peer, signal } = context
    const request = decodeRequest(frame, visitorLimits(config))
    if (!isOffered(config, request.agent)) throw new VillageError('AGENT_NOT_OFFERED')
    admit(peer)
    const told = tellEvents(stream, signal, aliveEveryMs)
    try {
      const id = randomBytes(12).toString('hex')
      const visitor = visitorRequest(config, { peer, id, nowMs: now() }, request)
      const answered = await counted(peer, () => answer(visitor, signal, told.onEvent))
      return encodeAnswer(answered)
    } finally {
      await told.end()
    }
  }

  async function reply(frame: AskFrame, stream: FramedStream, context: StreamContext): Promise<ReplyFrame> {
    try {
      return await run(frame, stream, context)
    } catch (error) {
      const { code } = toVillageError(error)
      // A member that does not keep to the protocol loses its stream; one that has gone hears nothing.
      if (code === 'PROTOCOL_MALFORMED' || context.signal.aborted) throw error
      if (TOLD_CODES.includes(code)) return codeFrame(code)
      log.warn({ err: error, peer: context.peer }, 'an agent failed for a member')
      return codeFrame('AGENT_MEMBER_FAILED')
    }
  }

  return {
    /** Answers one stream to its end. */
    async serve(stream: FramedStream, context: StreamContext): Promise<void> {
      const frame = await stream.expect(AskFrame, { signal: context.signal })
      const gone = new AbortController()
      const watching = new AbortController()
      // Nothing more is to come: a stream that is cut ends the work.
      stream
        .receive(AskFrame, { signal: watching.signal, timeoutMs: 2 * config['agents.offerMs'] + 60_000 })
        .then((more) => {
          if (more !== null) gone.abort(new VillageError('PROTOCOL_MALFORMED', 'A member asked twice'))
        })
        .catch((error: unknown) => {
          // After the answer nobody waits for the stream any more.
          if (!watching.signal.aborted) gone.abort(error)
        })
      const signal = AbortSignal.any([context.signal, gone.signal])
      try {
        const last = await reply(frame, stream, { ...context, signal })
        await stream.send(ReplyFrame, last, { signal })
      } finally {
        watching.abort(new VillageError('ABORTED'))
      }
    },
  }
}

/** Sends events in their order, one at a time; while there is none, a sign of life every so often. */
function tellEvents(stream: FramedStream, signal: AbortSignal, aliveEveryMs: number) {
  let sending: Promise<void> = Promise.resolve()
  let waiting = 0
  let sent = 0
  const send = (frame: ReplyFrame) => {
    // The last frame, with the answer, is to fit as well.
    if (waiting >= MAX_WAITING_FRAMES || sent >= AGENT_LIMITS.maxFrames - 1) return
    waiting += 1
    sent += 1
    sending = sending
      .then(() => stream.send(ReplyFrame, frame, { signal }))
      .catch(() => undefined) // a stream that is cut ends the work by the signal
      .finally(() => {
        waiting -= 1
      })
  }
  const timer = setInterval(() => {
    if (waiting === 0) send(aliveFrame())
  }, aliveEveryMs)
  return {
    onEvent(event: AgentEvent) {
      for (const frame of encodeEvent(event)) send(frame)
    },
    /** When all of them are sent. */
    async end() {
      clearInterval(timer)
      await sending
    },
  }
}
