/**
 * How catalogues become equal and holdings known: gossip says that a member's digest has changed, and who hears it asks that
 * member on a stream for what it lacks. What a peer may see is decided by its role on the stream, not in gossip. The asker says by digests
 * what it knows, so that an answer is as long as what has changed.
 */
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { BUCKETS, bucketDigest, differingBuckets, intoBuckets } from '../../../mesh/digest-buckets.ts'
import type { FramedStream } from '../../../mesh/framed-stream.ts'
import { peerOf, publicKeyOf } from '../../../mesh/membership/keys.ts'
import type { Mesh, Role, StreamContext } from '../../../mesh/mesh.ts'
import {
  CataloguePage,
  COLLECTIONS_PROTOCOL,
  CollectionsRequest,
  CollectionsRequestKind,
  HoldingsPage,
  MAX_CATALOGUE_FRAME,
  MAX_COLLECTION_RECORDS,
  MAX_COLLECTION_SEGMENTS,
  MAX_HOLDINGS_FRAME,
  MAX_RECORDS_REQUEST,
  RECORDS_FRAME_BYTES,
  RecordsPage,
} from '../../../mesh/protocols/collections.ts'
import { SEGMENT_KEY_BYTES } from '../../../mesh/protocols/segment-key.ts'
import type { Catalogue } from './catalogue.ts'
import type { CollectionRecord } from './collection-record.ts'
import type { ExchangeBudget } from './exchange-budget.ts'
import type { Holding } from './holdings.ts'
import { segmentIn } from './segment-key.ts'

/** What this node tells of itself, by the role of who asks. */
export type OwnHoldings = (role: Role) => Holding

interface Components {
  readonly catalogue: Catalogue
  readonly ownHoldings: OwnHoldings
  readonly budget: ExchangeBudget
  readonly log: Log
}

/** What a member may say that it holds: 4 MiB of ids. */
const MAX_HELD_SEGMENTS = 64 * MAX_COLLECTION_SEGMENTS
/** An entry of a catalogue, encoded, about. */
const ENTRY_BYTES = 100
const unhex = (text: string) => Buffer.from(text, 'hex')
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function pages<T>(items: readonly T[], size: number): { items: T[]; more: boolean }[] {
  const out: { items: T[]; more: boolean }[] = []
  for (let at = 0; at === 0 || at < items.length; at += size)
    out.push({ items: items.slice(at, at + size), more: at + size < items.length })
  return out
}

const hashesOf = (records: Iterable<CollectionRecord>) => [...records].map(({ hash }) => hash)
/** The segments of one collection must not all fall into one bucket. */
const heldBuckets = (segments: Iterable<string>) => intoBuckets(segments, segmentIn)
const NOTHING_KNOWN: Uint8Array[] = []

