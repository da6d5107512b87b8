/** Calls of functions that were declared `strict`: models that nothing constrains are held to what they were asked for. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ToolCall, ToolDeclaration } from '../../agents/chat/chat-model.ts'
import { laxSchema } from '../../agents/chat/lax-schema.ts'
import { VillageError } from '../../errors.ts'

function follows({ parameters }: ToolDeclaration, text: string): boolean {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // What is no JSON follows no schema.
    return false
  }
  // Names and types. Patterns are a client's, and may take for ever.
  return new Ajv2020({ strict: false }).compile(laxSchema(parameters, { isClosed: false }))(value)
}

/** Throws CHAT_CALL_INVALID. */
export function checkStrictCalls(tools: readonly ToolDeclaration[], calls: readonly ToolCall[]): void {
  for (const call of calls) {
    const tool = tools.find(({ name, strict }) => name === call.name && strict === true)
    if (tool !== undefined && !follows(tool, call.arguments))
      throw new VillageError('CHAT_CALL_INVALID', `The call of ${call.name} does not follow its schema`)
  }
}
