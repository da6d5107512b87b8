/** Routes about the configuration of the running daemon. */
import { FIELDS, isConfigKey } from '../../config.ts'
import { VillageError } from '../../errors.ts'
import { anyText, listOf, object, oneOf, orNull } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'node'
const KEYS = listOf(anyText)
const CHANGE = object({ applied: KEYS, needRestart: KEYS, overridden: KEYS })

const SETTING = object({
  key: anyText,
  /** What the daemon works with. */
  value: {},
  /** What it will work with after its next start. */
  nextValue: {},
  default: {},
  unit: anyText,
  doc: anyText,
  /** What a value must be, in words. */
  expects: anyText,
  /** All that the value can be, where they are few. */
  choices: orNull(KEYS),
  source: oneOf('default', 'file', 'environment', 'command line'),
  reload: oneOf('live', 'restart'),
})

export const CONFIG_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/config',
    scope: 'admin',
    tag,
    id: 'getConfig',
    summary: 'Every configuration key with its value, default, unit and meaning. No key holds a secret.',
    response: {
      kind: 'json',
      status: 200,
      schema: object({ config: listOf(SETTING), file: orNull(anyText) }),
    },
    handle: async (_request, { settings }) => settings.list(),
  }),
  route<Record<string, never>, Record<string, never>, { changes: Record<string, unknown> }>({
    method: 'PATCH',
    path: '/api/v1/config',
    scope: 'admin',
    tag,
    id: 'changeConfig',
    summary:
      'Sets keys, null resets one. All or nothing: checked, written to the configuration file, and applied where a key is live. Keys that name programs, files or servers take the token of the node: what they start cannot be revoked like a key.',
    body: {
      kind: 'json',
      schema: object({ changes: { type: 'object', minProperties: 1, maxProperties: 256 } }),
    },
    response: { kind: 'json', status: 200, schema: CHANGE },
    errors: [
      'API_SCOPE',
      'CONFIG_UNKNOWN_KEY',
      'CONFIG_INVALID_VALUE',
      'CONFIG_UNREADABLE',
      'CONFIG_NOT_WRITABLE',
      'CONFIG_NO_FILE',
    ],
    async handle({ body: { changes }, principal }, { settings }) {
      const owned = Object.keys(changes).filter((key) => isConfigKey(key) && FIELDS[key].ownerOnly)
      if (principal.kind !== 'owner' && owned.length > 0)
        throw new VillageError('API_SCOPE', `${owned.join(', ')} can be set with the node’s own token alone`)
      return settings.change(changes)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/config/reload',
    scope: 'admin',
    tag,
    id: 'reloadConfig',
    summary: 'Reads the configuration file again; where it is not valid nothing changes.',
    response: { kind: 'json', status: 200, schema: CHANGE },
    errors: ['CONFIG_UNKNOWN_KEY', 'CONFIG_INVALID_VALUE', 'CONFIG_UNREADABLE', 'CONFIG_NO_FILE'],
    handle: async (_request, { settings }) => settings.reload(),
  }),
]
