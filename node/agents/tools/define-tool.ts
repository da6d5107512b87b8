/** What the rows of the tool table are written with: schemas of arguments, results, and the types of both. */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { Tool, ToolContext, ToolCost, ToolResult } from './tool.ts'

/**
 * Writes a row with the type of its arguments. It holds because the loop calls `run` only after the row's schema accepted them.
 */
export function tool<A>(
  row: Omit<Tool, 'run'> & { run(given: A, context: ToolContext): Promise<ToolResult> },
): Tool {
  return row as unknown as Tool // the schema of the row is what makes a JsonObject an A
}

/** An argument of text, with what it is for the model that writes it. */
export const words = (description: string, maxLength = 1024): JsonObject => ({
  type: 'string',
  minLength: 1,
  maxLength,
  description,
})
export const whole = (description: string, minimum: number, maximum: number): JsonObject => ({
  type: 'integer',
  minimum,
  maximum,
  description,
})
export const amount = (description: string, minimum: number, maximum: number): JsonObject => ({
  type: 'number',
  minimum,
  maximum,
  description,
})
export const yesOrNo = (description: string): JsonObject => ({ type: 'boolean', description })
export const oneOf = (description: string, ...values: readonly string[]): JsonObject => ({
  type: 'string',
  enum: values,
  description,
})
export const several = (items: JsonObject, minItems: number, maxItems: number): JsonObject => ({
  type: 'array',
  items,
  minItems,
  maxItems,
})

/** An object with exactly these properties; those named in `required` must be there. */
export function takes(properties: Record<string, JsonObject>, ...required: readonly string[]): JsonObject {
  return { type: 'object', properties, required, additionalProperties: false }
}

/** Of this node's own making: numbers, ids, states. */
export const own = (summary: string, content: JsonValue): ToolResult => ({ trust: 'own', summary, content })
/** Holds text or names that others wrote. */
export const untrusted = (summary: string, content: JsonValue): ToolResult => ({
  trust: 'untrusted',
  summary,
  content,
})

/** Costs that are hardly any: a look into this node's memory. */
export const AT_ONCE: ToolCost = { latencyMs: 5, cpuSeconds: 0.005, leavesNode: false }

/** `3 models`, `1 model`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
