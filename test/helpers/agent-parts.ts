/** Parts of the agents' loop under a test's control: time that stands still, policies that play a script, tools that record. */

import type { AgentEvent, AgentName, AgentRow, LoopLimits } from '../../node/agents/agent.ts'
import { type AgentsComponents, type AgentsInit, createAgents } from '../../node/agents/agents.ts'
import type { Asker } from '../../node/agents/asker.ts'
import { createApprovals } from '../../node/agents/loop/approvals.ts'
import { type AuditStore, createAudit } from '../../node/agents/loop/audit.ts'
import { createArgumentCheck } from '../../node/agents/loop/check-arguments.ts'
import type { Clock } from '../../node/agents/loop/clock.ts'
import type { IntendedCall } from '../../node/agents/loop/intended-call.ts'
import type { Action, Policy, PolicyStep } from '../../node/agents/loop/policy.ts'
import { NO_NAMES } from '../../node/agents/own-names.ts'
import type { Tool, ToolContext, ToolResult } from '../../node/agents/tools/tool.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { VillageError } from '../../node/errors.ts'
import { createEvents } from '../../node/events.ts'
import type { JsonObject, JsonValue } from '../../node/json.ts'
import { createLog } from '../../node/log.ts'

export const OWNER: Asker = { kind: 'owner', id: 'owner', scope: 'admin' }
export const NOW_MS = 1_760_000_000_000

export interface StillClock extends Clock {
  /** Lets time pass, and what was to happen in it. */
  pass(ms: number): void
  timers(): number
}

export function stillClock(): StillClock {
  let nowMs = NOW_MS
  const timers = new Set<{ atMs: number; run: () => void }>()
  return {
    now: () => nowMs,
    after(ms, run) {
      const timer = { atMs: nowMs + ms, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    pass(ms) {
      const endMs = nowMs + ms
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        timers.delete(next)
        nowMs = next.atMs
        next.run()
      }
      nowMs = endMs
    },
    timers: () => timers.size,
  }
}

export function counterIds(): () => string {
  let count = 0
  return () => `id${String(++count).padStart(6, '0')}`
}

/** As a sealed store, with nothing sealed. */
export function memoryAuditStore(): AuditStore & { readonly records: ReadonlyMap<string, string> } {
  const records = new Map<string, string>()
  return {
    records,
    async put(id, value) {
      records.set(id, JSON.stringify(value))
    },
    async getJson(id) {
      const text = records.get(id)
      return text === undefined ? null : (JSON.parse(text) as JsonValue)
    },
    deleteMany: async (ids) => ids.filter((id) => records.delete(id)).length,
    clear: async () => records.clear(),
    list: () => [...records.keys()].map((id) => ({ id })),
  }
}

export const own = (content: JsonValue, summary = 'done'): ToolResult => ({ content, trust: 'own', summary })
export const untrusted = (content: JsonValue, summary = 'read'): ToolResult => ({
  content,
  trust: 'untrusted',
  summary,
})

export interface RecordingTool extends Tool {
  readonly calls: JsonObject[]
  readonly contexts: ToolContext[]
}

export function toolNamed(
  name: string,
  given: Partial<Omit<Tool, 'run'>> & {
    run?: (arguments_: JsonObject, context: ToolContext) => Promise<ToolResult>
  } = {},
): RecordingTool {
  const calls: JsonObject[] = []
  const contexts: ToolContext[] = []
  const { run = async () => own({ ok: true }), ...rest } = given
  return {
    name,
    description: `Does ${name}.`,
    parameters: { type: 'object', properties: {}, additionalProperties: true },
    effect: 'read',
    scope: 'ask',
    cost: { latencyMs: 1, cpuSeconds: 0, leavesNode: false },
    ...rest,
    calls,
    contexts,
    async run(arguments_, context) {
      calls.push(arguments_)
      contexts.push(context)
      return run(arguments_, context)
    },
  }
}

export const call = (tool: string, arguments_: JsonObject = {}): Action => ({
  kind: 'call',
  calls: [{ tool, arguments: arguments_, reason: 'the script says so' }],
})
export const answer = (text: string): Action => ({ kind: 'answer', text })
export const intend = (tool: string, given: Partial<IntendedCall> = {}): IntendedCall => ({
  ...{ tool, arguments: {}, made: [], open: [] },
  ...given,
})

type Script = readonly Action[] | ((step: PolicyStep, turn: number) => Action | Promise<Action>)

/** Plays its script, a turn an action; the last one again and again. */
export function scriptedPolicy(script: Script, tokensATurn = 0): Policy {
  let turn = 0
  return {
    model: null,
    async next(step) {
      turn += 1
      const action =
        typeof script === 'function' ? await script(step, turn) : script[Math.min(turn, script.length) - 1]!
      const usage =
        tokensATurn === 0 ? null : { promptTokens: tokensATurn, cachedTokens: 0, completionTokens: 0 }
      return { action, usage }
    },
  }
}

export const rowNamed = (name: AgentName, script: Script, given: Partial<AgentRow> = {}): AgentRow => ({
  name,
  description: `The agent ${name}.`,
  tools: ['*'],
  policy: () => scriptedPolicy(script),
  ...given,
})

export const LIMITS: LoopLimits = { turns: 8, ms: 60_000, tokens: 1_000, repeats: 2 }

export function agentParts(
  given: Partial<AgentsComponents> & { config?: Partial<AgentsInit['config']>; newId?: () => string } = {},
) {
  const clock = stillClock()
  const newId = given.newId ?? counterIds()
  const log = createLog({ level: 'silent' })
  const events = createEvents()
  const store = memoryAuditStore()
  const audit = createAudit({ store }, { newId })
  const approvals = createApprovals({ events, clock, newId }, { approvalMs: 60_000 })
  const { config, newId: _newId, ...components } = given
  const agents = createAgents(
    {
      rows: [],
      tools: () => [],
      chatModels: {
        need: async (id) => {
          throw new VillageError('CHAT_MODEL_UNKNOWN', undefined, { fields: { model: id } })
        },
      },
      intendedCalls: () => [],
      ownNames: () => NO_NAMES,
      twin: { recallFor: async () => null },
      village: {
        askMember: async () => {
          throw new VillageError('PEER_UNREACHABLE')
        },
      },
      checkArguments: createArgumentCheck(),
      ...{ approvals, audit, events, log },
      ...components,
    },
    { config: { ...DEFAULT_CONFIG, ...config }, peerId: 'self', clock, newId },
  )
  return { agents, approvals, audit, store, events, clock }
}

export function recordEvents(): { events: AgentEvent[]; onEvent: (event: AgentEvent) => void } {
  const events: AgentEvent[] = []
  return { events, onEvent: (event) => events.push(event) }
}

/** Lets everything that is ready happen. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
