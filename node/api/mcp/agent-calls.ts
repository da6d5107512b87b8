/** What the protocols for other programs (MCP, A2A) need of the agents service. */
import type { AgentAnswer, AgentEvent, AgentRequest } from '../../agents/agent.ts'
import type { Asker } from '../../agents/asker.ts'
import type { Tool, ToolResult } from '../../agents/tools/tool.ts'
import type { JsonObject } from '../../json.ts'

export interface DirectCall {
  readonly tool: string
  readonly arguments: JsonObject
  readonly asker: Asker
  /** For the audit: how the call came. */
  readonly via: 'mcp'
}

export interface AgentCalls {
  /** Throws VillageError and the signal's reason. */
  ask(request: AgentRequest, signal: AbortSignal, onEvent?: (event: AgentEvent) => void): Promise<AgentAnswer>
  /** Those that the asker may use at this moment. */
  tools(asker: Asker): readonly Tool[]
  /**
   * One call that the asker names itself: its scope and the arguments are checked, and the call is audited; nobody is asked to approve
   * what they ask for themselves. Throws TOOL_UNKNOWN, API_SCOPE, TOOL_ARGUMENTS_INVALID, what the tool throws, the signal's reason.
   */
  callTool(call: DirectCall, signal: AbortSignal, onProgress?: (message: string) => void): Promise<ToolResult>
}
