/** What a node hears when nothing happens: the announcements that members repeat, at the pace of the real code. */
import { announceEveryMs, MOST_TIMES_AS_LONG } from '../../node/mesh/announce-interval.ts'
import { encodeCapabilities } from '../../node/mesh/capabilities.ts'
import { ANNOUNCE_EVERY_MS } from '../../node/mesh/protocols/capabilities.ts'
import { COLLECTIONS_EVERY_MS, CollectionsAnnouncement } from '../../node/mesh/protocols/collections.ts'
import type { CostCase, CostRow } from './cost.ts'
import { GOSSIP_DEGREE, gossipMesh, spread } from './gossip-graph.ts'

/** What gossipsub puts around a message: author 38, number 8, signature 64, topic and tags. */
export const ENVELOPE_BYTES = 38 + 8 + 64 + 66
const MINUTE_MS = 60_000
/** Above it the pace falls as members come, up to 1,000: docs/scale.md. */
const STEADY = 250

/** As a laptop with two models announces. */
export const ANNOUNCED = encodeCapabilities(
  {
    version: '0.1.0',
    cores: 8,
    memoryBytes: 16 * 2 ** 30,
    power: 'mains',
    profile: 'laptop',
    native: true,
    accepting: true,
    load: 0.25,
    taskKinds: ['calibrate', 'compress', 'evaluate', 'merge', 'score'],
    models: [
      'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
      'bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
    ],
    agents: [
      { name: 'king', model: false },
      { name: 'sage', model: false },
      { name: 'magi', model: false },
    ],
  },
  { timeMs: 1_700_000_000_000, addresses: ['/ip4/192.168.1.17/tcp/4710', '/ip4/192.168.1.17/tcp/4711/ws'] },
)
export const COLLECTIONS_ANNOUNCED = CollectionsAnnouncement.encode({
  timeMs: 1_700_000_000_000,
  catalogue: new Uint8Array(32).fill(1),
  holdings: new Uint8Array(32).fill(2),
  own: new Uint8Array(32).fill(3),
})

export const announcementCosts: CostCase = {
  name: 'announcements',
  run(peers): CostRow[] {
    const mesh = gossipMesh(peers)
    // A message by each of a few members of the mesh stands for all.
    const senders = Array.from({ length: Math.min(peers, 10) }, (_, index) =>
      Math.floor((index * peers) / 10),
    )
    const copies = senders.reduce((sum, sender) => sum + spread(mesh, sender).copies, 0) / senders.length
    const hops = Math.max(...senders.map((sender) => spread(mesh, sender).hops))
    const byMinute = (everyMs: number, sizeBytes: number) =>
      // All send, each message is copied so often, and a node receives its share.
      (peers * (MINUTE_MS / announceEveryMs(everyMs, peers)) * copies * (sizeBytes + ENVELOPE_BYTES)) / peers
    const degree = Math.min(GOSSIP_DEGREE, peers - 1)
    const formula = (everyMs: number, sizeBytes: number) =>
      Math.max(Math.min(peers, STEADY), peers / MOST_TIMES_AS_LONG) *
      (MINUTE_MS / everyMs) *
      (degree - 1) *
      (sizeBytes + ENVELOPE_BYTES)
    const row = (cost: string, everyMs: number, sizeBytes: number): CostRow => ({
      cost,
      peers,
      unit: 'KiB/min',
      measured: byMinute(everyMs, sizeBytes) / 1024,
      formula: formula(everyMs, sizeBytes) / 1024,
      tolerance: 0.2,
    })
    return [
      row('capabilities heard by a peer', ANNOUNCE_EVERY_MS, ANNOUNCED.byteLength),
      row('digests of collections heard by a peer', COLLECTIONS_EVERY_MS, COLLECTIONS_ANNOUNCED.byteLength),
      {
        cost: 'hops of an announcement to the last peer',
        peers,
        unit: 'hops',
        measured: hops,
        formula: 1 + Math.log(peers) / Math.log(degree - 1),
        tolerance: 0.5,
      },
    ]
  },
}
