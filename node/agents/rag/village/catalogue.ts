/**
 * The signed records of collections that this node knows, its own among them: the newest of each owner and id, kept in the
 * store by village. Records come from anybody; what counts is who signed them.
 */
import { createHash } from 'node:crypto'
import { toVillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Role } from '../../../mesh/mesh.ts'
import {
  MAX_COLLECTION_RECORDS,
  MAX_COLLECTIONS_BY_OWNER,
  MAX_REMOVALS_BY_OWNER,
  RECORD_VALID_MS,
} from '../../../mesh/protocols/collections.ts'
import { CLOCK_SKEW_MS } from '../../../mesh/protocols/records.ts'
import type { Store } from '../../../store.ts'
import { type CatalogueLimits, isExpired, roomFor } from './catalogue-room.ts'
import {
  type CollectionFacts,
  type CollectionRecord,
  parseCollectionRecord,
  supersedes,
} from './collection-record.ts'

/** A collection that can be searched: its record is not a removal. */
export interface LiveRecord extends CollectionRecord {
  readonly facts: CollectionFacts
}

export interface Catalogue {
  /** Reads what the store has of a village; null: of none. */
  load(village: string | null): Promise<void>
  /** Id of the village that is loaded. */
  village(): string | null
  /**
   * Takes a record that is new and counts; false where it is known, older, of no member, expired, or one too many. Others
   * may go for it. Throws PROTOCOL_MALFORMED. Durable when it resolves.
   */
  apply(bytes: Uint8Array): Promise<boolean>
  /** The newest, expired or not: the next one counts from its generation. */
  get(owner: string, id: string): CollectionRecord | null
  /** Of members, neither removed nor expired. */
  live(): LiveRecord[]
  /** Live ones by id: an id names one collection of one owner. */
  byId(id: string): LiveRecord | null
  /** What a peer of that role may see: guests nothing but public collections, removals included for members. */
  visibleTo(role: Role): CollectionRecord[]
  /** SHA-256 over the hashes of what members see. */
  digest(): Uint8Array
  /** The same of one owner's records. */
  digestOf(owner: string): Uint8Array
  /** Drops what its owner does not show any more: a guest is not told why. */
  forget(record: CollectionRecord): Promise<void>
  /** Called with the owner of a record that has come, changed or gone. */
  onChange(listener: (owner: string) => void): () => void
}

interface Components {
  readonly store: Pick<Store, 'json'>
  readonly roleOf: (peer: string) => Role | null
  readonly log: Log
}

const keyOf = (village: string, { owner, id }: { owner: string; id: string }) => `${village}/${owner}.${id}`
const isLive = (record: CollectionRecord): record is LiveRecord => record.facts !== null

const LIMITS: CatalogueLimits = {
  live: MAX_COLLECTIONS_BY_OWNER,
  removals: MAX_REMOVALS_BY_OWNER,
  total: MAX_COLLECTION_RECORDS,
  validMs: RECORD_VALID_MS,
}

export function createCatalogue(
  components: Components,
  init: { self: string; now: () => number; limits?: CatalogueLimits },
): Catalogue {
  const { self, now, limits = LIMITS } = init
  const { roleOf, log } = components
  const table = components.store.json<string>('collection-records')
  const listeners = new Set<(owner: string) => void>()
  const records = new Map<string, CollectionRecord>()
  /** The same records: what is asked of one owner must not look at those of all. */
  const byOwner = new Map<string, Map<string, CollectionRecord>>()
  let village: string | null = null
  let ids: Map<string, LiveRecord> | null = null

  /** Guests publish nothing; who is no member any more has nothing to say. */
  function isMember(peer: string): boolean {
    const role = roleOf(peer)
    return role !== null && role !== 'guest'
  }

  const isGone = (record: CollectionRecord) => isExpired(record, { limits, nowMs: now() })
  const counts = (record: CollectionRecord) => isMember(record.owner) && !isGone(record)
  const counted = () => [...records.values()].filter(counts)
  const live = (): LiveRecord[] => counted().filter(isLive)

  function keep(key: string, record: CollectionRecord): void {
    records.set(key, record)
    const own = byOwner.get(record.owner) ?? new Map<string, CollectionRecord>()
    byOwner.set(record.owner, own.set(key, record))
    ids = null
  }

  function drop(key: string, { owner }: CollectionRecord): void {
    records.delete(key)
    const own = byOwner.get(owner)
    own?.delete(key)
    if (own?.size === 0) byOwner.delete(owner)
    ids = null
  }

  function digest(counting: readonly CollectionRecord[]): Uint8Array {
    const over = createHash('sha256')
    for (const hash of counting.map(({ hash }) => hash).sort()) over.update(hash, 'hex')
    return over.digest()
  }

  function tell(owner: string): void {
    for (const listener of [...listeners]) listener(owner)
  }

  /** What has to go for the record; null: it is not taken. */
  function accepts(
    record: CollectionRecord,
    before: CollectionRecord | undefined,
  ): CollectionRecord[] | null {
    if (!counts(record) || record.timeMs > now() + CLOCK_SKEW_MS) return null
    // An expired one is as good as none: its owner may have forgotten it, and have begun from the first generation.
    if (before !== undefined && !isGone(before))
      if (record.hash === before.hash || !supersedes(record, before)) return null
    return roomFor(record, records.values(), { self, limits, nowMs: now() })
  }

  return {
    async load(next) {
      village = null
      records.clear()
      byOwner.clear()
      ids = null
      if (next === null) return
      const loaded: CollectionRecord[] = []
      for await (const [key, text] of table.entries({ prefix: `${next}/` })) {
        try {
          loaded.push(parseCollectionRecord(Buffer.from(text, 'base64'), next))
        } catch (error) {
          // It was checked before it was stored; somebody else will bring it again.
          log.warn({ err: toVillageError(error), key }, 'a stored record of a collection is not valid')
          await table.del(key)
        }
      }
      for (const record of loaded)
        if (isGone(record) && record.owner !== self) await table.del(keyOf(next, record))
        else keep(keyOf(next, record), record)
      village = next
    },
    village: () => village,
    async apply(bytes) {
      const at = village
      if (at === null) return false
      const record = parseCollectionRecord(bytes, at)
      const key = keyOf(at, record)
      const before = records.get(key)
      const dropped = accepts(record, before)
      if (dropped === null) return false
      for (const one of dropped) drop(keyOf(at, one), one)
      keep(key, record)
      for (const one of dropped) await table.del(keyOf(at, one))
      await table.put(key, Buffer.from(record.bytes).toString('base64'), { sync: true })
      for (const owner of new Set([record, ...dropped].map((one) => one.owner))) tell(owner)
      return true
    },
    get: (owner, id) => (village === null ? null : (records.get(keyOf(village, { owner, id })) ?? null)),
    live,
    byId(id) {
      ids ??= new Map([...records.values()].filter(isLive).map((record) => [record.id, record]))
      const found = ids.get(id)
      return found !== undefined && counts(found) ? found : null
    },
    visibleTo: (role) =>
      role === 'guest' ? live().filter(({ facts }) => facts.access === 'public') : counted(),
    digest: () => digest(counted()),
    digestOf: (owner) => digest([...(byOwner.get(owner)?.values() ?? [])].filter(counts)),
    async forget(record) {
      if (village === null) return
      const key = keyOf(village, record)
      if (records.get(key)?.hash !== record.hash) return
      drop(key, record)
      await table.del(key)
      tell(record.owner)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
