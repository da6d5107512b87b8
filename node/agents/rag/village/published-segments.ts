/**
 * What lies here and may be searched by others: looked up at every request, made anew when collections, records or replicas change.
 * Private collections never get in.
 */
import type { Role } from '../../../mesh/mesh.ts'
import type { CollectionAccess } from '../collections/collection.ts'
import type { Catalogue } from './catalogue.ts'
import type { CollectionFacts } from './collection-record.ts'
import type { LocalSegment } from './local-segments.ts'
import { segmentIn } from './segment-key.ts'

export interface PublishedSegments {
  /** By key. Null for what is not here, and for what a peer of that role may not see. */
  find(key: string, role: Role): LocalSegment | null
  /** Keys. */
  all(role: Role): Set<string>
  /** Looks at what lies here and what is published now; returns whether anything has changed. */
  refresh(): Promise<boolean>
}

export function createPublishedSegments(components: {
  catalogue: Pick<Catalogue, 'byId'>
  /** Of an own collection at this moment; null: there is none. */
  accessOf: (collection: string) => CollectionAccess | null
  /** By key. */
  localSegments: () => Promise<ReadonlyMap<string, LocalSegment>>
}): PublishedSegments {
  const { catalogue, accessOf, localSegments } = components
  let here: ReadonlyMap<string, LocalSegment> = new Map()
  const ids = new WeakMap<CollectionFacts, ReadonlySet<string>>()
  let generation = 0

  function idsOf(facts: CollectionFacts): ReadonlySet<string> {
    const known = ids.get(facts) ?? new Set(facts.segments.map(({ id }) => id))
    ids.set(facts, known)
    return known
  }

  /** Decided at the moment of the request: by the record, and for own collections by what they are now, before a record says so. */
  function isPublished(key: string, { collection, isOwn }: LocalSegment, role: Role): boolean {
    const facts = catalogue.byId(collection)?.facts
    if (facts === undefined || !idsOf(facts).has(segmentIn(key))) return false
    const access = isOwn ? accessOf(collection) : facts.access
    if (access === null || access === 'private') return false
    return role !== 'guest' || (access === 'public' && facts.access === 'public')
  }

  return {
    find(key, role) {
      const local = here.get(key)
      return local !== undefined && isPublished(key, local, role) ? local : null
    },
    all: (role) =>
      new Set([...here].filter(([key, local]) => isPublished(key, local, role)).map(([key]) => key)),
    async refresh() {
      generation += 1
      const own = generation
      const next = await localSegments()
      // A later look that was quicker knows better.
      if (own !== generation) return false
      const before = [...here.keys()].sort().join()
      here = next
      return before !== [...next.keys()].sort().join()
    },
  }
}
