/** Agents across the village: which members offer which, asking one of theirs, and answering with those of this node. */
import type { Config } from '../../config.ts'
import { type ErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { OfferedAgent } from '../../mesh/capabilities.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { AGENT_LIMITS, AGENTS_PROTOCOL, AskFrame, ReplyFrame } from '../../mesh/protocols/agents.ts'
import type { AgentAnswer, AgentEvent, AgentName } from '../agent.ts'
import { type AnswerRequest, createMemberAnswers, TOLD_CODES } from './answer-members.ts'
import { decodeAnswer, decodeEvent } from './reply-wire.ts'
import { encodeRequest, isAgentName, type MemberRequest } from './request-wire.ts'
import type { OfferConfig } from './visitors.ts'

export interface MemberOffer {
  readonly peer: string
  readonly agents: readonly { readonly name: AgentName; readonly model: boolean }[]
}

export interface VillageAgents extends Service {
  /** What this node announces. */
  announced(): OfferedAgent[]
  /** Of the members that are connected. */
  offers(): MemberOffer[]
  /**
   * Asks an agent of a member. All that comes back is that member's word: untrusted. Throws AGENT_NOT_OFFERED, AGENT_MEMBER_FAILED,
   * ANSWER_IMPLAUSIBLE, INVALID_ARGUMENT, PEER_BUSY, PEER_RATE_LIMITED, TIMEOUT, what mesh.open() throws, and the signal's reason.
   */
  askMember(
    peer: string,
    request: MemberRequest,
    signal: AbortSignal,
    onEvent: (event: AgentEvent) => void,
  ): Promise<AgentAnswer>
}

interface Components {
  readonly mesh: Pick<Mesh, 'handle' | 'open' | 'peers'>
  /** Agents.ask of this node. */
  readonly answer: AnswerRequest
  readonly log: Log
}

interface Init {
  readonly config: OfferConfig & Pick<Config, 'agents.model' | 'agents.maxMs'>
  readonly now?: () => number
  readonly aliveEveryMs?: number
}

/** Beyond the time that was asked for: to get there, and for the last frame. */
const WAY_MS = 15_000
/** Text of events that one answer may bring. */
const MAX_STREAMED_UNITS = 1024 * 1024

export function createVillageAgents(components: Components, init: Init): VillageAgents {
  const { mesh } = components
  const { config, now = Date.now } = init
  const stopping = new AbortController()
  const answers = createMemberAnswers(components, { ...init, now })
  mesh.handle(AGENTS_PROTOCOL, (stream, context) =>
    answers.serve(stream, { ...context, signal: AbortSignal.any([context.signal, stopping.signal]) }),
  )

  function failedWith(code: string, peer: string): VillageError {
    if (TOLD_CODES.includes(code as ErrorCode))
      return new VillageError(code as ErrorCode, undefined, { fields: { peer } })
    // It can say anything: no other code of this node's own table comes from there.
    return new VillageError('AGENT_MEMBER_FAILED', undefined, { fields: { peer, code: 'unknown' } })
  }

  async function follow(
    stream: FramedStream,
    { peer, agent }: { peer: string; agent: AgentName },
    signal: AbortSignal,
    onEvent: (event: AgentEvent) => void,
  ): Promise<AgentAnswer> {
    let room = MAX_STREAMED_UNITS
    for (let count = 0; count < AGENT_LIMITS.maxFrames; count++) {
      const frame = await stream.expect(ReplyFrame, { signal })
      if (frame.code !== undefined) throw failedWith(frame.code, peer)
      if (frame.answer !== undefined) return decodeAnswer(frame.answer, { peer, agent })
      const event = decodeEvent(frame)
      if (event === null && frame.alive !== true)
        throw new VillageError('ANSWER_IMPLAUSIBLE', 'A frame of a member says nothing.')
      if (event?.kind === 'text') room -= event.text.length
      if (room < 0) break
      if (event !== null) onEvent(event)
    }
    throw new VillageError('ANSWER_IMPLAUSIBLE', 'A member says more than an answer can be.')
  }

  return {
    name: 'village-agents',
    async start() {},
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
    },
    announced: () => config['agents.offer'].map((name) => ({ name, model: config['agents.model'] !== null })),
    offers: () =>
      mesh.peers().flatMap(({ peer, capabilities }) => {
        const agents = (capabilities?.agents ?? []).flatMap(({ name, model }) =>
          isAgentName(name) ? { name, model } : [],
        )
        return agents.length === 0 ? [] : { peer, agents }
      }),
    async askMember(peer, request, given, onEvent) {
      const ask = encodeRequest(request)
      const timeout = new AbortController()
      const ms = Math.min(request.limits?.ms ?? config['agents.maxMs'], config['agents.maxMs']) + WAY_MS
      const timer = setTimeout(
        () => timeout.abort(new VillageError('TIMEOUT', 'The member did not answer in time.')),
        ms,
      )
      const signal = AbortSignal.any([given, stopping.signal, timeout.signal])
      try {
        const stream = await mesh.open(peer, AGENTS_PROTOCOL, { signal })
        try {
          await stream.send(AskFrame, ask, { signal })
          const answer = await follow(stream, { peer, agent: request.agent }, signal, onEvent)
          // Nothing is awaited of it any more, and its last word is not needed.
          stream.close().catch(() => undefined)
          return answer
        } catch (error) {
          stream.abort(toVillageError(error))
          throw error
        }
      } catch (error) {
        signal.throwIfAborted()
        if (toVillageError(error).code === 'PROTOCOL_UNSUPPORTED')
          throw new VillageError('AGENT_NOT_OFFERED', undefined, { cause: error, fields: { peer } })
        throw error
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
