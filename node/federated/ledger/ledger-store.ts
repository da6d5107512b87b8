/**
 * The ledgers of runs on the disk: announcements, certified blocks by run and height, what this member has voted at the height that is being
 * decided, and checkpoints of the state. Each value stands behind its SHA-256, so that bytes that a disk has changed are seen for what they are:
 * they are put aside (`quarantine`) and fetched again, never used and never forgotten without a word.
 */
import { createHash } from 'node:crypto'
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { JsonTable, Store } from '../../store.ts'
import { decodeRecord, encodeRecord, type HeightRecord } from '../rounds/consensus/record.ts'
import type { Announcement } from './announcement.ts'
import { type CertifiedBlock, MAX_BLOCK_BYTES } from './block.ts'
import { decodeCanonical, encodeCanonical, HASH_BYTES, readBytes, readTuple } from './codec.ts'
import type { LedgerTip } from './verify.ts'
import { encodeCertificate, MAX_CERTIFICATE_BYTES } from './vote.ts'

/** A certified block as bytes: what peers are sent. */
export interface LedgerEntry {
  readonly block: Uint8Array
  readonly certificate: Uint8Array
}

export interface LedgerStore<S> {
  putAnnouncement(announcement: Announcement): Promise<void>
  /** Bytes of all that are whole, for `checkAnnouncement`. Others are put aside and logged. */
  announcements(): Promise<Uint8Array[]>
  /** On the disk when it resolves. Writing a height again replaces it. */
  append(run: string, certified: CertifiedBlock): Promise<void>
  /**
   * Blocks from a height on, without a gap, within the limits (one at least, if it is there). Their form is not checked again.
   * Throws LEDGER_CORRUPT with the height.
   */
  blocks(
    run: string,
    fromHeight: number,
    limits: { readonly count: number; readonly sizeBytes: number },
  ): Promise<LedgerEntry[]>
  /** The first height up to this one whose block is missing or damaged, or null: a checkpoint rests on blocks that nobody reads otherwise. */
  firstDamage(run: string, toHeight: number): Promise<number | null>
  /** On the disk when it resolves: before any vote of it leaves this node. */
  putRecord(run: string, record: HeightRecord): Promise<void>
  /**
   * What was voted last. Throws LEDGER_CORRUPT with the height of the damaged record: up to that height this member must not vote, because
   * it does not know what it has said.
   */
  record(run: string): Promise<HeightRecord | null>
  /** Keeps the two latest of a run. */
  putSnapshot(tip: LedgerTip<S>): Promise<void>
  /** The latest at or below a height that is whole; a state must be plain JSON. */
  snapshot(run: string, maxHeight: number): Promise<LedgerTip<S> | null>
  /** Puts the blocks from a height on aside, and drops checkpoints that rest on them. They have to be fetched again. */
  quarantine(run: string, fromHeight: number): Promise<void>
  /** Everything of a run, what was put aside included. */
  remove(run: string): Promise<void>
}

const SNAPSHOTS = 2
/** Heights have a fixed width, so that keys are in their order. */
const HEIGHT_DIGITS = 10

const heightKey = (height: number) => String(height).padStart(HEIGHT_DIGITS, '0')
const blockKey = (run: string, height: number) => `block/${run}/${heightKey(height)}`
const heightOf = (key: string) => Number(key.slice(-HEIGHT_DIGITS))

function seal(payload: Uint8Array): Uint8Array {
  return Buffer.concat([createHash('sha256').update(payload).digest(), payload])
}

/** The payload, or null where it is not what was written. */
function unseal(value: Uint8Array): Uint8Array | null {
  const payload = value.subarray(HASH_BYTES)
  const isWhole = createHash('sha256').update(payload).digest().equals(value.subarray(0, HASH_BYTES))
  return isWhole ? payload : null
}

function corrupt(run: string, height: number, what: string, cause?: unknown): VillageError {
  return new VillageError('LEDGER_CORRUPT', `${what} of a run is damaged on the disk`, {
    cause,
    fields: { run, height },
  })
}

