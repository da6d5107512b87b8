/** `village audit …` */

import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { nearest } from '../nearest.ts'
import { shownAsker } from './approvals.ts'
import { type CommandContext, type CommandResult, optionText } from './command.ts'
import { confirm } from './confirm.ts'
import { parseDuration } from './duration.ts'
import { bytes, duration, printable, timeOfSecond } from './format.ts'

interface CallView {
  readonly timeMs: number
  readonly request: string
  readonly agent: string | null
  readonly asker: { readonly kind: string; readonly id: string }
  readonly tool: string
  readonly arguments: JsonObject
  readonly decision: string
  readonly by: string | null
  readonly outcome: string
  readonly code: string | null
  readonly ms: number | null
  readonly sizeBytes: number | null
}

const MAX_ARGUMENTS = 2_000
const DECISIONS: Readonly<Record<string, string>> = {
  read: 'reads only',
  asked: 'asked for in the request',
  named: 'called by name',
}

/** What came of it; who asked, and who allowed it; what it was called with. */
function callText(call: CallView): string {
  const { timeMs, request, agent, asker, tool, decision, by, outcome, code, ms, sizeBytes } = call
  const given = printable(JSON.stringify(call.arguments))
  const who = agent === null ? shownAsker(asker) : `${printable(agent)} for ${shownAsker(asker)}`
  const allowed = DECISIONS[decision] ?? `${decision}${by === null ? '' : ` by ${printable(by)}`}`
  const came = [
    code === null ? outcome : `${outcome} (${code})`,
    ...(ms === null ? [] : [duration(ms)]),
    ...(sizeBytes === null ? [] : [bytes(sizeBytes)]),
  ]
  const cut = given.length > MAX_ARGUMENTS ? `${given.slice(0, MAX_ARGUMENTS - 1)}…` : given
  return `${timeOfSecond(timeMs)} UTC  ${printable(tool)}  ${came.join(', ')}  [${printable(request)}]\n  ${who}; ${allowed}\n  ${cut}`
}

/** Throws TOOL_UNKNOWN with the nearest name. */
async function checkTool(client: Client, name: string): Promise<void> {
  const { tools } = await client.get<{ tools: readonly { readonly name: string }[] }>('/api/v1/tools')
  const names = tools.map((tool) => tool.name)
  if (names.includes(name)) return
  const meant = nearest(name, names)
  throw new VillageError(
    'TOOL_UNKNOWN',
    `There is no tool ${name}${meant === null ? '' : `; did you mean ${meant}?`}`,
  )
}

export async function list(context: CommandContext): Promise<CommandResult> {
  const query = new URLSearchParams()
  const since = optionText(context, 'since')
  if (since !== null) query.set('sinceMs', String(Math.max(0, Date.now() - parseDuration(since))))
  const limit = optionText(context, 'limit') ?? '100'
  if (!/^[1-9]\d{0,4}$/.test(limit)) throw new VillageError('USAGE', '--limit is a number from 1 to 10000')
  query.set('limit', limit)
  for (const name of ['tool', 'request'] as const) {
    const value = optionText(context, name)
    if (value !== null) query.set(name, value)
  }
  const client = await context.client()
  const document = await client.get<{ calls: readonly CallView[] }>(`/api/v1/audit?${query}`)
  const tool = optionText(context, 'tool')
  // A name that no tool has is likely a slip; one that went meanwhile may have calls all the same.
  if (document.calls.length === 0 && tool !== null) await checkTool(client, tool)
  const text = document.calls.length === 0 ? 'No calls.' : document.calls.map(callText).join('\n')
  return { document, text }
}

export async function clear(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  await confirm(context, 'Erase the log of every call of a tool?')
  await client.send('DELETE', '/api/v1/audit')
  return { document: { done: true }, text: 'The log of calls is erased.' }
}
