/** `village approvals …` */

import type { Client } from '../client.ts'
import type { JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { duration, facts, printable } from './format.ts'
import { pickId } from './pick.ts'

export interface ApprovalView {
  readonly id: string
  readonly request: string
  readonly agent: string
  readonly asker: { readonly kind: string; readonly id: string }
  readonly tool: string
  readonly effect: string
  readonly arguments: JsonObject
  readonly reason: string
  readonly expiresAtMs: number
}

const waiting = async (client: Client) =>
  (await client.get<{ approvals: readonly ApprovalView[] }>('/api/v1/approvals')).approvals

export const shownAsker = ({ kind, id }: ApprovalView['asker']): string =>
  kind === 'owner' ? 'the owner' : `${kind} ${printable(id)}`

/** Everything that a person needs to decide; arguments are shown as they are, with nothing that a terminal would act on. */
export function approvalText(approval: ApprovalView, nowMs: number): string {
  const { id, agent, asker, tool, effect, reason, expiresAtMs } = approval
  return facts([
    ['call', `${printable(tool)} (${effect}), by ${printable(agent)} for ${shownAsker(asker)}`],
    ['arguments', printable(JSON.stringify(approval.arguments))],
    ['why', printable(reason)],
    ['time left', duration(Math.max(0, expiresAtMs - nowMs))],
    ['id', id],
  ])
}

export async function list(context: CommandContext): Promise<CommandResult> {
  const approvals = await waiting(await context.client())
  const nowMs = Date.now()
  const text =
    approvals.length === 0
      ? 'No call waits for a decision.'
      : `${approvals.map((it) => approvalText(it, nowMs)).join('\n\n')}\n\nvillage approvals approve ID · village approvals deny ID`
  return { document: { approvals }, text }
}

async function decide(context: CommandContext, decision: 'approve' | 'deny'): Promise<CommandResult> {
  const client = await context.client()
  const ids = (await waiting(client)).map(({ id }) => id)
  const id = pickId(ids, context.args[0] ?? '', 'call that waits', 'start', 'APPROVAL_UNKNOWN')
  const decided = await client.send<ApprovalView>('POST', `/api/v1/approvals/${id}`, { decision })
  const done = decision === 'approve' ? 'is approved' : 'is denied'
  return { document: decided, text: `${printable(decided.tool)} ${done}.` }
}

export const approve = (context: CommandContext) => decide(context, 'approve')
export const deny = (context: CommandContext) => decide(context, 'deny')
