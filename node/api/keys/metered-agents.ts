/**
 * Agents as programs with keys may ask them: what the models behind them read and write counts against the key's quota, turn by turn, also
 * where the request fails or is left before its end.
 */
import type { Agents } from '../../agents/agents.ts'
import type { Asker } from '../../agents/asker.ts'
import type { Principal } from '../principal.ts'
import type { Keys } from './keys.ts'

/** Held of a key's quota while a request to an agent runs that sets no bound of its own. */
export const USUAL_AGENT_TOKENS = 8_192

export type MeteredAgents = Pick<Agents, 'ask' | 'callTool' | 'tools'>

/** Once for all ways to an agent or a tool. Returns what ends it. */
export function countAgentTokens(components: {
  readonly agents: Pick<Agents, 'onUsage'>
  readonly keys: Pick<Keys, 'addTokens'>
}): () => void {
  const { agents, keys } = components
  return agents.onUsage((asker, usage) => {
    const principal = principalOf(asker)
    if (principal !== null) keys.addTokens(principal, usage)
  })
}

const principalOf = ({ kind, id, scope }: Asker): Principal | null =>
  kind === 'member' ? null : { kind, id, scope }

/** `ask` throws KEY_QUOTA_SPENT as well. */
export function createMeteredAgents(components: {
  agents: MeteredAgents
  keys: Pick<Keys, 'reserve'>
}): MeteredAgents {
  const { agents, keys } = components
  return {
    tools: (asker) => agents.tools(asker),
    callTool: (call, signal, onProgress) => agents.callTool(call, signal, onProgress),
    async ask(request, signal, onEvent) {
      const principal = principalOf(request.asker)
      if (principal === null) return agents.ask(request, signal, onEvent)
      const held = keys.reserve(principal, request.limits?.tokens ?? USUAL_AGENT_TOKENS)
      try {
        return await agents.ask(request, signal, onEvent)
      } finally {
        held.release()
      }
    },
  }
}
