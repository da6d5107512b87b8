/**
 * Keeps the rosters of members equal: new records are gossiped; two members whose digests differ exchange what each
 * lacks; and once a minute a random neighbour is asked, so that nothing stays lost.
 */
import { toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { BUCKETS, differingBuckets } from '../digest-buckets.ts'
import type { FramedStream } from '../framed-stream.ts'
import { MAX_RECORDS } from '../protocols/records.ts'
import {
  MAX_ANNOUNCEMENT_BYTES,
  RECORDS_BY_FRAME,
  RECORDS_FRAME_BYTES,
  ROSTER_PROTOCOL,
  ROSTER_TOPIC,
  RosterAnnouncement,
  RosterDifference,
  RosterOffer,
  RosterRecords,
  RosterWant,
} from '../protocols/roster.ts'
import type { ProtocolSpec } from '../protocols/spec.ts'
import type { StreamHandler } from '../streams.ts'
import type { TopicInit } from '../topics.ts'
import type { MembershipChange, RecordOrigin } from './membership.ts'
import { hex } from './records.ts'
import type { Roster } from './roster.ts'

export interface SyncNetwork {
  peers(): string[]
  open(peer: string, spec: ProtocolSpec, options: { signal: AbortSignal }): Promise<FramedStream>
  publish(topic: string, bytes: Uint8Array): Promise<number>
}

/** What of the membership is kept equal. */
export interface SyncedMembership {
  village(): { readonly roster: Roster } | null
  apply(records: readonly Uint8Array[], origin?: RecordOrigin): Promise<unknown>
  onChange(listener: (change: MembershipChange) => void): () => void
}

export interface RosterSync {
  readonly topic: string
  readonly topicInit: TopicInit
  readonly spec: ProtocolSpec
  readonly handler: StreamHandler
  /** The digest that a peer sent in its hello. */
  heard(peer: string, digest: Uint8Array): void
  /** A connection to `peer` was opened from here: synchronises when the digests differ. */
  connected(peer: string): void
  /** Makes the roster equal to that of `peer`; throws what the stream throws. */
  run(peer: string, options: { signal: AbortSignal }): Promise<void>
  start(network: SyncNetwork): void
  stop(): Promise<void>
}

const SYNC_EVERY_MS = 60_000
const SYNC_TIMEOUT_MS = 60_000
const GATHER_MS = 100
/** Spreads the members that all see the same foreign digest. */
const MAX_JITTER_MS = 1_000
const MAX_ANNOUNCED = 16
/** Records that one exchange may bring: a full roster has some 6 MiB, or 24 with revocations that keep a great many acts. */
const MAX_EXCHANGE_BYTES = 24 * 2 ** 20

const unhex = (hash: string): Uint8Array => Buffer.from(hash, 'hex')
const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

async function sendRecords(stream: FramedStream, roster: Roster, hashes: Iterable<string>): Promise<void> {
  let batch: Uint8Array[] = []
  let sizeBytes = 0
  for (const hash of hashes) {
    const record = roster.get(hash)
    if (record === undefined) continue
    if (batch.length >= RECORDS_BY_FRAME || sizeBytes + record.bytes.byteLength > RECORDS_FRAME_BYTES) {
      await stream.send(RosterRecords, { records: batch, more: true })
      batch = []
      sizeBytes = 0
    }
    batch.push(record.bytes)
    sizeBytes += record.bytes.byteLength
  }
  await stream.send(RosterRecords, { records: batch, more: false })
}

/**
 * Everything first, then applied at once: authors must be there before what they signed. `keep` is false for what is only read
 * to its end.
 */
async function receiveRecords(stream: FramedStream, maxRecords: number, keep = true): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  let count = 0
  let sizeBytes = 0
  for (;;) {
    const frame = await stream.expect(RosterRecords)
    count += frame.records.length
    for (const record of frame.records) sizeBytes += record.byteLength
    // Copies: a record is a view of its whole frame, which one small record would keep in memory.
    if (keep) for (const record of frame.records) records.push(Uint8Array.from(record))
    if (count > maxRecords || sizeBytes > MAX_EXCHANGE_BYTES || (frame.more && frame.records.length === 0))
      throw new VillageError('PROTOCOL_MALFORMED', 'A peer sent more records than it may')
    if (!frame.more) return records
  }
}

const hashesOf = (roster: Roster, buckets: readonly number[]) =>
  buckets.flatMap((bucket) => roster.hashesIn(bucket))

