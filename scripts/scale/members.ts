/** Records of virtual members, signed once and parsed once: what a simulation of a thousand rosters shares. */
import { parseRecord, type VillageRecord } from '../../node/mesh/membership/records.ts'
import { paperVillage, peerNamed, START_MS } from '../../test/helpers/village.ts'

export const VILLAGE = paperVillage('scale')
const nameOf = (index: number) => `member ${index}`

const made: { peer: string; record: VillageRecord }[] = []

/** The first `count` members of the village, the same ones every time. */
export function virtualMembers(count: number): readonly { peer: string; record: VillageRecord }[] {
  const invite = VILLAGE.invite({ by: VILLAGE.founder, uses: 10_000 })
  while (made.length < count) {
    const name = nameOf(made.length)
    const bytes = VILLAGE.member({
      name,
      ...invite,
      sponsor: VILLAGE.founder,
      atMs: START_MS + 100 + made.length,
    })
    made.push({ peer: peerNamed(name), record: parseRecord(bytes, VILLAGE.hash) })
  }
  return made.slice(0, count)
}
