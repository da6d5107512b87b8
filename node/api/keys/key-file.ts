/**
 * `keys.json` of the data directory, 0600: the keys of the API by the SHA-256 of their secrets. A secret is 256 random bits, so there
 * is nothing to guess that a slow hash (scrypt) would have to make dearer, and a plain one costs every request a microsecond.
 */
import { chmod, open, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { SCOPES } from '../../agents/asker.ts'
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { syncDirectory } from '../../sealed-disk.ts'
import { amount, integer, listOf, OWN_SCHEMAS, object, oneOf, orNull } from '../schemas.ts'
import { KEY_NAME, type Key } from './key.ts'

const KEYS_FILE = 'keys.json'
const VERSION = 1
export const MAX_KEYS = 256

export interface StoredKey extends Key {
  /** Of the secret as it is sent, prefix and all: 64 hexadecimal digits. */
  readonly sha256: string
  /** Days since the epoch to which `today` belongs. */
  readonly day: number
}

const USAGE = object({ requests: integer(), promptTokens: integer(), completionTokens: integer() })
const STORED = object({
  version: { const: VERSION },
  keys: {
    ...listOf(
      object({
        id: { type: 'string', pattern: '^key_[0-9a-f]{12}$' },
        name: { type: 'string', pattern: KEY_NAME.source },
        scope: oneOf(...SCOPES),
        sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
        createdAtMs: amount,
        expiresAtMs: orNull(amount),
        lastUsedAtMs: orNull(amount),
        requestsByMinute: orNull(integer(1)),
        requestsByDay: orNull(integer(1)),
        tokensByDay: orNull(integer(1)),
        day: integer(),
        today: USAGE,
        total: USAGE,
      }),
    ),
    maxItems: MAX_KEYS,
  },
})

function parse(text: string, file: string): StoredKey[] {
  try {
    const value: unknown = JSON.parse(text)
    // Compiled here: most nodes have no keys.
    if (new Ajv2020(OWN_SCHEMAS).validate<{ keys: StoredKey[] }>(STORED, value)) return value.keys
  } catch (error) {
    throw new VillageError('DATA_CORRUPT', `${file} is no JSON`, { cause: error, fields: { file } })
  }
  throw new VillageError('DATA_CORRUPT', `${file} does not hold keys`, { fields: { file } })
}

/** None where there is no file. Throws DATA_CORRUPT: guessing could bring a revoked key back. */
export async function readKeys(components: { log: Log }, directory: string): Promise<StoredKey[]> {
  const file = path.join(directory, KEYS_FILE)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return []
  if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) {
    components.log.warn({ file }, 'keys could be read by others; narrowed to 0600')
    await chmod(file, 0o600)
  }
  return parse(text, file)
}

/** Whole or not at all. One call at a time. */
export async function writeKeys(directory: string, keys: readonly StoredKey[]): Promise<void> {
  const file = path.join(directory, KEYS_FILE)
  const temporary = `${file}.tmp`
  await rm(temporary, { force: true })
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify({ version: VERSION, keys })}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  // A key that was revoked stays revoked after a power cut.
  await syncDirectory(directory)
}
