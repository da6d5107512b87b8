/** Which segments are written anew together. Pure: sizes in, ids out. */

export interface MergeableSegment {
  readonly id: string
  readonly chunks: number
  readonly deletedChunks: number
}

/** As many segments of about one size are joined: each chunk is rewritten about once a tier, log₈(n) times. */
const TIER_WIDTH = 8
/** What is up to eight times this counts as one tier: commits of a watched folder. */
const SMALLEST_TIER_CHUNKS = 64
/** A segment is rewritten when deleted chunks are this share of it: they cost disk and time, and bend the statistics. */
const MAX_DELETED_SHARE = 1 / 3

const liveOf = ({ chunks, deletedChunks }: MergeableSegment): number => chunks - deletedChunks

function tierOf(segment: MergeableSegment): number {
  const size = Math.max(1, liveOf(segment) / SMALLEST_TIER_CHUNKS)
  return Math.floor(Math.log(size) / Math.log(TIER_WIDTH))
}

/** Smallest first, and of equal ones in the order of the index: as many as fit. */
function fill(segments: readonly MergeableSegment[], maxChunks: number): MergeableSegment[] {
  const picked: MergeableSegment[] = []
  let chunks = 0
  for (const segment of [...segments].sort((a, b) => liveOf(a) - liveOf(b))) {
    if (chunks + liveOf(segment) > maxChunks) break
    chunks += liveOf(segment)
    picked.push(segment)
  }
  return picked
}

const inOrder = (segments: readonly MergeableSegment[], picked: readonly MergeableSegment[]): string[] =>
  segments.filter((segment) => picked.includes(segment)).map(({ id }) => id)

/**
 * The ids of the next segments to be written as one (or of one to be written without its deleted chunks), in their order; empty when the
 * index is well as it is. The result holds at most `maxChunks`.
 */
export function chooseMerge(segments: readonly MergeableSegment[], maxChunks: number): string[] {
  const tiers = new Map<number, MergeableSegment[]>()
  for (const segment of segments) {
    const tier = tierOf(segment)
    tiers.set(tier, [...(tiers.get(tier) ?? []), segment])
  }
  for (const tier of [...tiers.keys()].sort((a, b) => a - b)) {
    const members = tiers.get(tier)!
    if (members.length < TIER_WIDTH) continue
    const picked = fill(members, maxChunks)
    if (picked.length > 1) return inOrder(segments, picked)
  }
  const worn = segments.find(({ chunks, deletedChunks }) => deletedChunks > chunks * MAX_DELETED_SHARE)
  return worn === undefined ? [] : [worn.id]
}

/**
 * Groups to be written anew so that no deleted chunk is left; with `join`, also so that segments are as few as this order of filling
 * makes them.
 */
export function planCompaction(
  segments: readonly MergeableSegment[],
  maxChunks: number,
  { join }: { join: boolean },
): string[][] {
  if (!join) return segments.filter((segment) => segment.deletedChunks > 0).map(({ id }) => [id])
  const groups: string[][] = []
  let rest = [...segments]
  while (rest.length > 0) {
    const picked = fill(rest, maxChunks)
    // One that is larger than may be (its index had another limit) stays alone.
    if (picked.length === 0) picked.push(...rest.slice(0, 1))
    rest = rest.filter((segment) => !picked.includes(segment))
    if (picked.length > 1 || picked[0]!.deletedChunks > 0) groups.push(inOrder(segments, picked))
  }
  return groups
}
