/**
 * Encrypted records of one node, erasable to the last byte: what people say is kept in these and nowhere else.
 *
 * A folder holds a key file and one file a record (sealed-format.ts). A put writes the record under a new random name and key, then its key
 * slot, which is the moment that it exists; then the slot and the bytes of the one that it replaces are overwritten. A delete overwrites
 * the slot, then the bytes. So a crash leaves the old record or the new one, and what it left behind is wiped at the next opening.
 *
 * What overwriting cannot promise (copies made by a file system or by a disk that moves blocks) is in docs/twin.md.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from './errors.ts'
import type { Identity } from './identity.ts'
import type { JsonValue } from './json.ts'
import type { Service } from './lifecycle.ts'
import type { Log } from './log.ts'
import { syncDirectory, wipeFile, wipeFiles, wipeOthers, writeNew } from './sealed-disk.ts'
import { decodeRecord, encodeRecord, recordBytes, type SealedSlot } from './sealed-format.ts'
import { KEY_FILE, openSealedKeys, type SealedKeys } from './sealed-keys.ts'

export interface SealedEntry {
  readonly id: string
  /** On disk, padded. */
  readonly sizeBytes: number
  readonly updatedAtMs: number
}

export interface SealedStore extends Service {
  /** Replaces what has this id, whole or not at all. Throws SEALED_STORE_FULL, SEALED_RECORD_TOO_LARGE, DISK_FULL. */
  put(id: string, value: JsonValue | Uint8Array): Promise<void>
  /** Throws SEALED_RECORD_DAMAGED. */
  get(id: string): Promise<Uint8Array | null>
  /** Throws SEALED_RECORD_DAMAGED, also where the record is bytes. */
  getJson(id: string): Promise<JsonValue | null>
  /** Resolves when key and bytes are overwritten on disk; false: there was none. */
  delete(id: string): Promise<boolean>
  /** As delete(), and much faster for many: their keys go with one flush. How many there were. */
  deleteMany(ids: readonly string[]): Promise<number>
  /** Everything at once: the key of the store goes first, so that a crash after that leaves nothing readable. */
  clear(): Promise<void>
  /** In the order of their last put. */
  list(): readonly SealedEntry[]
  /** `damaged`: key slots that cannot be read; their records are lost, and clear() wipes them. */
  stats(): { readonly records: number; readonly sizeBytes: number; readonly damaged: number }
}

export interface SealedStoreInit {
  /** A folder of its own. */
  readonly directory: string
  /** Part of the key: files of one store are nothing in another. */
  readonly name: string
  readonly maxRecords: number
  /** Of all files of records. */
  readonly maxBytes: number
  /** 1 MiB by default. */
  readonly maxRecordBytes?: number
  /** `drop-oldest` erases what was put longest ago. `refuse` by default. */
  readonly whenFull?: 'refuse' | 'drop-oldest'
  /** `disk`: a put outlives a power cut. `process`: it outlives the process, and is several times faster. `disk` by default. */
  readonly durability?: 'disk' | 'process'
  /**
   * Whose room a record takes, by its id; null: the owner's. So that nobody's records push out another's: with it the owner's have
   * OWNER_SHARE of the room, all others together the rest, and each of those half of that. Where a share is full, its own oldest go
   * (`drop-oldest`). All are one group by default.
   */
  readonly groupOf?: (id: string) => string | null
  readonly now?: () => number
}

/** Of the records and of the bytes of a store with groups. */
export const OWNER_SHARE = 0.75

interface Room {
  readonly holds: (group: string | null) => boolean
  readonly maxRecords: number
  readonly maxBytes: number
}

interface Placed extends SealedEntry {
  readonly index: number
  readonly file: string
}

interface Value {
  readonly bytes: Uint8Array
  readonly isJson: boolean
}

const SEED_BYTES = 32
const DEFAULT_RECORD_BYTES = 2 ** 20

