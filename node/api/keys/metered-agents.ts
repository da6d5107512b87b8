/** Agents as programs with keys may ask them: what the models behind them read and write counts against the key's quota. */
import type { Agents } from '../../agents/agents.ts'
import type { Asker } from '../../agents/asker.ts'
import type { Principal } from '../principal.ts'
import type { Keys } from './keys.ts'

/** What a request to an agent uses or so, where its limits do not say. */
const USUAL_TOKENS = 8_192

export type MeteredAgents = Pick<Agents, 'ask' | 'callTool' | 'tools'>

const principalOf = ({ kind, id, scope }: Asker): Principal | null =>
  kind === 'member' ? null : { kind, id, scope }

/** `ask` throws KEY_QUOTA_SPENT as well. */
export function createMeteredAgents(components: {
  agents: MeteredAgents
  keys: Pick<Keys, 'reserve' | 'addTokens'>
}): MeteredAgents {
  const { agents, keys } = components
  return {
    tools: (asker) => agents.tools(asker),
    callTool: (call, signal, onProgress) => agents.callTool(call, signal, onProgress),
    async ask(request, signal, onEvent) {
      const principal = principalOf(request.asker)
      if (principal === null) return agents.ask(request, signal, onEvent)
      const held = keys.reserve(principal, request.limits?.tokens ?? USUAL_TOKENS)
      try {
        const answer = await agents.ask(request, signal, onEvent)
        keys.addTokens(principal, answer.usage)
        return answer
      } finally {
        held.release()
      }
    },
  }
}
