/**
 * Artifacts of this node that belong to published collections: segments and sketches of its own, and replicas that were checked.
 * They are private artifacts; what stands here is served all the same, to those that may see the collection.
 */
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'

export interface Offers {
  /** `collection` is an id; `cid` may be offered for several. */
  add(cid: string, collection: string): void
  /** As add(), of what is here for the collection: a newer record may name another artifact for a segment that is held. */
  addKept(cid: string, collection: string): Promise<void>
  /**
   * What the fetch of an artifact that a record names has to keep it by. Nothing where it was here before: whoever signs a record must
   * not have a say on artifacts of this node's own, neither that they stay nor, when the record goes, that they go.
   */
  keeping(cid: string, collection: string): Promise<{ pin: string; private: true } | Record<string, never>>
  /** Ids of the collections that it is offered for. */
  of(cid: string): ReadonlySet<string>
  /** Not offered for that collection any more; if it was here for the collection and for nothing else, its bytes are removed. */
  withdraw(cid: string, collection: string): Promise<void>
}

const NONE: ReadonlySet<string> = new Set()

/** What keeps an artifact of a collection from being collected; `artifact remove` refuses such ones unless it is forced. */
export const pinOf = (collection: string): string => `${PIN_PREFIX}${collection}`
const PIN_PREFIX = 'collection:'

export function createOffers(components: {
  artifacts: Pick<Artifacts, 'info' | 'unpin' | 'remove'>
  log: Log
}): Offers {
  const { artifacts, log } = components
  const byCid = new Map<string, Set<string>>()

  function add(cid: string, collection: string): void {
    const known = byCid.get(cid)
    if (known === undefined) byCid.set(cid, new Set([collection]))
    else known.add(collection)
  }

  return {
    add,
    async addKept(cid, collection) {
      if ((await artifacts.info(cid))?.pins.includes(pinOf(collection)) === true) add(cid, collection)
    },
    async keeping(cid, collection) {
      const info = await artifacts.info(cid)
      const isOwn = info !== null && !info.pins.some((pin) => pin.startsWith(PIN_PREFIX))
      return isOwn ? {} : { pin: pinOf(collection), private: true }
    },
    of: (cid) => byCid.get(cid) ?? NONE,
    async withdraw(cid, collection) {
      const collections = byCid.get(cid)
      collections?.delete(collection)
      if (collections?.size === 0) byCid.delete(cid)
      if ((await artifacts.info(cid))?.pins.includes(pinOf(collection)) !== true) return
      await artifacts.unpin(cid, pinOf(collection))
      const info = await artifacts.info(cid)
      if (info === null || info.pins.length > 0) return
      await artifacts.remove(cid)
      log.debug({ cid, collection }, 'an artifact of a collection was removed')
    },
  }
}
