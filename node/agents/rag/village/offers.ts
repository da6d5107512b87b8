/**
 * Artifacts of this node that belong to published collections: segments and sketches of its own, and replicas that were checked.
 * They are private artifacts; what stands here is served all the same, to those that may see the collection.
 */
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'

export interface Offers {
  /** `collection` is an id; `cid` may be offered for several. */
  add(cid: string, collection: string): void
  /** Ids of the collections that it is offered for. */
  of(cid: string): ReadonlySet<string>
  /** Not offered for that collection any more; without another reason to be here its bytes are removed. */
  withdraw(cid: string, collection: string): Promise<void>
}

const NONE: ReadonlySet<string> = new Set()

/** What keeps an artifact of a collection from being collected; `artifact remove` refuses such ones unless it is forced. */
export const pinOf = (collection: string): string => `collection:${collection}`

export function createOffers(components: {
  artifacts: Pick<Artifacts, 'info' | 'unpin' | 'remove'>
  log: Log
}): Offers {
  const { artifacts, log } = components
  const byCid = new Map<string, Set<string>>()
  return {
    add(cid, collection) {
      const known = byCid.get(cid)
      if (known === undefined) byCid.set(cid, new Set([collection]))
      else known.add(collection)
    },
    of: (cid) => byCid.get(cid) ?? NONE,
    async withdraw(cid, collection) {
      const collections = byCid.get(cid)
      collections?.delete(collection)
      if (collections?.size === 0) byCid.delete(cid)
      if ((await artifacts.info(cid)) === null) return
      await artifacts.unpin(cid, pinOf(collection))
      const info = await artifacts.info(cid)
      if (info === null || info.pins.length > 0) return
      await artifacts.remove(cid)
      log.debug({ cid, collection }, 'an artifact of a collection was removed')
    },
  }
}
