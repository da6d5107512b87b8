/** The agents of this node: who may ask how much at once, on which node, and for how long the daemon waits for them. */
import type { Config } from '../config.ts'
import { VillageError } from '../errors.ts'
import type { Service } from '../lifecycle.ts'
import type { AgentAnswer, AgentEvent, AgentName, AgentRequest, AgentRow } from './agent.ts'
import type { Asker } from './asker.ts'
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
  /**
   * Tells what models took for somebody: each turn as it ends, also of requests that fail or are left, and of tools by name. Returns
   * what ends it.
   */
  onUsage(listener: UsageListener): () => void
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
  let asked = 0

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

  async function asRoot(row: AgentRow, work: () => Promise<AgentAnswer>): Promise<AgentAnswer> {
    if (asked >= config['agents.maxRequests']) {
      counter.countRequest(row.name, 'busy')
      throw new VillageError('AGENT_BUSY', undefined, { fields: { retryAfterMs: BUSY_RETRY_MS } })
    }
    asked += 1
    try {
      return await work()
    } finally {
      asked -= 1
    }
  }

  async function askMember(
    peer: string,
    request: AgentRequest,
    signal: AbortSignal,
    onEvent: (event: AgentEvent) => void,
  ): Promise<AgentAnswer> {
    const answer = await village.askMember(peer, request, signal, onEvent)
    onUsage(request.asker, claimedUsage(answer.usage, config['agents.maxTokens']))
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
      const within = AbortSignal.any([signal, stopping.signal])
      const work = () =>
        tracked(
          member === null
            ? runner.run(row, request, parent, signal, safely(onEvent))
            : askMember(member, request, within, safely(onEvent)),
        )
      try {
        // A step goes on in the place of the request that waits for it.
        const answer = await (parent === null ? asRoot(row, work) : work())
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
      return tracked(namedCalls.call(call, AbortSignal.any([signal, stopping.signal]), onProgress))
    },
    onUsage(listener) {
      usageListeners.add(listener)
      return () => usageListeners.delete(listener)
    },
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
