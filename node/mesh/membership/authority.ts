/**
 * Who is a member, decided from a set of records alone, so that every node that holds the same set decides the same.
 *
 * 1. Causality: an act is later than the act that allowed it (a sponsor is a member before it sponsors, an admin before
 *    it invites). Records are walked once in the order of their times, then hashes.
 * 2. Authority: a capability counts when its issuer is the founding key or an admin. The level of an admin is its
 *    distance from the founding key; an admin may revoke members and admins of its own level or below, never above.
 * 3. Uses: the first `uses` subjects of a capability in that order are in; later ones are out.
 * 4. Revocations are taken by level of their author, then time, then hash. One that counts ends its subject for good and
 *    voids every act of the subject that it does not list as kept: a date in the past saves no forged act.
 * 5. Departures: a member is out when it said that it leaves after its last membership; one that joins again has the role
 *    of its new membership. A departure voids nothing, or a member could put out whom it let in by dating it back.
 */
import {
  type DepartureRecord,
  keptName,
  type MembershipRecord,
  type RevocationRecord,
  ROLE_RANK,
  type VillageRecord,
} from './records.ts'

export interface Standing {
  /** Valid members that are not revoked, by peer ID: the best membership of each. */
  readonly members: ReadonlyMap<string, MembershipRecord>
  /** The revocation that counts for a peer, whether it ever was a member or not. */
  readonly revoked: ReadonlyMap<string, RevocationRecord>
  /** The revocation that counts for an invite, by its hex ID. */
  readonly withdrawn: ReadonlyMap<string, RevocationRecord>
  /** Subjects that a capability admitted, by capability hash (it may be used `uses` times). */
  readonly admitted: ReadonlyMap<string, ReadonlySet<string>>
  /** The departure of a peer that left and did not come again. */
  readonly departed: ReadonlyMap<string, DepartureRecord>
  /** The last membership of a revoked or departed peer, for lists of who was here. */
  readonly former: ReadonlyMap<string, MembershipRecord>
  /** Distance from the founding key: 1 for its own admins; undefined for those who are no admins. */
  levelOf(peer: string): number | undefined
}

const byTime = (a: VillageRecord, b: VillageRecord) => timeOf(a) - timeOf(b) || (a.hash < b.hash ? -1 : 1)

export function timeOf(record: VillageRecord): number {
  if (record.kind === 'membership') return record.sponsoredAtMs
  return record.kind === 'revocation' ? record.revokedAtMs : record.leftAtMs
}

/** Of the memberships of one subject, in the order of their times: the highest role, the earliest of it. */
const best = (records: readonly MembershipRecord[]) =>
  records.reduce((one, other) => (ROLE_RANK[other.role] < ROLE_RANK[one.role] ? other : one))

interface Walk {
  members: Map<string, MembershipRecord>
  /** Every membership that counts, by subject. */
  counting: Map<string, MembershipRecord[]>
  admitted: Map<string, Set<string>>
  levels: Map<string, number>
}

