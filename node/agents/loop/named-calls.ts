/** Tools that a client calls by their names, without an agent: the call is the asker's own, so nobody is asked. */
import type { Config } from '../../config.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { type Asker, scopeAllows } from '../asker.ts'
import type { ChatUsage } from '../chat/chat-model.ts'
import type { Tool, ToolResult } from '../tools/tool.ts'
import type { CheckArguments } from './check-arguments.ts'
import { DELEGATION } from './decide-call.ts'
import { matchesTool } from './grants.ts'
import { type RunToolComponents, runTool } from './run-tool.ts'

export interface NamedCall {
  readonly tool: string
  readonly arguments: JsonObject
  readonly asker: Asker
  readonly via: 'mcp' | 'preview'
}

export interface NamedCalls {
  /** Those that the asker may call. */
  tools(asker: Asker): Tool[]
  /** Throws TOOL_UNKNOWN, API_SCOPE, TOOL_ARGUMENTS_INVALID and what the tool throws. */
  call(call: NamedCall, signal: AbortSignal, onProgress: (message: string) => void): Promise<ToolResult>
}

interface Components extends RunToolComponents {
  readonly tools: () => readonly Tool[]
  readonly checkArguments: CheckArguments
  newId(): string
  onUsage(asker: Asker, usage: ChatUsage): void
}

export function createNamedCalls(
  components: Components,
  { config }: { config: Pick<Config, 'agents.denyTools' | 'agents.maxResultBytes'> },
): NamedCalls {
  // Delegation belongs to a request that goes on: a client asks the agent itself.
  const isCallable = ({ name }: Tool) =>
    name !== DELEGATION && !config['agents.denyTools'].some((pattern) => matchesTool(pattern, name))

  function check({ tool: name, arguments: given, asker }: NamedCall): Tool {
    const tool = components.tools().find((it) => it.name === name && isCallable(it))
    if (tool === undefined)
      throw new VillageError('TOOL_UNKNOWN', `There is no tool ${name.slice(0, 64)} to call`)
    if (!scopeAllows(asker.scope, tool.scope))
      throw new VillageError(
        'API_SCOPE',
        `${name} needs the scope ${tool.scope}; the key has ${asker.scope}`,
        {
          fields: { needed: tool.scope, given: asker.scope },
        },
      )
    components.checkArguments(tool, given)
    return tool
  }

  return {
    tools: (asker) =>
      components.tools().filter((tool) => isCallable(tool) && scopeAllows(asker.scope, tool.scope)),
    async call(call, signal, onProgress) {
      const tool = check(call)
      const { asker, arguments: given } = call
      const request = components.newId()
      const { result, error } = await runTool(components, {
        tool,
        arguments: given,
        start: {
          ...{ request, agent: null, asker, tool: tool.name, effect: tool.effect, arguments: given },
          ...{ decision: 'named', by: null },
        },
        context: {
          ...{ asker, request, seesPrivate: asker.kind !== 'member', staysHere: false, signal },
          progress: onProgress,
          countTokens: ({ promptTokens, completionTokens }) =>
            components.onUsage(asker, { promptTokens, completionTokens, cachedTokens: 0 }),
        },
        maxResultBytes: config['agents.maxResultBytes'],
      })
      if (error !== null) throw error
      return result
    },
  }
}
