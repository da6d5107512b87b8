import { toString as qrToString } from 'qrcode'
import { VillageError } from '../errors.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { parseDuration } from './duration.ts'
import { time } from './format.ts'

interface InviteView {
  invite: string
  id: string
  role: string
  /** Null: it does not expire. */
  expiresAtMs: number | null
  /** Null: any number of nodes. */
  uses: number | null
  qrSvg: string | null
}

export async function invite(context: CommandContext): Promise<CommandResult> {
  const uses = Number(optionText(context, 'uses'))
  if (!Number.isInteger(uses) || uses < 1)
    throw new VillageError('USAGE', '--uses takes a whole number from 1')
  const expiresInMs = parseDuration(optionText(context, 'expires') ?? '')
  const client = await context.client()
  const { qrSvg, ...made } = await client.send<InviteView>('POST', '/api/v1/village/invites', {
    role: optionText(context, 'role'),
    expiresInMs,
    uses,
  })
  const nodes =
    made.uses === null ? 'any number of nodes' : made.uses === 1 ? 'one node' : `${made.uses} nodes`
  const lines = [
    made.invite,
    '',
    `For ${nodes} as ${made.role}; it ${made.expiresAtMs === null ? 'does not expire' : `is good until ${time(made.expiresAtMs)} UTC`}. Whoever has this line can join: send it privately.`,
    ...(made.id === '' ? [] : [`To withdraw it: village withdraw ${made.id}`]),
    'On the other machine: village join INVITE',
  ]
  // The daemon makes a QR code when the invite fits one. A code that the terminal breaks is of no use.
  if (context.options.qr !== false && qrSvg !== null && !context.json && context.columns !== null) {
    const code = (await qrToString(made.invite, { type: 'utf8', errorCorrectionLevel: 'L' })).trimEnd()
    const width = code.slice(0, code.indexOf('\n')).length
    if (width <= context.columns) lines.push('', code)
    else
      lines.push(
        `The QR code needs ${width} columns, this terminal has ${context.columns}; the dashboard shows it.`,
      )
  }
  return { document: made, text: lines.join('\n') }
}
