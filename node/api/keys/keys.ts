/**
 * Keys of the API, beside the node's own token: each with a scope, an end, a rate and quotas. A revoked or expired key is refused from
 * that moment on, and what runs under it is stopped.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Scope } from '../../agents/asker.ts'
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Principal } from '../principal.ts'
import { DAY_MS, KEY_NAME, type Key, type KeyLimits, NO_USAGE, SECRET_PREFIX } from './key.ts'
import { MAX_KEYS, readKeys, type StoredKey, writeKeys } from './key-file.ts'
import { createKeyMeter, type KeyMeter, type Refusal } from './key-meter.ts'

export interface KeyWish extends Partial<KeyLimits> {
  readonly name: string
  /** `ask` by default. */
  readonly scope?: Scope
  /** From now; absent or null: it never ends. */
  readonly expiresInMs?: number | null
}

export interface Keys {
  /** Throws DATA_CORRUPT. */
  start(): Promise<void>
  /** Writes what was counted. */
  stop(): Promise<void>
  /** The secret is told here and never again. Throws INVALID_ARGUMENT, KEY_NAME_TAKEN, KEYS_FULL. */
  create(wish: KeyWish): Promise<{ readonly key: Key; readonly secret: string }>
  /** In the order in which they were made; expired ones too. */
  list(): readonly Key[]
  /** By id or name. Throws KEY_UNKNOWN. */
  revoke(idOrName: string): Promise<Key>
  /** Whose secret it is; null: of no key. Throws API_UNAUTHORIZED for one that has expired. */
  identify(secret: string): Principal | null
  /** Counts a request. `headers` go with the answer, whatever it is; `error` is what to throw where the key has to wait. */
  admit(id: string): {
    readonly headers: Readonly<Record<string, string>>
    readonly error: VillageError | null
  }
  /** Aborts when the key is revoked or expires. */
  signal(id: string): AbortSignal
  /**
   * Before a model is asked: holds what it may use at most or so, until release(). Throws KEY_QUOTA_SPENT where requests that run
   * already may use up the quota.
   */
  reserve(principal: Principal, tokens: number): { release(): void }
  /** Counts what a model read and wrote for somebody; the owner has no quota. */
  addTokens(principal: Principal, tokens: { promptTokens: number; completionTokens: number }): void
}

interface Entry {
  readonly stored: StoredKey
  readonly digest: Buffer
  readonly meter: KeyMeter
  readonly ended: AbortController
  lastUsedAtMs: number | null
  expiry: NodeJS.Timeout | undefined
}

const SECRET_BYTES = 32
const WRITE_AFTER_MS = 5_000
/** Longer ones overflow a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1

const WORDS: Record<Refusal, string> = {
  requestsByMinute: 'requests of this minute',
  requestsByDay: 'requests of this day',
  tokensByDay: 'tokens of this day',
}

/** When requests that run hold the rest of a quota. */
const RESERVED_RETRY_MS = 5_000
const NOTHING_HELD = { release: () => undefined }
const REVOKED = AbortSignal.abort(new VillageError('API_UNAUTHORIZED', 'The key was revoked'))

const sha256 = (secret: string) => createHash('sha256').update(secret).digest()

export interface KeysInit {
  readonly directory: string
  readonly now?: () => number
  /** A key has expired, now or while the daemon was down; called at each start as long as it is listed. */
  readonly onExpired?: (id: string) => void
}

