/**
 * What of the records that a peer brings is taken in. A roster only grows and has an end, so nobody may fill it: any
 * member can sign records without number that change nothing (revocations that it has no right to, its own membership
 * again and again), and in a full roster nobody can join, or be put out, any more. Records that change something are
 * always taken; of the others only the first few of each author, because they may come to count when others arrive.
 */
import type { Standing } from './authority.ts'
import type { VillageRecord } from './records.ts'

/** Duplicates that honest members make (two that admit the same joiner, a joiner with two invites) are far fewer. */
export const MAX_IDLE_BY_AUTHOR = 256

export function authorOf(record: VillageRecord): string {
  if (record.kind === 'membership') return record.sponsor
  return record.kind === 'revocation' ? record.by : record.subject
}

/** Whether somebody is in or out because of this record. */
function counts(standing: Standing, record: VillageRecord): boolean {
  if (record.kind === 'membership')
    return standing.members.get(record.subject) === record || standing.former.get(record.subject) === record
  if (record.kind === 'departure') return standing.departed.get(record.subject) === record
  const taken =
    record.subject === null
      ? standing.withdrawn.get(record.invite ?? '')
      : standing.revoked.get(record.subject)
  return taken === record
}

/**
 * Those of `fresh` for which there is room. `held` is what the roster holds now, `after` the standing that would follow if all
 * of `fresh` were taken in.
 */
export function withinRoom(
  held: Iterable<VillageRecord>,
  fresh: readonly VillageRecord[],
  after: Standing,
): VillageRecord[] {
  const suspects = new Set(fresh.filter((record) => !counts(after, record)))
  if (suspects.size === 0) return [...fresh]
  const idle = new Map<string, number>()
  const add = (author: string) => {
    const count = (idle.get(author) ?? 0) + 1
    idle.set(author, count)
    return count
  }
  for (const record of held) if (!counts(after, record)) add(authorOf(record))
  return fresh.filter((record) => !suspects.has(record) || add(authorOf(record)) <= MAX_IDLE_BY_AUTHOR)
}
