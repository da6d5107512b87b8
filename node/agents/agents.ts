/** The agents of this node: who may ask how much at once, on which node, and for how long the daemon waits for them. */
import type { Config } from '../config.ts'
import { VillageError } from '../errors.ts'
import type { Service } from '../lifecycle.ts'
import type { AgentAnswer, AgentEvent, AgentName, AgentRequest, AgentRow } from './agent.ts'
import { type Asker, scopeAllows } from './asker.ts'
import type { ChatUsage } from './chat/chat-model.ts'
import {
  type AgentLimitsConfig,
  type AnswerComponents,
  createRequestRunner,
  newAgentId,
} from './loop/answer-request.ts'
import { type Clock, SYSTEM_CLOCK } from './loop/clock.ts'
import { claimedUsage } from './loop/limits.ts'
import { createNamedCalls, type NamedCall } from './loop/named-calls.ts'
import { createRequestCounter, type RequestCounts } from './loop/request-counts.ts'
import { parentOf } from './loop/running-request.ts'
import type { Tool, ToolResult } from './tools/tool.ts'

export interface AgentsStats extends RequestCounts {
  readonly running: number
  readonly waitingApprovals: number
}

export interface AgentView {
  readonly name: AgentName
  readonly description: string
  /** Those that the asker may cause. */
  readonly tools: readonly string[]
}

export type UsageListener = (asker: Asker, usage: ChatUsage) => void

export interface Agents extends Service {
  /**
   * Throws AGENT_UNKNOWN, AGENT_BUSY, AGENT_LEASE_INVALID, INVALID_ARGUMENT, what a model throws, and the signal's reason. What
   * tools throw is not thrown here: agents see it.
   */
  ask(request: AgentRequest, signal: AbortSignal, onEvent?: (event: AgentEvent) => void): Promise<AgentAnswer>
  /** A tool by its name, without an agent: see named-calls.ts. */
  callTool(call: NamedCall, signal: AbortSignal, onProgress?: (message: string) => void): Promise<ToolResult>
  /** Those that the asker may call by name. */
  tools(asker: Asker): Tool[]
  list(asker: Asker): AgentView[]
  /** Ends what runs for somebody, and waits until it has ended: nothing is written for it afterwards. */
  endOf(asker: Pick<Asker, 'kind' | 'id'>): Promise<void>
  /**
   * Tells what models took for somebody: each turn as it ends, also of requests that fail or are left, and of tools by name. Returns
   * what ends it.
   */
  onUsage(listener: UsageListener): () => void
  /** Whether a request, by its id, goes on here. */
  isRunning(request: string): boolean
  stats(): AgentsStats
}

export interface AgentsComponents extends AnswerComponents {
  readonly village: {
    askMember(
      peer: string,
      request: Pick<AgentRequest, 'agent' | 'messages' | 'limits' | 'options'>,
      signal: AbortSignal,
      onEvent: (event: AgentEvent) => void,
    ): Promise<AgentAnswer>
  }
}

export interface AgentsInit {
  readonly config: AgentLimitsConfig & Pick<Config, 'agents.maxRequests'>
  readonly peerId: string
  readonly clock?: Clock
  readonly newId?: () => string
}

/** For what retries: requests end at any time. */
const BUSY_RETRY_MS = 1_000
/** Kept for the owner, of eight. */
const OWNER_PLACES = 2
/** Of what a member says that it used for a request without a bound of its own. */
const MAX_CLAIMED_TOKENS = 16_384
const OWNER: Asker = { kind: 'owner', id: 'owner', scope: 'admin' }

