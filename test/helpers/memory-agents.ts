/** The agents of in-memory services: the real service on rows and tools of a test's own, with nothing sealed and no server outside. */
import type { AgentsComponents } from '../../node/agents/agents.ts'
import { createConversations } from '../../node/agents/conversations/conversations.ts'
import { createDecisions } from '../../node/agents/king/decisions.ts'
import { newAgentId } from '../../node/agents/loop/answer-request.ts'
import { createApprovals } from '../../node/agents/loop/approvals.ts'
import { SYSTEM_CLOCK } from '../../node/agents/loop/clock.ts'
import type { McpToolView } from '../../node/agents/tools/mcp-tools.ts'
import { createTwin } from '../../node/agents/twin/twin.ts'
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'
import { createEvents } from '../../node/events.ts'
import { createLog } from '../../node/log.ts'
import { agentParts } from './agent-parts.ts'
import { memoryAgentRows } from './memory-agent-rows.ts'
import { memorySealedStore } from './memory-sealed-store.ts'
import { toyEncoder } from './toy-encoder.ts'

/** Request of the decision that the log holds. */
export const DECIDED = 'decided'

export interface MemoryAgents
  extends Pick<
    ApiComponents,
    | 'agents'
    | 'villageAgents'
    | 'approvals'
    | 'audit'
    | 'decisions'
    | 'mcpTools'
    | 'erasure'
    | 'twin'
    | 'conversations'
  > {
  /** What was registered to be erased, by name. */
  readonly erasers: ReadonlyMap<
    string,
    (speaker: { kind: 'owner' | 'key' | 'member'; id: string }) => Promise<void>
  >
}

export function memoryAgents(given: Partial<AgentsComponents> = {}): MemoryAgents {
  // Whoever waits for a person does so by the clock on the wall: clients outside have no other.
  const approvals = createApprovals(
    { events: createEvents(), clock: SYSTEM_CLOCK, newId: newAgentId },
    { approvalMs: 60_000 },
  )
  const { agents, audit } = agentParts({ approvals, ...memoryAgentRows(), ...given })
  const erasers: Map<string, Parameters<ApiComponents['erasure']['onErase']>[2]> = new Map()
  const said = new Set<string>()
  const erasure: ApiComponents['erasure'] = {
    onErase(name, kept, erase) {
      erasers.set(name, erase)
      if (kept === 'said') said.add(name)
    },
    eraseAll: async (speaker) => {
      for (const erase of erasers.values()) await erase(speaker)
    },
    eraseSaid: async (speaker) => {
      for (const name of said) await erasers.get(name)!(speaker)
    },
  }
  const log = createLog({ level: 'silent' })
  const decisions = createDecisions({ store: memorySealedStore() }, { now: Date.now })
  // One that is there: whoever reads the log has something to find.
  void decisions.begin({
    id: DECIDED,
    asker: { kind: 'owner', id: 'owner' },
    asked: 'What time is it?',
    model: null,
    steps: [{ id: 1, tool: 'time_now', agent: 'king', reason: 'The time is asked for.', state: null }],
    notDone: [],
  })
  const twin = createTwin(
    { store: memorySealedStore(), encoder: toyEncoder(), erasure, log },
    { isEnabled: true, mayLeave: false },
  )
  const conversations = createConversations(
    { store: memorySealedStore(), agents, twin, erasure, log },
    { learns: false, withholds: async () => false },
  )
  let report: McpToolView = {
    ...{ name: 'mcp_odd_report', tool: 'report', state: 'changed' },
    ...{ description: 'Writes a report.', changedDescription: 'Writes another.' },
    changedFingerprint: 'ab'.repeat(32),
  }
  return {
    ...{ agents, approvals, audit, erasers },
    villageAgents: { offers: () => [{ peer: 'a member', agents: [{ name: 'sage', model: true }] }] },
    decisions,
    mcpTools: {
      servers: () => [
        { name: 'odd', kind: 'stdio', state: 'ready', error: null, tools: [report], refused: [] },
      ],
      accept: async (name) => {
        if (name !== report.name) throw new VillageError('TOOL_UNKNOWN')
        report = {
          ...report,
          description: report.changedDescription ?? '',
          state: 'ready',
          changedDescription: null,
          changedFingerprint: null,
        }
        return report
      },
      refresh: async () => undefined,
    },
    ...{ erasure, twin, conversations },
  }
}