export function createKeys(components: { log: Log }, init: KeysInit): Keys {
  const { log } = components
  const now = init.now ?? Date.now
  const entries = new Map<string, Entry>()
  let pending: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  const isExpired = ({ stored }: Entry) => stored.expiresAtMs !== null && stored.expiresAtMs <= now()

  function view(entry: Entry): Key {
    const { sha256: _, day: __, ...key } = entry.stored
    const { today, total } = entry.meter.state(now())
    return { ...key, lastUsedAtMs: entry.lastUsedAtMs, today, total }
  }

  function write(): Promise<void> {
    clearTimeout(pending)
    pending = undefined
    const rows = () =>
      [...entries.values()].map((entry) => {
        const { day, today, total } = entry.meter.state(now())
        return { ...entry.stored, lastUsedAtMs: entry.lastUsedAtMs, day, today, total }
      })
    const next = writing.then(() => writeKeys(init.directory, rows()))
    // A failure is the caller's; the next write starts anew.
    writing = next.catch(() => undefined)
    return next
  }

  function writeSoon(): void {
    if (pending !== undefined) return
    pending = setTimeout(() => {
      write().catch((error: unknown) => log.error({ err: error }, 'usage of keys could not be written'))
    }, WRITE_AFTER_MS)
    pending.unref()
  }

  function end(entry: Entry, message: string): void {
    clearTimeout(entry.expiry)
    entry.ended.abort(new VillageError('API_UNAUTHORIZED', message))
  }

  function watchExpiry(entry: Entry): void {
    const { expiresAtMs } = entry.stored
    if (expiresAtMs === null) return
    const leftMs = expiresAtMs - now()
    if (leftMs <= 0) {
      end(entry, 'The key has expired')
      init.onExpired?.(entry.stored.id)
      return
    }
    entry.expiry = setTimeout(() => watchExpiry(entry), Math.min(leftMs, MAX_TIMER_MS))
    entry.expiry.unref()
  }

  function add(stored: StoredKey): Entry {
    const entry: Entry = {
      stored,
      digest: Buffer.from(stored.sha256, 'hex'),
      meter: createKeyMeter(stored, stored),
      ended: new AbortController(),
      lastUsedAtMs: stored.lastUsedAtMs,
      expiry: undefined,
    }
    entries.set(stored.id, entry)
    watchExpiry(entry)
    return entry
  }

  function refused(limit: Refusal, retryAfterMs: number): VillageError {
    const code = limit === 'requestsByMinute' ? 'KEY_RATE_LIMITED' : 'KEY_QUOTA_SPENT'
    return new VillageError(code, `The key has used up the ${WORDS[limit]}`, {
      fields: { limit, retryAfterMs },
    })
  }

  function need(idOrName: string): Entry {
    const entry =
      entries.get(idOrName) ?? [...entries.values()].find(({ stored }) => stored.name === idOrName)
    if (entry === undefined) throw new VillageError('KEY_UNKNOWN', undefined, { fields: { key: idOrName } })
    return entry
  }

  return {
    async start() {
      for (const stored of await readKeys({ log }, init.directory)) add(stored)
    },

    async stop() {
      for (const entry of entries.values()) clearTimeout(entry.expiry)
      if (pending !== undefined) await write()
      await writing
    },

    async create({ name, scope = 'ask', expiresInMs = null, ...limits }) {
      if (!KEY_NAME.test(name))
        throw new VillageError('INVALID_ARGUMENT', 'The name must be of a-z, 0-9, ".", "_" and "-"', {
          fields: { field: 'body.name' },
        })
      if ([...entries.values()].some(({ stored }) => stored.name === name))
        throw new VillageError('KEY_NAME_TAKEN', undefined, { fields: { name } })
      if (entries.size >= MAX_KEYS)
        throw new VillageError('KEYS_FULL', undefined, { fields: { limit: MAX_KEYS } })
      const secret = `${SECRET_PREFIX}${randomBytes(SECRET_BYTES).toString('base64url')}`
      const entry = add({
        id: `key_${randomBytes(6).toString('hex')}`,
        name,
        scope,
        sha256: sha256(secret).toString('hex'),
        createdAtMs: now(),
        expiresAtMs: expiresInMs === null ? null : now() + expiresInMs,
        lastUsedAtMs: null,
        requestsByMinute: limits.requestsByMinute ?? null,
        requestsByDay: limits.requestsByDay ?? null,
        tokensByDay: limits.tokensByDay ?? null,
        day: Math.floor(now() / DAY_MS),
        today: NO_USAGE,
        total: NO_USAGE,
      })
      try {
        await write()
      } catch (error) {
        entries.delete(entry.stored.id)
        end(entry, 'The key was not written')
        throw error
      }
      log.info({ key: entry.stored.id, scope }, 'key of the api made')
      return { key: view(entry), secret }
    },

    list: () => [...entries.values()].map(view),

    async revoke(idOrName) {
      const entry = need(idOrName)
      entries.delete(entry.stored.id)
      end(entry, 'The key was revoked')
      // Refused from here on whatever the disk says; where it is not written, the caller hears of it.
      await write()
      log.info({ key: entry.stored.id }, 'key of the api revoked')
      return view(entry)
    },

    identify(secret) {
      if (!secret.startsWith(SECRET_PREFIX)) return null
      const digest = sha256(secret)
      let found: Entry | undefined
      // All are compared, each in constant time: how long it takes says nothing of which keys there are.
      for (const entry of entries.values()) if (timingSafeEqual(entry.digest, digest)) found = entry
      if (found === undefined) return null
      if (isExpired(found)) throw new VillageError('API_UNAUTHORIZED', 'The key has expired')
      return { kind: 'key', id: found.stored.id, scope: found.stored.scope }
    },

    admit(id) {
      const entry = need(id)
      const { refused: limit, retryAfterMs, headers } = entry.meter.take(now())
      entry.lastUsedAtMs = now()
      writeSoon()
      return { headers, error: limit === null ? null : refused(limit, retryAfterMs) }
    },

    signal: (id) => entries.get(id)?.ended.signal ?? REVOKED,

    reserve({ kind, id }, tokens) {
      const entry = kind === 'key' ? entries.get(id) : undefined
      if (entry === undefined) return NOTHING_HELD
      const held = entry.meter.reserve(tokens, now())
      // What runs may use less: it is worth while to come back soon.
      if (held === null) throw refused('tokensByDay', RESERVED_RETRY_MS)
      return held
    },

    addTokens({ kind, id }, tokens) {
      // A key that was revoked while its request ran has no account any more.
      if (kind !== 'key' || !entries.has(id)) return
      need(id).meter.addTokens(tokens, now())
      writeSoon()
    },
  }
}
