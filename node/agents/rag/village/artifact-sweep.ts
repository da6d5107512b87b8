/**
 * Removes artifacts of collections that nothing asks for any more: segments and sketches that no record names, copies that were dropped,
 * fetches that are not wanted. It goes by what is pinned on the disk, so that nothing is left behind by a crash or by what happened
 * while this node was off.
 */
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { Catalogue } from './catalogue.ts'
import type { Offers } from './offers.ts'
import type { ReplicaStore } from './replica-store.ts'

interface Components {
  readonly artifacts: Pick<Artifacts, 'list'>
  readonly catalogue: Pick<Catalogue, 'byId'>
  readonly replicas: Pick<ReplicaStore, 'holds'>
  readonly offers: Offers
}

interface Init {
  /** Peer ID of this node. */
  readonly self: string
  /** Collections to look at, by id. */
  readonly covers: (collection: string) => boolean
  /** It is on its way to become a replica. */
  readonly isComing: (cid: string) => boolean
}

const PIN = /^collection:([0-9a-f]{32})$/

export async function sweepArtifacts(
  components: Components,
  { self, covers, isComing }: Init,
): Promise<void> {
  const { artifacts, catalogue, replicas, offers } = components

  function isWanted(collection: string, cid: string): boolean {
    const record = catalogue.byId(collection)
    const named = record?.facts.segments.find((segment) => segment.cid === cid || segment.sketchCid === cid)
    if (record === null || named === undefined) return false
    return record.owner === self || named.sketchCid === cid || replicas.holds(collection, named.id)
  }

  for (const { cid, pins } of await artifacts.list())
    for (const pin of pins) {
      const collection = PIN.exec(pin)?.[1]
      if (collection === undefined || !covers(collection) || isComing(cid)) continue
      if (!isWanted(collection, cid)) await offers.withdraw(cid, collection)
    }
}
