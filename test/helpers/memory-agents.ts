/** The agents of in-memory services: the real service on rows and tools of a test's own, with nothing sealed and no server outside. */
import type { AgentsComponents } from '../../node/agents/agents.ts'
import { newAgentId } from '../../node/agents/answer-request.ts'
import { createConversations } from '../../node/agents/conversations/conversations.ts'
import { createApprovals } from '../../node/agents/loop/approvals.ts'
import { SYSTEM_CLOCK } from '../../node/agents/loop/clock.ts'
import { createTwin } from '../../node/agents/twin/twin.ts'
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'
import { createEvents } from '../../node/events.ts'
import { createLog } from '../../node/log.ts'
import { agentParts } from './agent-parts.ts'
import { memoryAgentRows } from './memory-agent-rows.ts'
import { memorySealedStore } from './memory-sealed-store.ts'
import { toyEncoder } from './toy-encoder.ts'

export interface MemoryAgents
  extends Pick<
    ApiComponents,
    'agents' | 'approvals' | 'audit' | 'mcpTools' | 'erasure' | 'twin' | 'conversations'
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
  const erasers: Map<string, Parameters<ApiComponents['erasure']['onErase']>[1]> = new Map()
  const erasure: ApiComponents['erasure'] = {
    onErase: (name, erase) => void erasers.set(name, erase),
    eraseAll: async (speaker) => {
      for (const erase of erasers.values()) await erase(speaker)
    },
  }
  const log = createLog({ level: 'silent' })
  const twin = createTwin(
    { store: memorySealedStore(), encoder: toyEncoder(), erasure, log },
    { isEnabled: true, mayLeave: false },
  )
  const conversations = createConversations(
    { store: memorySealedStore(), agents, twin, erasure, log },
    { learns: false },
  )
  return {
    ...{ agents, approvals, audit, erasers },
    mcpTools: {
      servers: () => [],
      accept: async (name) => {
        throw new VillageError('TOOL_UNKNOWN', `No MCP server of the configuration has the tool ${name}`)
      },
      refresh: async () => undefined,
    },
    ...{ erasure, twin, conversations },
  }
}
