import { VillageError } from '../errors.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { parseDuration } from './duration.ts'
import { count, table, time } from './format.ts'

/** As GET /api/v1/keys shows it. */
interface Key {
  readonly name: string
  readonly scope: string
  readonly expiresAtMs: number | null
  readonly lastUsedAtMs: number | null
  readonly requestsByMinute: number | null
  readonly requestsByDay: number | null
  readonly tokensByDay: number | null
  readonly today: {
    readonly requests: number
    readonly promptTokens: number
    readonly completionTokens: number
  }
}

function wholeNumber(context: CommandContext, name: string): number | null {
  const text = optionText(context, name)
  if (text === null) return null
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new VillageError('USAGE', `--${name} takes a whole number from 1`)
  return value
}

/** As the API has them; here they are said for people. */
const SCOPES = ['read', 'ask', 'operate', 'admin']
const KEY_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/

export async function create(context: CommandContext): Promise<CommandResult> {
  const scope = optionText(context, 'scope')
  if (scope !== null && !SCOPES.includes(scope))
    throw new VillageError('USAGE', `--scope takes ${SCOPES.join(', ')}`)
  if (!KEY_NAME.test(context.args[0] ?? ''))
    throw new VillageError(
      'USAGE',
      'NAME has 1 to 64 small letters, digits, ".", "_" and "-", and begins with a letter or a digit',
    )
  const expires = optionText(context, 'expires')
  const limits = {
    requestsByMinute: wholeNumber(context, 'rate'),
    requestsByDay: wholeNumber(context, 'requests'),
    tokensByDay: wholeNumber(context, 'quota'),
  }
  const expiresInMs = expires === null ? null : parseDuration(expires)
  const client = await context.client()
  const made = await client.send<{ key: Key; secret: string }>('POST', '/api/v1/keys', {
    name: context.args[0],
    scope,
    expiresInMs,
    ...limits,
  })
  const { scope: given, expiresAtMs, name } = made.key
  const until = expiresAtMs === null ? 'without end' : `until ${time(expiresAtMs)} UTC`
  return {
    document: made,
    text: [
      made.secret,
      '',
      `Of scope ${given}, good ${until}. It is not kept and not shown again: copy it now.`,
      `For OpenAI clients: base URL ${client.url}/v1, and this as the API key.`,
      `To revoke it: village key revoke ${name}`,
    ].join('\n'),
  }
}

const limitText = (used: number, limit: number | null) =>
  limit === null ? count(used) : `${count(used)} of ${count(limit)}`

function expiryText({ expiresAtMs }: Key): string {
  if (expiresAtMs === null) return 'no end'
  return expiresAtMs <= Date.now() ? 'expired' : time(expiresAtMs)
}

export async function list(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { keys } = await client.get<{ keys: Key[] }>('/api/v1/keys')
  const rows = keys.map((key) => [
    key.name,
    key.scope,
    expiryText(key),
    key.lastUsedAtMs === null ? 'never' : time(key.lastUsedAtMs),
    key.requestsByMinute === null ? '' : count(key.requestsByMinute),
    limitText(key.today.requests, key.requestsByDay),
    limitText(key.today.promptTokens + key.today.completionTokens, key.tokensByDay),
  ])
  return {
    document: { keys },
    text:
      keys.length === 0
        ? 'There are no keys but the node’s own token: village key create NAME'
        : `${table(['NAME', 'SCOPE', 'UNTIL (UTC)', 'USED (UTC)', 'RATE', 'REQUESTS', 'TOKENS'], rows, {
            whole: [0, 2, 3],
          })}\n\nRate: requests a minute. Requests and tokens: of today (UTC).`,
  }
}

export async function revoke(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const key = await client.send<Key>('DELETE', `/api/v1/keys/${encodeURIComponent(context.args[0] ?? '')}`)
  return { document: { revoked: key }, text: `${key.name} is revoked.` }
}