/** Decides over `records` in a village whose founding key is `founder` (a peer ID). */
export function decide(records: Iterable<VillageRecord>, founder: string): Standing {
  const memberships: MembershipRecord[] = []
  const revocations: RevocationRecord[] = []
  const departures: DepartureRecord[] = []
  for (const record of records) {
    if (record.kind === 'membership') memberships.push(record)
    else if (record.kind === 'revocation') revocations.push(record)
    else departures.push(record)
  }
  memberships.sort(byTime)
  revocations.sort(byTime)
  const actors = new Set<string>([
    ...memberships.flatMap((record) => [record.sponsor, record.capability.issuer]),
    ...revocations.map((record) => record.by),
  ])

  const revoked = new Map<string, RevocationRecord>()
  const withdrawn = new Map<string, RevocationRecord>()
  const dropped = new Set<RevocationRecord>()

  /** Whether an act of `actor` still counts under the revocations taken so far. */
  const stands = (actor: string, actHash: string) =>
    revoked.get(actor)?.keeps.has(keptName(actHash)) ?? !revoked.has(actor)

  function walk(): Walk {
    const members = new Map<string, MembershipRecord>()
    const counting = new Map<string, MembershipRecord[]>()
    const admitted = new Map<string, Set<string>>()
    const levels = new Map<string, number>([[founder, 0]])
    const since = new Map<string, number>([[founder, Number.NEGATIVE_INFINITY]])
    const adminSince = new Map<string, number>([[founder, Number.NEGATIVE_INFINITY]])
    for (const record of memberships) {
      const { capability, sponsor, subject, sponsoredAtMs } = record
      const issuerLevel = levels.get(capability.issuer)
      const before = (start: number | undefined, timeMs: number) => start !== undefined && start < timeMs
      if (issuerLevel === undefined || !before(adminSince.get(capability.issuer), capability.issuedAtMs))
        continue
      if (!before(since.get(sponsor), sponsoredAtMs) || sponsoredAtMs < capability.issuedAtMs) continue
      if (sponsoredAtMs > capability.expiresAtMs) continue
      if (!stands(capability.issuer, capability.hash) || !stands(sponsor, record.hash)) continue
      const withdrawal = withdrawn.get(capability.id)
      if (withdrawal !== undefined && !withdrawal.keeps.has(keptName(record.hash))) continue
      const subjects = admitted.get(capability.hash) ?? new Set()
      if (!subjects.has(subject) && subjects.size >= capability.uses) continue
      admitted.set(capability.hash, subjects.add(subject))
      counting.set(subject, [...(counting.get(subject) ?? []), record])
      const known = members.get(subject)
      if (known === undefined || ROLE_RANK[record.role] < ROLE_RANK[known.role]) members.set(subject, record)
      if (known === undefined) since.set(subject, sponsoredAtMs)
      if (record.role === 'admin') {
        levels.set(subject, Math.min(levels.get(subject) ?? Number.POSITIVE_INFINITY, issuerLevel + 1))
        if (!adminSince.has(subject)) adminSince.set(subject, sponsoredAtMs)
      }
    }
    return { members, counting, admitted, levels }
  }

  let current = walk()
  const taken = (record: RevocationRecord) =>
    record.subject !== null ? revoked.get(record.subject) : withdrawn.get(record.invite ?? '')

  /** The next revocation that counts, or undefined. */
  function next(): RevocationRecord | undefined {
    let best: RevocationRecord | undefined
    let bestLevel = Number.POSITIVE_INFINITY
    for (const record of revocations) {
      if (dropped.has(record) || taken(record) !== undefined) continue
      const level = current.levels.get(record.by)
      if (level === undefined || level >= bestLevel || !stands(record.by, record.hash)) continue
      const subjectLevel =
        record.subject === null ? undefined : (current.levels.get(record.subject) ?? Number.POSITIVE_INFINITY)
      if (subjectLevel !== undefined && subjectLevel < Math.max(level, 1)) continue
      best = record
      bestLevel = level
    }
    return best
  }

  for (let record = next(); record !== undefined; record = next()) {
    if (record.subject === null) {
      withdrawn.set(record.invite ?? '', record)
      current = walk()
      continue
    }
    revoked.set(record.subject, record)
    if (!actors.has(record.subject)) continue
    // Revocations that this one voids are out for good, which is what makes the loop end.
    for (const [key, other] of revoked)
      if (other.by === record.subject && !stands(other.by, other.hash)) {
        revoked.delete(key)
        dropped.add(other)
      }
    for (const [key, other] of withdrawn)
      if (other.by === record.subject && !stands(other.by, other.hash)) {
        withdrawn.delete(key)
        dropped.add(other)
      }
    current = walk()
  }

  const former = new Map<string, MembershipRecord>()
  for (const peer of revoked.keys()) {
    const record = current.members.get(peer)
    if (record !== undefined) former.set(peer, record)
    current.members.delete(peer)
  }
  const departed = new Map<string, DepartureRecord>()
  // In the order of their times, so that the last departure of a peer decides.
  for (const departure of departures.sort(byTime)) {
    const { subject, leftAtMs } = departure
    const all = current.counting.get(subject)
    if (all === undefined || revoked.has(subject)) continue
    const since = all.filter((record) => record.sponsoredAtMs > leftAtMs)
    if (since.length > 0) {
      current.members.set(subject, best(since))
      continue
    }
    departed.set(subject, departure)
    former.set(subject, all.at(-1)!)
    current.members.delete(subject)
  }
  return {
    members: current.members,
    departed,
    revoked,
    withdrawn,
    admitted: current.admitted,
    former,
    levelOf: (peer) => (revoked.has(peer) ? undefined : current.levels.get(peer)),
  }
}
