/** Which of the records that came together can count: those whose authors are known by then. */
import { type Standing, timeOf } from './authority.ts'
import type { VillageRecord } from './records.ts'

/** Those of `candidates` whose authors are known once the ones before them are in, in the order of their times. */
export function withKnownAuthors(
  candidates: VillageRecord[],
  standing: Standing,
  founder: string,
): VillageRecord[] {
  const coming = new Set<string>()
  const known = (peer: string) =>
    peer === founder ||
    standing.members.has(peer) ||
    standing.revoked.has(peer) ||
    standing.departed.has(peer) ||
    coming.has(peer)
  return candidates
    .sort((a, b) => timeOf(a) - timeOf(b))
    .filter((record) => {
      const counts =
        record.kind === 'membership'
          ? known(record.sponsor) && known(record.capability.issuer)
          : known(record.kind === 'revocation' ? record.by : record.subject)
      if (counts && record.kind === 'membership') coming.add(record.subject)
      return counts
    })
}
