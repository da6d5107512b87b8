/** Routes of the API's keys. */
import { SCOPES, type Scope } from '../../agents/asker.ts'
import { KEY_NAME } from '../keys/key.ts'
import { amount, anyText, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'keys'
const LIMIT = orNull(integer(1))
const MAX_LIFE_MS = 100 * 365 * 86_400_000

const LIMITS = { requestsByMinute: LIMIT, requestsByDay: LIMIT, tokensByDay: LIMIT }
const USAGE = object({ requests: integer(), promptTokens: integer(), completionTokens: integer() })
const KEY = object({
  id: anyText,
  name: anyText,
  scope: oneOf(...SCOPES),
  createdAtMs: amount,
  expiresAtMs: orNull(amount),
  lastUsedAtMs: orNull(amount),
  ...LIMITS,
  today: USAGE,
  total: USAGE,
})

interface KeyBody {
  readonly name: string
  readonly scope?: Scope
  readonly expiresInMs?: number | null
  readonly requestsByMinute?: number | null
  readonly requestsByDay?: number | null
  readonly tokensByDay?: number | null
}

export const KEY_ROUTES: readonly Route[] = [
  route<Record<string, never>, Record<string, never>, KeyBody>({
    method: 'POST',
    path: '/api/v1/keys',
    scope: 'admin',
    tag,
    id: 'createKey',
    summary: 'Makes a key. The secret is told in this answer and never again; limits that are null are none.',
    body: {
      kind: 'json',
      schema: object(
        {
          name: { type: 'string', pattern: KEY_NAME.source },
          scope: oneOf(...SCOPES),
          expiresInMs: orNull(integer(1, MAX_LIFE_MS)),
          ...LIMITS,
        },
        ['scope', 'expiresInMs', ...Object.keys(LIMITS)],
      ),
    },
    response: { kind: 'json', status: 201, schema: object({ key: KEY, secret: anyText }) },
    errors: ['KEY_NAME_TAKEN', 'KEYS_FULL'],
    handle: async ({ body }, { keys }) => keys.create(body),
  }),
  route({
    method: 'GET',
    path: '/api/v1/keys',
    scope: 'admin',
    tag,
    id: 'listKeys',
    summary: 'The keys, oldest first, with what each may and what it has used today (UTC) and in all.',
    response: { kind: 'json', status: 200, schema: object({ keys: listOf(KEY) }) },
    handle: async (_request, { keys }) => ({ keys: keys.list() }),
  }),
  route<{ key: string }>({
    method: 'DELETE',
    path: '/api/v1/keys/:key',
    scope: 'admin',
    tag,
    id: 'revokeKey',
    summary:
      'Revokes a key, by id or name: it is refused from now on, what runs under it is stopped, and what it said is erased.',
    params: object({ key: text(64) }),
    response: { kind: 'json', status: 200, schema: KEY },
    errors: ['KEY_UNKNOWN'],
    async handle({ params }, { keys, erasure }) {
      const key = await keys.revoke(params.key)
      // Nobody could come back to them.
      await erasure.eraseSaid({ kind: 'key', id: key.id })
      return key
    },
  }),
]
