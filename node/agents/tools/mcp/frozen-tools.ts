/**
 * Tools of servers as they were seen first. A server that later describes a tool otherwise (what the owner looked at is then no longer what
 * models read: a "rug pull") is refused until the owner accepts the change. Pure; the service keeps what comes out.
 */
import { createHash } from 'node:crypto'
import { canonicalJson, type JsonObject, type JsonValue } from '../../../json.ts'
import { plainText, safeSchema } from './tool-schema.ts'

export interface ToolText {
  readonly description: string
  readonly parameters: JsonObject
  /** SHA-256, hexadecimal, of all that the server says of it. */
  readonly fingerprint: string
}

export interface FrozenTool extends ToolText {
  /** `mcp_<server>_<tool>`. */
  readonly name: string
  /** As the server names it. */
  readonly tool: string
  /** What the server says now, where that is something else. */
  readonly changed: ToolText | null
  /** Whether the server offered it when it was last asked. */
  readonly isOffered: boolean
}

export interface FrozenServer {
  /** Of the command or URL: another program under the same name starts anew. */
  readonly target: string
  readonly tools: readonly FrozenTool[]
}

export interface RefusedTool {
  readonly tool: string
  readonly reason: string
}

/** What of a server's description counts. */
export interface OfferedTool {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: unknown
}

const MAX_NAME_UNITS = 64
const MAX_OFFERED_NAME_UNITS = 128
/** Of a server over all time: what it was seen with is never forgotten, so one that invents names has to end somewhere. */
const MAX_KNOWN = 512

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

export const targetOf = (target: JsonValue) => hashOf(canonicalJson(target))

/** A name of the table's own alphabet; a hash keeps apart what that would make the same. */
export function toolName(server: string, tool: string): string {
  const prefix = `mcp_${server}_`
  const slug = tool
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  if (slug === tool && prefix.length + slug.length <= MAX_NAME_UNITS) return `${prefix}${slug}`
  const hash = hashOf(tool).slice(0, 6)
  const room = MAX_NAME_UNITS - prefix.length - hash.length - 1
  return `${prefix}${slug.slice(0, room)}_${hash}`
}

function textOf(server: string, offered: OfferedTool): ToolText | null {
  const parameters = safeSchema(offered.inputSchema)
  if (parameters === null) return null
  const said = plainText(offered.description ?? '')
  return {
    // Who says so: to a model that reads it, and to the owner.
    description: said === '' ? `A tool of the server ${server}.` : `The server ${server} says: ${said}`,
    parameters,
    // All of it, also what we do not use: a host that sees a change should say so.
    fingerprint: hashOf(canonicalJson(JSON.parse(JSON.stringify(offered)) as JsonValue)),
  }
}

/** What is frozen after the server has said what it offers now. */
export function freeze(
  server: string,
  known: readonly FrozenTool[],
  offered: readonly OfferedTool[],
): { tools: FrozenTool[]; refused: RefusedTool[] } {
  const refused: RefusedTool[] = []
  const now = new Map<string, { tool: string; text: ToolText }>()
  for (const row of offered) {
    const shown = plainText(row.name, MAX_OFFERED_NAME_UNITS)
    const name = toolName(server, row.name)
    const text = textOf(server, row)
    if (row.name === '' || row.name.length > MAX_OFFERED_NAME_UNITS)
      refused.push({ tool: shown, reason: 'its name is empty or too long' })
    else if (text === null)
      refused.push({ tool: shown, reason: 'the schema of its arguments cannot be used' })
    else if (now.has(name)) refused.push({ tool: shown, reason: 'another tool has its name' })
    else now.set(name, { tool: row.name, text })
  }
  const kept = known.map((tool): FrozenTool => {
    const found = now.get(tool.name)
    now.delete(tool.name)
    if (found === undefined || found.tool !== tool.tool) return { ...tool, isOffered: false }
    const isSame = found.text.fingerprint === tool.fingerprint
    return { ...tool, isOffered: true, changed: isSame ? null : found.text }
  })
  const added = [...now].map(
    ([name, { tool, text }]): FrozenTool => ({ ...text, name, tool, changed: null, isOffered: true }),
  )
  const room = Math.max(0, MAX_KNOWN - kept.length)
  for (const { tool } of added.slice(room))
    refused.push({
      tool: plainText(tool, MAX_OFFERED_NAME_UNITS),
      reason: 'the server has had too many tools',
    })
  return { tools: [...kept, ...added.slice(0, room)], refused }
}

/** The tool as the server describes it now. */
export function accept(tool: FrozenTool): FrozenTool {
  return tool.changed === null ? tool : { ...tool, ...tool.changed, changed: null }
}