/** Answers one stream to its end. */
export function createCollectionsServer({ catalogue, ownHoldings, budget, log }: Components) {
  /** Of the visible ones those that the asker does not know. */
  function unknownRecords(visible: CollectionRecord[], known: readonly Uint8Array[]): CollectionRecord[] {
    const buckets = intoBuckets(hashesOf(visible))
    const lacking = new Set(
      differingBuckets(buckets.map(bucketDigest), known).flatMap((index) => buckets[index]!),
    )
    return visible.filter(({ hash }) => lacking.has(hash))
  }

  async function sendCatalogue(
    stream: FramedStream,
    known: readonly Uint8Array[],
    context: StreamContext,
  ): Promise<void> {
    const { role, signal } = context
    // Who has spent its bytes makes no work.
    budget.takeBytes(context, 0)
    const visible = catalogue.visibleTo(role)
    // A guest needs to know what is not there any more.
    const partial = known.length === BUCKETS && role !== 'guest'
    // To find what differs costs more than to send all, however little it is.
    if (partial) budget.takeBytes(context, visible.length * ENTRY_BYTES)
    const listed = partial ? unknownRecords(visible, known) : visible
    const entries = listed.map(({ owner, id, generation, hash }) => ({
      owner: publicKeyOf(owner),
      id: unhex(id),
      generation,
      hash: unhex(hash),
    }))
    for (const { items, more } of pages(entries, MAX_CATALOGUE_FRAME)) {
      if (!partial) budget.takeBytes(context, items.length * ENTRY_BYTES)
      await stream.send(CataloguePage, { entries: items, more }, { signal })
    }
  }

  async function sendRecords(
    stream: FramedStream,
    wanted: readonly Uint8Array[],
    context: StreamContext,
  ): Promise<void> {
    const { role, signal } = context
    const hashes = new Set(wanted.map(hex))
    let records: Uint8Array[] = []
    let sizeBytes = 0
    for (const record of catalogue.visibleTo(role)) {
      if (!hashes.has(record.hash)) continue
      if (records.length > 0 && sizeBytes + record.bytes.byteLength > RECORDS_FRAME_BYTES) {
        budget.takeBytes(context, sizeBytes)
        await stream.send(RecordsPage, { records, more: true }, { signal })
        records = []
        sizeBytes = 0
      }
      records.push(record.bytes)
      sizeBytes += record.bytes.byteLength
    }
    budget.takeBytes(context, sizeBytes)
    await stream.send(RecordsPage, { records, more: false }, { signal })
  }

  async function sendHoldings(
    stream: FramedStream,
    known: readonly Uint8Array[],
    context: StreamContext,
  ): Promise<void> {
    const { role, signal } = context
    budget.takeBytes(context, 0)
    const { segments, capacityBytes, usedBytes } = ownHoldings(role)
    const partial = known.length === BUCKETS
    if (partial) budget.takeBytes(context, segments.size * SEGMENT_KEY_BYTES)
    const held = partial ? heldBuckets(segments) : []
    const buckets = differingBuckets(held.map(bucketDigest), known)
    const listed = partial ? buckets.flatMap((index) => held[index]!) : [...segments]
    for (const { items, more } of pages(listed, MAX_HOLDINGS_FRAME)) {
      const page = { segments: items.map(unhex), capacityBytes, usedBytes, more, partial, buckets }
      if (!partial) budget.takeBytes(context, items.length * SEGMENT_KEY_BYTES)
      await stream.send(HoldingsPage, page, { signal })
    }
  }

  return async function serve(stream: FramedStream, context: StreamContext): Promise<void> {
    for (;;) {
      const request = await stream.receive(CollectionsRequest, { signal: context.signal })
      if (request === null) return
      budget.takeRequest(context)
      // Nothing is not the same as not yet.
      if (catalogue.village() === null) throw new VillageError('PEER_BUSY')
      if (request.kind === CollectionsRequestKind.catalogue)
        await sendCatalogue(stream, request.buckets, context)
      else if (request.kind === CollectionsRequestKind.records)
        await sendRecords(stream, request.hashes, context)
      else if (request.kind === CollectionsRequestKind.holdings)
        await sendHoldings(stream, request.buckets, context)
      else throw new VillageError('PROTOCOL_MALFORMED', 'A request is of an unknown kind')
      log.trace({ peer: context.peer, kind: request.kind }, 'a peer was told of collections')
    }
  }
}

