/**
 * Spans of agents by the semantic conventions for generative AI of OpenTelemetry: who was asked, which model and which tool took part,
 * how many tokens. What was said, arguments and results are never in them.
 */
import { inSpan } from '../../tracing.ts'
import type { AgentAnswer } from '../agent.ts'
import type { ChatModel, ChatReply } from '../chat/chat-model.ts'
import type { ToolOutcome } from './run-tool.ts'

/** Tools of external servers are named by those servers. */
const toolName = (tool: string) => (tool.startsWith('mcp_') ? 'mcp' : tool)

export function inAgentSpan(
  request: { readonly agent: string; readonly id: string; readonly model: string | null },
  work: () => Promise<AgentAnswer>,
): Promise<AgentAnswer> {
  const attributes = {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.provider.name': 'village',
    'gen_ai.agent.name': request.agent,
    'village.agent.request': request.id,
    ...(request.model !== null && { 'gen_ai.request.model': request.model }),
  }
  return inSpan(`invoke_agent ${request.agent}`, { attributes }, async (span) => {
    const answer = await work()
    span.set({
      'gen_ai.response.finish_reasons': [answer.finish],
      'gen_ai.usage.input_tokens': answer.usage.promptTokens,
      'gen_ai.usage.output_tokens': answer.usage.completionTokens,
      'village.agent.turns': answer.turns,
    })
    return answer
  })
}

/** One turn of a chat model. */
export function inChatSpan(
  { id, place }: Pick<ChatModel, 'id' | 'place'>,
  work: () => Promise<ChatReply>,
): Promise<ChatReply> {
  const attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': place === 'local' ? 'village' : 'openai',
    'gen_ai.request.model': id,
  }
  const kind = place === 'local' ? 'internal' : 'client'
  return inSpan(`chat ${id}`, { kind, attributes }, async (span) => {
    const reply = await work()
    span.set({
      'gen_ai.response.finish_reasons': [reply.finish],
      'gen_ai.usage.input_tokens': reply.usage.promptTokens,
      'gen_ai.usage.output_tokens': reply.usage.completionTokens,
    })
    return reply
  })
}

/** `work` never throws: what fails is an outcome. */
export function inToolSpan(
  call: { readonly agent: string | null; readonly tool: string; readonly effect: string },
  work: () => Promise<ToolOutcome>,
): Promise<ToolOutcome> {
  const name = toolName(call.tool)
  const attributes = {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': name,
    'village.tool.effect': call.effect,
    ...(call.agent !== null && { 'gen_ai.agent.name': call.agent }),
  }
  return inSpan(`execute_tool ${name}`, { attributes }, async (span) => {
    const outcome = await work()
    if (outcome.error !== null) span.fail(outcome.error)
    return outcome
  })
}