export function createLedgerStore<S>(components: {
  readonly store: Pick<Store, 'bytes'>
  readonly log: Log
}): LedgerStore<S> {
  const table: JsonTable<Uint8Array> = components.store.bytes('ledgers')
  const { log } = components

  async function keysOf(prefix: string, from = prefix): Promise<string[]> {
    const keys: string[] = []
    for await (const [key] of table.entries({ prefix, from })) keys.push(key)
    return keys
  }

  const deletions = (keys: readonly string[]) => keys.map((key) => ({ type: 'del' as const, key }))

  async function setAside(key: string, value: Uint8Array): Promise<void> {
    await table.batch(
      [
        { type: 'put', key: `aside/${key}`, value },
        { type: 'del', key },
      ],
      { sync: true },
    )
  }

  return {
    async putAnnouncement({ run, bytes }) {
      await table.put(`run/${run}`, seal(bytes), { sync: true })
    },

    async announcements() {
      const whole: Uint8Array[] = []
      for await (const [key, value] of table.entries({ prefix: 'run/' })) {
        const payload = unseal(value)
        if (payload !== null) whole.push(payload)
        else {
          log.error({ run: key.slice('run/'.length) }, 'the announcement of a run is damaged')
          await setAside(key, value)
        }
      }
      return whole
    },

    async append(run, { block, certificate }) {
      const payload = encodeCanonical([block.bytes, encodeCertificate(certificate)])
      await table.put(blockKey(run, block.height), seal(payload), { sync: true })
    },

    async blocks(run, fromHeight, { count, sizeBytes }) {
      const entries: LedgerEntry[] = []
      let leftBytes = sizeBytes
      const range = { prefix: `block/${run}/`, from: blockKey(run, fromHeight) }
      for await (const [key, value] of table.entries(range)) {
        const height = fromHeight + entries.length
        if (heightOf(key) !== height) break
        const entry = readEntry(run, height, value)
        leftBytes -= entry.block.byteLength + entry.certificate.byteLength
        if (entries.length > 0 && leftBytes < 0) break
        entries.push(entry)
        if (entries.length >= count) break
      }
      return entries
    },

    async firstDamage(run, toHeight) {
      let height = 1
      for await (const [key, value] of table.entries({ prefix: `block/${run}/` })) {
        if (height > toHeight) return null
        if (heightOf(key) !== height || unseal(value) === null) return height
        height += 1
      }
      return height > toHeight ? null : height
    },

    async putRecord(run, record) {
      const key = `record/${run}/${heightKey(record.height)}`
      const stale = (await keysOf(`record/${run}/`)).filter((other) => other !== key)
      await table.batch([{ type: 'put', key, value: seal(encodeRecord(record)) }, ...deletions(stale)], {
        sync: true,
      })
    },

    async record(run) {
      let latest: [string, Uint8Array] | null = null
      for await (const entry of table.entries({ prefix: `record/${run}/` })) latest = entry
      if (latest === null) return null
      const [key, value] = latest
      const payload = unseal(value)
      const what = 'What this node has voted in the ledger'
      if (payload === null) throw corrupt(run, heightOf(key), what)
      try {
        return decodeRecord(payload)
      } catch (error) {
        throw corrupt(run, heightOf(key), what, error)
      }
    },

    async putSnapshot(tip) {
      const prefix = `snapshot/${tip.run}/`
      const key = `${prefix}${heightKey(tip.height)}`
      const stale = (await keysOf(prefix)).filter((other) => other !== key).slice(0, 1 - SNAPSHOTS)
      const value = seal(Buffer.from(JSON.stringify(tip)))
      await table.batch([{ type: 'put', key, value }, ...deletions(stale)])
    },

    async snapshot(run, maxHeight) {
      let found: LedgerTip<S> | null = null
      for await (const [key, value] of table.entries({ prefix: `snapshot/${run}/` })) {
        const height = heightOf(key)
        if (height > maxHeight) break
        const payload = unseal(value)
        if (payload === null) log.warn({ run, height }, 'a checkpoint of a run is damaged and is not used')
        else found = JSON.parse(Buffer.from(payload).toString()) as LedgerTip<S> // as this node wrote it
      }
      return found
    },

    async quarantine(run, fromHeight) {
      const range = { prefix: `block/${run}/`, from: blockKey(run, fromHeight) }
      const operations: Parameters<typeof table.batch>[0][number][] = []
      for await (const [key, value] of table.entries(range))
        operations.push({ type: 'put', key: `aside/${key}`, value }, { type: 'del', key })
      const unfounded = await keysOf(`snapshot/${run}/`, `snapshot/${run}/${heightKey(fromHeight)}`)
      log.error({ run, fromHeight, blocks: operations.length / 2 }, 'blocks of a ledger were put aside')
      await table.batch([...operations, ...deletions(unfounded)], { sync: true })
    },

    async remove(run) {
      const keys = await keysOf(`run/${run}`)
      for (const kind of ['block', 'record', 'snapshot'])
        keys.push(...(await keysOf(`${kind}/${run}/`)), ...(await keysOf(`aside/${kind}/${run}/`)))
      keys.push(...(await keysOf(`aside/run/${run}`)))
      await table.batch(deletions(keys), { sync: true })
    },
  }
}

function readEntry(run: string, height: number, value: Uint8Array): LedgerEntry {
  const payload = unseal(value)
  if (payload === null) throw corrupt(run, height, 'A block')
  const maxBytes = MAX_BLOCK_BYTES + MAX_CERTIFICATE_BYTES + 32
  const [block, certificate] = readTuple(
    decodeCanonical(payload, maxBytes, 'a stored block'),
    2,
    'a stored block',
  )
  return {
    block: readBytes(block, 1, MAX_BLOCK_BYTES, 'a stored block'),
    certificate: readBytes(certificate, 1, MAX_CERTIFICATE_BYTES, 'a stored certificate'),
  }
}