/** The asking side, over one stream to one member. */
export function createCollectionsClient(components: {
  mesh: Pick<Mesh, 'open' | 'roleOf' | 'peerId'>
  catalogue: Catalogue
  log: Log
}) {
  const { mesh, catalogue, log } = components

  /** Hashes of records that are newer than ours. */
  async function missing(stream: FramedStream, signal: AbortSignal): Promise<Uint8Array[]> {
    const known = new Map(
      catalogue.visibleTo('member').map((record) => [`${record.owner}.${record.id}`, record]),
    )
    const wanted: Uint8Array[] = []
    const shown = new Set<string>()
    const kind = CollectionsRequestKind.catalogue
    const buckets = intoBuckets([...known.values()].map(({ hash }) => hash)).map(bucketDigest)
    await stream.send(CollectionsRequest, { kind, hashes: [], buckets }, { signal })
    for (let seen = 0; ; ) {
      const { entries, more } = await stream.expect(CataloguePage, { signal })
      seen += entries.length
      if (seen > MAX_COLLECTION_RECORDS || (more && entries.length === 0))
        throw new VillageError('PROTOCOL_MALFORMED', 'A peer lists more collections than there may be')
      for (const { owner, id, generation, hash } of entries) {
        if (owner.byteLength !== 32 || hash.byteLength !== 32)
          throw new VillageError('PROTOCOL_MALFORMED', 'An entry of a catalogue has no owner or hash')
        const key = `${peerOf(owner)}.${hex(id)}`
        const ours = known.get(key)
        shown.add(key)
        if (ours === undefined || generation >= ours.generation)
          if (ours?.hash !== hex(hash)) wanted.push(Uint8Array.from(hash))
      }
      if (!more) break
    }
    // A guest is told of no removals. To members one must be signed: an owner that has lost its records must not lose the copies too.
    if (mesh.roleOf(mesh.peerId) === 'guest')
      for (const [key, record] of known)
        if (record.owner === stream.peer && !shown.has(key)) await catalogue.forget(record)
    return wanted
  }

  async function takeRecords(stream: FramedStream, wanted: readonly Uint8Array[], signal: AbortSignal) {
    for (const { items } of pages(wanted, MAX_RECORDS_REQUEST)) {
      if (items.length === 0) return
      await stream.send(
        CollectionsRequest,
        { kind: CollectionsRequestKind.records, hashes: items, buckets: NOTHING_KNOWN },
        { signal },
      )
      for (let seen = 0; ; ) {
        const { records, more } = await stream.expect(RecordsPage, { signal })
        seen += records.length
        if (seen > items.length || (more && records.length === 0))
          throw new VillageError('PROTOCOL_MALFORMED', 'A peer sent more records than were asked for')
        for (const bytes of records)
          await catalogue.apply(bytes).catch((error: unknown) => {
            // One bad record must not keep the others from coming.
            log.debug(
              { err: toVillageError(error), peer: stream.peer },
              'a record of a collection was refused',
            )
          })
        if (!more) break
      }
    }
  }

  async function takeHoldings(
    stream: FramedStream,
    before: Holding | null,
    signal: AbortSignal,
  ): Promise<Holding> {
    const kind = CollectionsRequestKind.holdings
    const known = before === null ? null : heldBuckets(before.segments)
    const digests = known?.map(bucketDigest) ?? NOTHING_KNOWN
    await stream.send(CollectionsRequest, { kind, hashes: [], buckets: digests }, { signal })
    const held = new Set<string>()
    for (let isFirst = true; ; isFirst = false) {
      const page = await stream.expect(HoldingsPage, { signal })
      if (page.partial && isFirst) {
        if (known === null)
          throw new VillageError('PROTOCOL_MALFORMED', 'A peer left out what it was not told')
        const differ = new Set(page.buckets)
        for (const [index, segments] of known.entries())
          if (!differ.has(index)) for (const segment of segments) held.add(segment)
      }
      for (const id of page.segments) held.add(hex(id))
      if (held.size > MAX_HELD_SEGMENTS || (page.more && page.segments.length === 0))
        throw new VillageError('PROTOCOL_MALFORMED', 'A peer says that it holds more than it can')
      if (!page.more) return { segments: held, capacityBytes: page.capacityBytes, usedBytes: page.usedBytes }
    }
  }

  async function withStream<T>(
    peer: string,
    signal: AbortSignal,
    work: (stream: FramedStream) => Promise<T>,
  ) {
    const stream = await mesh.open(peer, COLLECTIONS_PROTOCOL, { signal })
    try {
      const result = await work(stream)
      await stream.close()
      return result
    } catch (error) {
      stream.abort(toVillageError(error))
      throw error
    }
  }

  return {
    /**
     * Takes the peer's records that are newer than ours, and what it holds: `before` is what is known of that. Throws what the stream
     * throws.
     */
    exchange: (
      peer: string,
      parts: { catalogue: boolean; holdings: boolean; before: Holding | null },
      signal: AbortSignal,
    ) =>
      withStream(peer, signal, async (stream): Promise<Holding | null> => {
        if (parts.catalogue) await takeRecords(stream, await missing(stream, signal), signal)
        return parts.holdings ? await takeHoldings(stream, parts.before, signal) : null
      }),
  }
}