export function createRosterSync(components: { log: Log; membership: SyncedMembership }): RosterSync {
  const { log, membership } = components
  const digests = new Map<string, Uint8Array>()
  const syncing = new Map<string, Promise<void>>()
  const timers = new Set<NodeJS.Timeout>()
  const pending = new Map<string, Uint8Array>()
  let network: SyncNetwork | undefined
  let abort = new AbortController()
  let every: NodeJS.Timeout | undefined
  let endChanges: (() => void) | undefined

  function later(delayMs: number, work: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, delayMs)
    timers.add(timer)
  }

  function announce(): void {
    const roster = membership.village()?.roster
    const records = [...pending.values()]
    pending.clear()
    if (roster === undefined || network === undefined || records.length === 0) return
    const sizeBytes = records.reduce((sum, bytes) => sum + bytes.byteLength, 0)
    // Too much for gossip: the digest alone makes the others ask.
    const fits = records.length <= MAX_ANNOUNCED && sizeBytes < MAX_ANNOUNCEMENT_BYTES / 2
    const bytes = RosterAnnouncement.encode({ records: fits ? records : [], digest: roster.digest() })
    network.publish(ROSTER_TOPIC, bytes).catch((error: unknown) => {
      log.debug({ err: error }, 'new records could not be announced')
    })
  }

  async function exchange(stream: FramedStream, roster: Roster): Promise<void> {
    await stream.send(RosterOffer, { digest: roster.digest(), buckets: roster.bucketDigests() })
    const difference = await stream.expect(RosterDifference)
    if (difference.equal) return
    const theirs = new Set(difference.hashes.map(hex))
    const lacking = [...theirs].filter((hash) => !roster.has(hash))
    const surplus = hashesOf(
      roster,
      difference.buckets.filter((bucket) => bucket < BUCKETS),
    ).filter((hash) => !theirs.has(hash))
    await stream.send(RosterWant, { hashes: lacking.map(unhex) })
    await sendRecords(stream, roster, surplus)
    await membership.apply(await receiveRecords(stream, lacking.length))
  }

  const sync: RosterSync = {
    topic: ROSTER_TOPIC,
    spec: ROSTER_PROTOCOL,
    topicInit: {
      maxBytes: MAX_ANNOUNCEMENT_BYTES,
      validate(bytes) {
        RosterAnnouncement.decode(bytes)
        return 'accept'
      },
      handle(bytes, from) {
        const { records, digest } = RosterAnnouncement.decode(bytes)
        membership
          .apply(records, 'gossip')
          .then(() => {
            const roster = membership.village()?.roster
            if (roster === undefined || equal(roster.digest(), digest)) return
            later(Math.random() * MAX_JITTER_MS, () => {
              if (equal(roster.digest(), digest)) return
              digests.set(from, digest)
              sync.connected(from)
            })
          })
          .catch((error: unknown) => log.debug({ err: error, peer: from }, 'announced records were refused'))
      },
    },
    async handler(stream, { role }) {
      const roster = membership.village()?.roster
      if (roster === undefined) return
      const offer = await stream.expect(RosterOffer)
      if (equal(offer.digest, roster.digest())) {
        await stream.send(RosterDifference, { equal: true, buckets: [], hashes: [] })
        return
      }
      const buckets = differingBuckets(roster.bucketDigests(), offer.buckets)
      const hashes = hashesOf(roster, buckets)
      await stream.send(RosterDifference, { equal: false, buckets, hashes: hashes.map(unhex) })
      const want = await stream.expect(RosterWant)
      // What a guest brings is read to the end, but not taken: guests sponsor nobody.
      const given = await receiveRecords(stream, MAX_RECORDS, role !== 'guest')
      const taken = role === 'guest' ? undefined : membership.apply(given)
      taken?.catch(() => undefined) // awaited below; sending may fail first
      await sendRecords(stream, roster, want.hashes.map(hex))
      await taken
    },
    heard(peer, digest) {
      digests.set(peer, digest)
    },
    connected(peer) {
      const theirs = digests.get(peer)
      const own = membership.village()?.roster.digest()
      if (own === undefined || network === undefined) return
      if (theirs !== undefined && equal(theirs, own)) return
      sync.run(peer, { signal: AbortSignal.timeout(SYNC_TIMEOUT_MS) }).catch((error: unknown) => {
        log.debug({ err: toVillageError(error), peer }, 'rosters could not be compared')
      })
    },
    run(peer, { signal }) {
      const already = syncing.get(peer)
      if (already !== undefined) return already
      const roster = membership.village()?.roster
      if (network === undefined || roster === undefined) return Promise.resolve()
      const both = AbortSignal.any([signal, abort.signal])
      const work = network
        .open(peer, ROSTER_PROTOCOL, { signal: both })
        .then(async (stream) => {
          await exchange(stream, roster)
          await stream.close()
        })
        .finally(() => syncing.delete(peer))
      syncing.set(peer, work)
      return work
    },
    start(given) {
      network = given
      abort = new AbortController()
      endChanges = membership.onChange(({ records, origin }) => {
        // gossipsub itself passes on what came by gossip.
        if (origin === 'gossip') return
        if (pending.size === 0) later(GATHER_MS, announce)
        for (const record of records) pending.set(record.hash, record.bytes)
      })
      every = setInterval(() => {
        const peers = given.peers()
        const peer = peers[Math.floor(Math.random() * peers.length)]
        if (peer === undefined) return
        digests.delete(peer)
        sync.connected(peer)
      }, SYNC_EVERY_MS)
    },
    async stop() {
      endChanges?.()
      clearInterval(every)
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
      pending.clear()
      abort.abort(new Error('the mesh is stopping'))
      network = undefined
      await Promise.allSettled(syncing.values())
      digests.clear()
    },
  }
  return sync
}
