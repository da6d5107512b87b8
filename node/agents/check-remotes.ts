/** Checks of `village doctor` for what agents need of others: OpenAI-compatible endpoints and MCP servers of the configuration. */
import type { Check } from '../doctor.ts'
import { toVillageError } from '../errors.ts'
import { createEndpoints, type EndpointsInit, endpointKeyName } from './chat/endpoints.ts'
import type { McpServerView } from './tools/mcp-tools.ts'

type Finding = Omit<Check, 'name'>
export interface RemoteCheck {
  readonly name: string
  run(): Promise<Finding>
}

const ASKED_MS = 3_000
const ok = (message: string): Finding => ({ level: 'ok', message, fix: null })
const warn = (message: string, fix: string): Finding => ({ level: 'warn', message, fix })

/** Whether each endpoint lists its models: so it is reached, and takes the key or needs none. */
export function endpointChecks(init: Pick<EndpointsInit, 'endpoints' | 'environment'>): RemoteCheck[] {
  return init.endpoints.map((given) => {
    const name = given.slice(0, given.indexOf('='))
    const keyName = endpointKeyName(name)
    const hasKey = (init.environment[keyName] ?? '') !== ''
    return {
      name: `endpoint ${name}`,
      async run() {
        const endpoint = createEndpoints({ ...init, endpoints: [given] }).get(name)!
        try {
          const models = await endpoint.models(AbortSignal.timeout(ASKED_MS))
          return ok(
            `answers, ${models.length} ${models.length === 1 ? 'model' : 'models'}${hasKey ? ', by its key' : ', no key needed'}`,
          )
        } catch (error) {
          const { code, message } = toVillageError(error)
          // Status 401 and 403 are said in the message alone.
          if (/\bstatus (?:401|403)\b/.test(message))
            return hasKey
              ? warn('does not take the key', `Correct ${keyName} and start the daemon again.`)
              : warn(
                  'wants a key, and there is none',
                  `Set ${keyName} in the environment of the daemon and start it again.`,
                )
          return warn(
            `cannot be used: ${message} (${code})`,
            'Start the server, or correct its address in agents.endpoints.',
          )
        } finally {
          endpoint.close()
        }
      },
    }
  })
}

/** How each MCP server stands, as the daemon last saw it: doctor starts none. */
export function mcpChecks(servers: readonly McpServerView[]): RemoteCheck[] {
  return servers.map(({ name, kind, state, error, tools }) => ({
    name: `mcp ${name}`,
    async run() {
      const changed = tools.filter((tool) => tool.state === 'changed').map((tool) => tool.name)
      if (error !== null)
        return warn(
          `is ${state}, ${error}`,
          kind === 'stdio'
            ? 'Run its command of agents.mcpServers by hand to see why it does not start; `village tools servers` asks it again.'
            : 'Look whether its address in agents.mcpServers answers; `village tools servers` asks it again.',
        )
      if (changed.length > 0)
        return warn(
          `changed ${changed.join(', ')}: refused until accepted`,
          'Look at it with `village tools servers`, then `village tools accept NAME FINGERPRINT`.',
        )
      return ok(`is ${state}, ${tools.length} ${tools.length === 1 ? 'tool' : 'tools'}`)
    },
  }))
}
