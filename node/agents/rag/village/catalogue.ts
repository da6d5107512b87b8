/**
 * The signed records of collections that this node knows, its own among them: the newest of each owner and id, kept in the
 * store by village. Records come from anybody; what counts is who signed them.
 */
import { createHash } from 'node:crypto'
import { toVillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Role } from '../../../mesh/mesh.ts'
import { MAX_COLLECTION_RECORDS, MAX_COLLECTIONS_BY_OWNER } from '../../../mesh/protocols/collections.ts'
import { CLOCK_SKEW_MS } from '../../../mesh/protocols/records.ts'
import type { Store } from '../../../store.ts'
import {
  type CollectionFacts,
  type CollectionRecord,
  parseCollectionRecord,
  type RecordSegment,
  supersedes,
} from './collection-record.ts'

/** A collection that can be searched: its record is not a removal. */
export interface LiveRecord extends CollectionRecord {
  readonly facts: CollectionFacts
}

export interface PublishedSegment {
  readonly record: LiveRecord
  readonly segment: RecordSegment
}

export interface Catalogue {
  /** Reads what the store has of a village; null: of none. */
  load(village: string | null): Promise<void>
  /** Id of the village that is loaded. */
  village(): string | null
  /**
   * Takes a record that is new and counts; false where it is known, older, of no member, or one too many. Throws
   * PROTOCOL_MALFORMED. Durable when it resolves.
   */
  apply(bytes: Uint8Array): Promise<boolean>
  get(owner: string, id: string): CollectionRecord | null
  /** Of members, not removed. */
  live(): LiveRecord[]
  /** Live ones by id: an id names one collection of one owner. */
  byId(id: string): LiveRecord | null
  /** Where a segment is published; null for what is private, withdrawn or unknown. */
  segment(id: string): PublishedSegment | null
  /** What a peer of that role may see: guests nothing but public collections, removals included for members. */
  visibleTo(role: Role): CollectionRecord[]
  /** SHA-256 over the hashes of what members see. */
  digest(): Uint8Array
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

export function createCatalogue(components: Components, init: { now: () => number }): Catalogue {
  const { roleOf, log } = components
  const table = components.store.json<string>('collection-records')
  const listeners = new Set<(owner: string) => void>()
  const records = new Map<string, CollectionRecord>()
  let village: string | null = null
  let segments: Map<string, PublishedSegment> | null = null
  let ids: Map<string, LiveRecord> | null = null

  /** Guests publish nothing; who is no member any more has nothing to say. */
  function isMember(peer: string): boolean {
    const role = roleOf(peer)
    return role !== null && role !== 'guest'
  }

  const live = (): LiveRecord[] =>
    [...records.values()].filter(isLive).filter((record) => isMember(record.owner))

  function forgetIndexes(): void {
    segments = null
    ids = null
  }

  function tell(owner: string): void {
    for (const listener of [...listeners]) listener(owner)
  }

  function hasRoom(record: CollectionRecord): boolean {
    if (records.size >= MAX_COLLECTION_RECORDS) return false
    let own = 0
    for (const { owner } of records.values()) if (owner === record.owner) own += 1
    return own < MAX_COLLECTIONS_BY_OWNER
  }

  function accepts(record: CollectionRecord, before: CollectionRecord | undefined): boolean {
    if (!isMember(record.owner) || record.timeMs > init.now() + CLOCK_SKEW_MS) return false
    return before === undefined ? hasRoom(record) : record.hash !== before.hash && supersedes(record, before)
  }

  return {
    async load(next) {
      village = null
      records.clear()
      forgetIndexes()
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
      for (const record of loaded) records.set(keyOf(next, record), record)
      village = next
    },
    village: () => village,
    async apply(bytes) {
      const at = village
      if (at === null) return false
      const record = parseCollectionRecord(bytes, at)
      const key = keyOf(at, record)
      const before = records.get(key)
      if (!accepts(record, before)) return false
      records.set(key, record)
      forgetIndexes()
      await table.put(key, Buffer.from(record.bytes).toString('base64'), { sync: true })
      tell(record.owner)
      return true
    },
    get: (owner, id) => (village === null ? null : (records.get(keyOf(village, { owner, id })) ?? null)),
    live,
    byId(id) {
      ids ??= new Map([...records.values()].filter(isLive).map((record) => [record.id, record]))
      const found = ids.get(id)
      return found !== undefined && isMember(found.owner) ? found : null
    },
    segment(id) {
      segments ??= new Map(
        [...records.values()]
          .filter(isLive)
          .flatMap((record) => record.facts.segments.map((segment) => [segment.id, { record, segment }])),
      )
      const found = segments.get(id)
      return found !== undefined && isMember(found.record.owner) ? found : null
    },
    visibleTo: (role) =>
      role === 'guest'
        ? live().filter(({ facts }) => facts.access === 'public')
        : [...records.values()].filter(({ owner }) => isMember(owner)),
    digest() {
      const hashes = [...records.values()].filter(({ owner }) => isMember(owner)).map(({ hash }) => hash)
      const digest = createHash('sha256')
      for (const hash of hashes.sort()) digest.update(hash, 'hex')
      return digest.digest()
    },
    async forget(record) {
      if (village === null) return
      const key = keyOf(village, record)
      if (records.get(key)?.hash !== record.hash) return
      records.delete(key)
      forgetIndexes()
      await table.del(key)
      tell(record.owner)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
