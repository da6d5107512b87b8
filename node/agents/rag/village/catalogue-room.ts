/**
 * Which records a node has room for. One owner has so many that are live and so many removals, of which the oldest go; over all, whoever
 * has the most gives way to who has fewer, so that no few members can keep the others' collections out.
 */
import type { CollectionRecord } from './collection-record.ts'

export interface CatalogueLimits {
  /** Live records of one owner. */
  readonly live: number
  /** Removals of one owner. */
  readonly removals: number
  readonly total: number
  /** A record counts for so long after its time. */
  readonly validMs: number
}

export interface RoomContext {
  /** Peer ID of this node: its own records never give way. */
  readonly self: string
  readonly limits: CatalogueLimits
  readonly nowMs: number
}

const isSame = (a: CollectionRecord, b: CollectionRecord) => a.owner === b.owner && a.id === b.id

/** Newest last; of the same time the one with the lower hash first, so that all nodes drop the same. */
const byAge = (a: CollectionRecord, b: CollectionRecord) =>
  a.timeMs === b.timeMs ? (a.hash < b.hash ? -1 : 1) : a.timeMs - b.timeMs

export function isExpired(
  { timeMs }: CollectionRecord,
  { limits, nowMs }: Omit<RoomContext, 'self'>,
): boolean {
  return nowMs - timeMs > limits.validMs
}

/** Who has the most, this node not counted, and what of it goes first: the oldest removal, else the newest collection. */
function largestOf(records: readonly CollectionRecord[], self: string): readonly CollectionRecord[] {
  const byOwner = new Map<string, CollectionRecord[]>()
  for (const record of records) {
    if (record.owner === self) continue
    const own = byOwner.get(record.owner)
    if (own === undefined) byOwner.set(record.owner, [record])
    else own.push(record)
  }
  let largest: readonly CollectionRecord[] = []
  for (const own of byOwner.values())
    if (own.length > largest.length || (own.length === largest.length && own[0]!.owner < largest[0]!.owner))
      largest = own
  return largest
}

function firstToGo(records: readonly CollectionRecord[]): CollectionRecord | undefined {
  const removals = records.filter(({ facts }) => facts === null)
  return removals.length > 0 ? removals.sort(byAge)[0] : [...records].sort(byAge).at(-1)
}

/**
 * What has to go for `record`, which is newer than the one of its owner and id among `records`, if there is one. Null: there is no
 * room for it.
 */
export function roomFor(
  record: CollectionRecord,
  records: Iterable<CollectionRecord>,
  context: RoomContext,
): CollectionRecord[] | null {
  const { self, limits } = context
  const dropped: CollectionRecord[] = []
  const others: CollectionRecord[] = []
  let isKnown = false
  for (const one of records) {
    if (isSame(one, record)) isKnown = true
    // What this node says itself it signs anew, from the generation that there was.
    else if (isExpired(one, context) && one.owner !== self) dropped.push(one)
    else others.push(one)
  }
  const own = others.filter(({ owner }) => owner === record.owner)
  const ofItsKind = own.filter(({ facts }) => (facts === null) === (record.facts === null))
  if (record.facts !== null && ofItsKind.length >= limits.live) return null
  if (record.facts === null && ofItsKind.length >= limits.removals) {
    const oldest = ofItsKind.sort(byAge)[0]!
    // What it removes has to go, however old its owner says that it is.
    if (!isKnown && byAge(record, oldest) < 0) return null
    return [...dropped, oldest]
  }
  if (isKnown || others.length < limits.total) return dropped
  const largest = largestOf(others, self)
  const goes = firstToGo(largest)
  // Not for one who would then have more than it: the two would take turns for ever.
  if (goes === undefined || (record.owner !== self && own.length + 2 > largest.length)) return null
  return [...dropped, goes]
}