export function createAgents(components: AgentsComponents, init: AgentsInit): Agents {
  const { rows, village, approvals, log } = components
  const { config, peerId, clock = SYSTEM_CLOCK, newId = newAgentId } = init
  const active = new Set<Promise<unknown>>()
  const stopping = new AbortController()
  const counter = createRequestCounter()
  const usageListeners = new Set<UsageListener>()
  const onUsage: UsageListener = (asker, usage) => {
    for (const listener of usageListeners) listener(asker, usage)
  }
  const runner = createRequestRunner(components, {
    ...{ config, peerId, clock, newId, counter },
    ...{ stopping: stopping.signal, onUsage },
  })
  const namedCalls = createNamedCalls(
    { ...components, clock, newId, onUsage, countCall: counter.countCall },
    { config },
  )
  /** Requests and calls by name that go on. */
  const going = new Set<{ asker: Asker; ending: AbortController; work: Promise<unknown> }>()
  /** Places that are taken, by asker. */
  const places = new Map<string, number>()

  function rowOf(name: string): AgentRow {
    const row = rows.find((it) => it.name === name)
    if (row === undefined) throw new VillageError('AGENT_UNKNOWN', `There is no agent ${name.slice(0, 64)}`)
    return row
  }

  /** The daemon's stop waits for it. */
  async function tracked<T>(work: Promise<T>): Promise<T> {
    active.add(work)
    try {
      return await work
    } finally {
      active.delete(work)
    }
  }

  function checkOpen(): void {
    if (stopping.signal.aborted) throw new VillageError('SHUTTING_DOWN')
  }

  /** The member that is to answer; null: this node. A member's request is not passed on, and a step is where its agent sent it. */
  function memberOf({ options, asker, lease }: AgentRequest): string | null {
    const node = options?.node
    if (node === undefined || node === peerId || asker.kind === 'member' || lease !== undefined) return null
    if (typeof node === 'string') return node
    throw new VillageError('INVALID_ARGUMENT', 'options.node must be a peer ID', {
      fields: { field: 'options.node' },
    })
  }

  function safely(onEvent: (event: AgentEvent) => void): (event: AgentEvent) => void {
    return (event) => {
      try {
        onEvent(event)
      } catch (error) {
        log.error({ err: error }, 'a listener of an agent failed')
      }
    }
  }

  /** No more than was asked for, nor than a long answer takes: a member's word empties no quota. */
  const claimable = ({ limits }: AgentRequest) =>
    Math.min(config['agents.maxTokens'], limits?.tokens ?? MAX_CLAIMED_TOKENS)

  /** The owner finds a place whatever keys and members do, and none of those takes more than half. */
  function hasPlace({ kind, id }: Asker): boolean {
    const most = config['agents.maxRequests']
    const taken = [...places.values()].reduce((sum, count) => sum + count, 0)
    if (kind === 'owner') return taken < most
    const kept = Math.min(OWNER_PLACES, Math.floor(most / 4))
    return taken < most - kept && (places.get(`${kind} ${id}`) ?? 0) < Math.max(1, Math.floor(most / 2))
  }

  async function asRoot(row: AgentRow, asker: Asker, work: () => Promise<AgentAnswer>): Promise<AgentAnswer> {
    if (!hasPlace(asker)) {
      counter.countRequest(row.name, 'busy')
      throw new VillageError('AGENT_BUSY', undefined, { fields: { retryAfterMs: BUSY_RETRY_MS } })
    }
    const place = `${asker.kind} ${asker.id}`
    places.set(place, (places.get(place) ?? 0) + 1)
    try {
      return await work()
    } finally {
      const left = places.get(place)! - 1
      if (left === 0) places.delete(place)
      else places.set(place, left)
    }
  }

  /** Ends with the asker's signal, the daemon, or what is to be erased of the asker. */
  async function ended<T>(
    asker: Asker,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const ending = new AbortController()
    const one = { asker, ending, work: work(AbortSignal.any([signal, ending.signal])) }
    going.add(one)
    try {
      return await one.work
    } finally {
      going.delete(one)
    }
  }

  async function askMember(
    peer: string,
    request: AgentRequest,
    signal: AbortSignal,
    onEvent: (event: AgentEvent) => void,
  ): Promise<AgentAnswer> {
    const answer = await village.askMember(peer, request, signal, onEvent)
    onUsage(request.asker, claimedUsage(answer.usage, claimable(request)))
    return answer
  }

  return {
    name: 'agents',
    async start() {},
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await Promise.allSettled(active)
    },
    async ask(request, signal, onEvent = () => {}) {
      checkOpen()
      const row = rowOf(request.agent)
      const parent = parentOf(request, runner.running, clock.now())
      const member = memberOf(request)
      const { asker } = request
      // Whoever may decide nothing would wait for others, and hold a place meanwhile.
      const mayWait = asker.kind === 'owner' || scopeAllows(asker.scope, 'operate')
      const asked: AgentRequest = mayWait ? request : { ...request, approvals: 'refuse' }
      const work = () =>
        tracked(
          ended(asker, signal, (within) =>
            member === null
              ? runner.run(row, asked, parent, within, safely(onEvent))
              : askMember(member, asked, AbortSignal.any([within, stopping.signal]), safely(onEvent)),
          ),
        )
      try {
        // A step goes on in the place of the request that waits for it.
        const answer = await (parent === null ? asRoot(row, asker, work) : work())
        counter.countRequest(row.name, answer.finish)
        return answer
      } catch (error) {
        if (!(error instanceof VillageError && error.code === 'AGENT_BUSY'))
          counter.countRequest(row.name, signal.aborted ? 'cancelled' : 'failed')
        throw error
      }
    },
    async callTool(call, signal, onProgress = () => {}) {
      checkOpen()
      const until = AbortSignal.any([signal, stopping.signal])
      return tracked(ended(call.asker, until, (within) => namedCalls.call(call, within, onProgress)))
    },
    async endOf({ kind, id }) {
      const theirs = [...going].filter(({ asker }) => asker.kind === kind && asker.id === id)
      for (const { ending } of theirs)
        ending.abort(new VillageError('ABORTED', 'What was said to it is erased'))
      await Promise.allSettled(theirs.map(({ work }) => work))
    },
    onUsage(listener) {
      usageListeners.add(listener)
      return () => usageListeners.delete(listener)
    },
    isRunning: (request) => runner.running.has(request),
    tools: (asker) => namedCalls.tools(asker),
    list: (asker) =>
      rows.map((row) => ({
        name: row.name,
        description: row.description,
        tools: [...runner.grant(row, asker, []).tools.keys()],
      })),
    stats: () => ({
      ...counter.counts(),
      running: runner.running.size,
      waitingApprovals: approvals.list(OWNER).length,
    }),
  }
}
