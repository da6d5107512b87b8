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

const PIN = /^collection:([0-9a-f]{32})$/

export async function sweepArtifacts({ artifacts, catalogue, replicas, offers }: Components, self: string) {
  for (const { cid, pins, complete } of await artifacts.list())
    for (const pin of pins) {
      const collection = PIN.exec(pin)?.[1]
      if (collection === undefined) continue
      if (!isWanted(collection, cid, complete)) await offers.withdraw(cid, collection)
    }

  function isWanted(collection: string, cid: string, isComplete: boolean): boolean {
    const record = catalogue.byId(collection)
    if (record === null) return false
    const named = record.facts.segments.find((segment) => segment.cid === cid || segment.sketchCid === cid)
    if (named === undefined) return false
    if (record.owner === self || named.sketchCid === cid) return true
    return !isComplete || replicas.holds(collection, named.id)
  }
}
