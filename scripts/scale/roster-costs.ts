/** Rosters become equal by digest: the real exchange between real rosters. */
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import { createLog } from '../../node/log.ts'
import { hashOf, type VillageRecord } from '../../node/mesh/membership/records.ts'
import { createRoster, type Roster } from '../../node/mesh/membership/roster.ts'
import { createRosterSync, type RosterSync } from '../../node/mesh/membership/sync.ts'
import { RosterAnnouncement } from '../../node/mesh/protocols/roster.ts'
import type { CostCase, CostRow } from './cost.ts'
import { GOSSIP_DEGREE, gossipCopies } from './gossip-graph.ts'
import { VILLAGE, virtualMembers } from './members.ts'
import { createTally, streamPair, type Tally } from './virtual-streams.ts'

const LOG = createLog({ level: 'silent' })
/** Offer and answer of equal rosters: a digest, 64 digests of buckets, tags and lengths. */
const OFFER_BYTES = 34 + 64 * 18 + 2
const EQUAL_BYTES = 3
/** A hash in a list, and a record in one. */
const HASH_BYTES = 34
const RECORD_HEAD_BYTES = 3

interface Node {
  readonly peer: string
  readonly roster: Roster
  readonly sync: RosterSync
}

function createNode(
  peer: string,
  known: ReadonlyMap<string, VillageRecord>,
  records: readonly VillageRecord[],
): Node {
  const roster = createRoster({ founder: VILLAGE.founderPeer, village: VILLAGE.hash })
  roster.addParsed(records)
  const membership = {
    village: () => ({ roster }),
    async apply(encoded: readonly Uint8Array[]) {
      // Signatures were checked when the member was made; here it is the sets that count.
      roster.addParsed(encoded.map((bytes) => known.get(hashOf(bytes))!))
    },
    onChange: () => () => undefined,
  }
  return { peer, roster, sync: createRosterSync({ log: LOG, membership }) }
}

async function synchronise(a: Node, b: Node, tally: Tally): Promise<void> {
  const [ours, theirs] = streamPair(tally, a.peer, b.peer)
  a.sync.start({ peers: () => [b.peer], open: async () => ours, publish: async () => 0 })
  const served = b.sync.handler(theirs, {
    peer: a.peer,
    role: 'member',
    signal: new AbortController().signal,
  })
  await a.sync.run(b.peer, { signal: new AbortController().signal })
  await served
  await a.sync.stop()
}

/** Rounds of one exchange by member with a random neighbour until a record that one has is everywhere. */
async function roundsToSpread(peers: number, members: ReturnType<typeof virtualMembers>): Promise<number> {
  const random = seededRandom(peers)
  const known = new Map(members.map(({ record }) => [record.hash, record]))
  const base = members.slice(0, 10).map(({ record }) => record)
  const news = members[10]!.record
  const nodes = members.slice(0, peers).map(({ peer }) => createNode(peer, known, base))
  nodes[0]!.roster.addParsed([news])
  const hasNews = ({ roster }: Node) => roster.has(news.hash)
  for (let round = 0; ; round++) {
    if (nodes.every(hasNews)) return round
    for (const node of nodes) {
      const other = nodes[Math.floor(random() * nodes.length)]!
      if (other !== node && hasNews(other) !== hasNews(node)) await synchronise(node, other, createTally())
    }
  }
}

export const rosterCosts: CostCase = {
  name: 'roster',
  async run(peers): Promise<CostRow[]> {
    const members = virtualMembers(Math.max(peers, 11) + 1)
    const known = new Map(members.map(({ record }) => [record.hash, record]))
    const records = members.slice(0, peers).map(({ record }) => record)
    const recordBytes = records[0]!.bytes.byteLength + RECORD_HEAD_BYTES
    const of = async (ours: readonly VillageRecord[], theirs: readonly VillageRecord[]) => {
      const tally = createTally()
      const [a, b] = [createNode('a', known, ours), createNode('b', known, theirs)]
      await synchronise(a, b, tally)
      if (Buffer.compare(a.roster.digest(), b.roster.digest()) !== 0)
        throw new Error('rosters differ after an exchange')
      return tally.bytes
    }
    const announced = RosterAnnouncement.encode({ records: [records[0]!.bytes], digest: new Uint8Array(32) })
    const row = { peers, unit: 'bytes' }
    return [
      {
        ...row,
        cost: 'rosters compared, equal',
        measured: await of(records, records),
        formula: OFFER_BYTES + EQUAL_BYTES,
        tolerance: 0.02,
      },
      {
        ...row,
        cost: 'rosters compared, one record lacking',
        measured: await of(records.slice(1), records),
        // The hashes of one bucket, one hash wanted, one record.
        formula: OFFER_BYTES + HASH_BYTES * (peers / 64 + 1) + recordBytes + 10,
        tolerance: 0.25,
      },
      {
        ...row,
        cost: 'roster of a newcomer',
        measured: await of(records.slice(0, 1), records),
        formula: OFFER_BYTES + 2 * HASH_BYTES * peers + recordBytes * peers,
        tolerance: 0.1,
      },
      {
        ...row,
        cost: 'a new record told to all, by peer',
        measured: (announced.byteLength * gossipCopies(peers)) / peers,
        formula: (recordBytes + 34) * (Math.min(GOSSIP_DEGREE, peers - 1) - 1),
        tolerance: 0.2,
      },
      {
        cost: 'minutes until a record that gossip lost is everywhere',
        peers,
        unit: 'rounds',
        measured: await roundsToSpread(peers, members),
        formula: Math.log2(peers),
        tolerance: 0.5,
      },
    ]
  },
}
