/** What a call at a server gave, as a tool's result: always untrusted, bounded, text and data alone. */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import type { JsonObject, JsonValue } from '../../../json.ts'
import type { ToolResult } from '../tool.ts'

/** The loop cuts further to what its model can read. */
const MAX_TEXT_UNITS = 256 * 1024
const MAX_BLOCKS = 256

type Block = CallToolResult['content'][number]

function blockText(block: Block): string {
  switch (block.type) {
    case 'text':
      return block.text
    case 'resource':
      return 'text' in block.resource
        ? block.resource.text
        : `[a resource of ${block.resource.blob.length} base64 characters]`
    case 'resource_link':
      return `[resource ${block.uri}]`
    default:
      return `[${block.type}, ${block.mimeType}, ${block.data.length} base64 characters: not shown]`
  }
}

function cut(text: string): string {
  return text.length <= MAX_TEXT_UNITS
    ? text
    : `${text.slice(0, MAX_TEXT_UNITS)}\n[cut: ${text.length - MAX_TEXT_UNITS} more characters]`
}

export function resultOf(tool: string, given: CallToolResult): ToolResult {
  const failed = given.isError === true
  const blocks = given.content.slice(0, MAX_BLOCKS)
  const text = cut(blocks.map(blockText).join('\n'))
  // Zod has read it from JSON: it is nothing else.
  const data = given.structuredContent as JsonObject | undefined
  const isSmall = data !== undefined && JSON.stringify(data).length <= MAX_TEXT_UNITS
  const content: JsonValue = {
    ...(failed && { failed }),
    ...(text !== '' && { text }),
    ...(isSmall && { data }),
    ...(data !== undefined && !isSmall && { note: 'the data was too large and is left out' }),
  }
  return {
    content,
    trust: 'untrusted',
    summary: `${tool} ${failed ? 'reported a failure' : 'answered'} (${text.length} characters)`,
  }
}

/** A server that refused a call says why in its own words, which are no more to be trusted than a result. */
export function refusalOf(tool: string, message: string): ToolResult {
  return resultOf(tool, { isError: true, content: [{ type: 'text', text: message }] })
}