/** Start throws SEALED_STORE_LOCKED (another identity), SEALED_STORE_DAMAGED and what the disk throws. */
export function createSealedStore(
  components: { log: Log; identity: Pick<Identity, 'privateKey'> },
  init: SealedStoreInit,
): SealedStore {
  const { log } = components
  const { directory, name } = init
  const isDurable = init.durability !== 'process'
  const maxRecordBytes = init.maxRecordBytes ?? DEFAULT_RECORD_BYTES
  const now = init.now ?? Date.now
  const records = new Map<string, Placed>()
  /** What each group holds. */
  const tallies = new Map<string | null, { readonly records: number; readonly sizeBytes: number }>()
  let opened: SealedKeys | undefined
  let sequence = 0
  let sizeBytes = 0
  let damaged = 0
  let tail: Promise<unknown> = Promise.resolve()

  /** One at a time: what reads a record must not meet its wiping. */
  function serial<T>(work: (keys: SealedKeys) => Promise<T>): Promise<T> {
    const turn = tail.then(async () => {
      if (opened === undefined)
        throw new VillageError('SHUTTING_DOWN', `The sealed store ${name} is not open`)
      try {
        return await work(opened)
      } catch (error) {
        throw toVillageError(error)
      }
    })
    tail = turn.catch(() => undefined)
    return turn
  }

  const fileOf = (record: { readonly file: string }): string => path.join(directory, record.file)

  function place(index: number, slot: SealedSlot): void {
    const { id, file, updatedAtMs } = slot
    records.delete(id)
    const record = { id, index, file, updatedAtMs, sizeBytes: slot.sizeBytes }
    records.set(id, record)
    tally(record, 1)
    sizeBytes += slot.sizeBytes
    sequence = Math.max(sequence, slot.sequence)
  }

  async function erase(keys: SealedKeys, record: Placed, isSynced: boolean): Promise<void> {
    await keys.free(record.index, isSynced)
    if (records.get(record.id) === record) records.delete(record.id)
    tally(record, -1)
    sizeBytes -= record.sizeBytes
    await wipeFile(fileOf(record), isSynced)
  }

  async function openStore(): Promise<void> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const secret = components.identity.privateKey.raw.subarray(0, SEED_BYTES)
    const keys = await openSealedKeys({ directory, name, secret })
    opened = keys
    records.clear()
    tallies.clear()
    sizeBytes = 0
    sequence = 0
    if (keys.wasClearing) log.info({ store: name }, 'an erasure that was cut off is finished')
    for (const { index, slot } of keys.found) {
      const older = records.get(slot.id)
      place(index, slot)
      // Of two with one id, the older is what a crash left behind.
      if (older !== undefined) await erase(keys, older, true)
    }
    damaged = keys.damaged
    // A record without a slot was being written or wiped; with unreadable slots about, it may be theirs.
    const known = new Set([KEY_FILE, ...[...records.values()].map(({ file }) => file)])
    if (damaged === 0) await wipeOthers(directory, (file) => known.has(file))
    else log.error({ store: name, damaged }, 'records of a sealed store are lost: their keys cannot be read')
  }

  const groupOf = (id: string): string | null => init.groupOf?.(id) ?? null

  /** `sign`: 1 where the record came, -1 where it went. */
  function tally(record: SealedEntry, sign: 1 | -1): void {
    const group = groupOf(record.id)
    const before = tallies.get(group) ?? { records: 0, sizeBytes: 0 }
    const after = {
      records: before.records + sign,
      sizeBytes: before.sizeBytes + sign * record.sizeBytes,
    }
    if (after.records === 0) tallies.delete(group)
    else tallies.set(group, after)
  }

  /** The rooms that a record has to fit into. */
  function roomsOf(id: string): Room[] {
    const room = (share: number, holds: Room['holds']): Room => ({
      holds,
      maxRecords: Math.max(1, Math.floor(init.maxRecords * share)),
      maxBytes: init.maxBytes * share,
    })
    if (init.groupOf === undefined) return [room(1, () => true)]
    const own = groupOf(id)
    if (own === null) return [room(OWNER_SHARE, (group) => group === null)]
    return [
      room((1 - OWNER_SHARE) / 2, (group) => group === own),
      room(1 - OWNER_SHARE, (group) => group !== null),
    ]
  }

  /** Which records go so that one more fits. Throws SEALED_STORE_FULL. */
  function makeRoom(id: string, addedBytes: number, replaced: Placed | undefined): Placed[] {
    const dropped = new Set<Placed>()
    for (const room of roomsOf(id)) {
      let count = replaced === undefined ? 1 : 0
      let total = addedBytes - (replaced?.sizeBytes ?? 0)
      for (const [group, held] of tallies)
        if (room.holds(group)) {
          count += held.records
          total += held.sizeBytes
        }
      const leaves = (record: Placed) => {
        dropped.add(record)
        count -= 1
        total -= record.sizeBytes
      }
      // Those that a smaller room gave up are in this one too.
      for (const record of [...dropped]) leaves(record)
      for (const record of init.whenFull === 'drop-oldest' ? records.values() : []) {
        if (count <= room.maxRecords && total <= room.maxBytes) break
        if (record !== replaced && !dropped.has(record) && room.holds(groupOf(record.id))) leaves(record)
      }
      if (count > room.maxRecords || total > room.maxBytes)
        throw new VillageError('SEALED_STORE_FULL', `The sealed store ${name} is full`, {
          fields: { store: name, maxRecords: init.maxRecords, maxBytes: init.maxBytes },
        })
    }
    return [...dropped]
  }

  async function put(keys: SealedKeys, id: string, value: Value): Promise<void> {
    const replaced = records.get(id)
    const recordSizeBytes = recordBytes(value.bytes.byteLength)
    for (const record of makeRoom(id, recordSizeBytes, replaced)) await erase(keys, record, isDurable)
    const index = await keys.take()
    const slot: SealedSlot = {
      id,
      key: randomBytes(32),
      file: randomBytes(16).toString('hex'),
      sequence: sequence + 1,
      updatedAtMs: now(),
      sizeBytes: recordSizeBytes,
    }
    try {
      await writeNew(fileOf(slot), encodeRecord(value, slot, name), isDurable)
      if (isDurable) await syncDirectory(directory)
      await keys.write(index, slot, isDurable)
    } catch (error) {
      await keys.free(index, true)
      await wipeFile(fileOf(slot), true)
      throw error
    } finally {
      slot.key.fill(0)
    }
    place(index, slot)
    if (replaced !== undefined) await erase(keys, replaced, isDurable)
  }

  const deleteMany = (ids: readonly string[]): Promise<number> =>
    serial(async (keys) => {
      const doomed = [...new Set(ids)].map((id) => records.get(id)).filter((record) => record !== undefined)
      for (const [at, record] of doomed.entries()) {
        // One flush makes all of them durable.
        await keys.free(record.index, at === doomed.length - 1)
        records.delete(record.id)
        tally(record, -1)
        sizeBytes -= record.sizeBytes
      }
      await wipeFiles(doomed.map(fileOf), true)
      if (doomed.length > 0) await syncDirectory(directory)
      return doomed.length
    })

  function read(id: string): Promise<Value | null> {
    return serial(async (keys) => {
      const record = records.get(id)
      if (record === undefined) return null
      const slot = await keys.read(record.index)
      const file = await readFile(fileOf(record)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw error
      })
      const value = slot === null || slot.id !== id || file === null ? null : decodeRecord(file, slot, name)
      slot?.key.fill(0)
      if (value === null) throw damagedRecord()
      return value
    })
  }

  function damagedRecord(): VillageError {
    return new VillageError('SEALED_RECORD_DAMAGED', `A record of the sealed store ${name} cannot be read`, {
      fields: { store: name },
    })
  }

  return {
    name: `sealed-store:${name}`,
    async start() {
      await openStore()
    },
    async stop() {
      const turn = tail
      await turn
      const keys = opened
      opened = undefined
      await keys?.close()
    },
    async put(id, value) {
      const isJson = !(value instanceof Uint8Array)
      const bytes = isJson ? Buffer.from(JSON.stringify(value)) : Uint8Array.from(value)
      if (bytes.byteLength > maxRecordBytes)
        throw new VillageError(
          'SEALED_RECORD_TOO_LARGE',
          `A record of the sealed store ${name} has at most ${maxRecordBytes} bytes`,
          { fields: { store: name, sizeBytes: bytes.byteLength, maxRecordBytes } },
        )
      await serial((keys) => put(keys, id, { bytes, isJson }))
    },
    async get(id) {
      return (await read(id))?.bytes ?? null
    },
    async getJson(id) {
      const value = await read(id)
      if (value === null) return null
      if (!value.isJson) throw damagedRecord()
      return JSON.parse(Buffer.from(value.bytes).toString('utf8')) as JsonValue
    },
    delete: async (id) => (await deleteMany([id])) === 1,
    deleteMany,
    clear: () =>
      serial(async (keys) => {
        records.clear()
        tallies.clear()
        sizeBytes = 0
        damaged = 0
        await keys.clear()
      }),
    list: () =>
      [...records.values()].map(({ id, sizeBytes, updatedAtMs }) => ({ id, sizeBytes, updatedAtMs })),
    stats: () => ({ records: records.size, sizeBytes, damaged }),
  }
}
