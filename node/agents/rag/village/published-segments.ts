/**
 * What lies here and may be searched by others: looked up at every request, made anew when collections, records or replicas change.
 * Private collections never get in.
 */
import type { Role } from '../../../mesh/mesh.ts'
import type { Catalogue } from './catalogue.ts'
import type { CollectionFacts } from './collection-record.ts'
import type { LocalSegment } from './local-segments.ts'

export interface PublishedSegments {
  /** Null for what is not here, and for what a peer of that role may not see. */
  find(segment: string, role: Role): LocalSegment | null
  all(role: Role): Set<string>
  /** Looks at what lies here and what is published now; returns whether anything has changed. */
  refresh(): Promise<boolean>
}

export function createPublishedSegments(components: {
  catalogue: Pick<Catalogue, 'byId'>
  localSegments: () => Promise<ReadonlyMap<string, LocalSegment>>
}): PublishedSegments {
  const { catalogue, localSegments } = components
  let members: ReadonlyMap<string, LocalSegment> = new Map()
  const ids = new WeakMap<CollectionFacts, ReadonlySet<string>>()
  let generation = 0

  function idsOf(facts: CollectionFacts): ReadonlySet<string> {
    const known = ids.get(facts) ?? new Set(facts.segments.map(({ id }) => id))
    ids.set(facts, known)
    return known
  }

  /** The record decides at the moment of the request: what is withdrawn is gone at once. */
  function isPublished(id: string, { collection }: LocalSegment, role: Role): boolean {
    const facts = catalogue.byId(collection)?.facts
    if (facts === undefined || (role === 'guest' && facts.access !== 'public')) return false
    return idsOf(facts).has(id)
  }

  return {
    find(id, role) {
      const local = members.get(id)
      return local !== undefined && isPublished(id, local, role) ? local : null
    },
    all: (role) =>
      new Set([...members].filter(([id, local]) => isPublished(id, local, role)).map(([id]) => id)),
    async refresh() {
      generation += 1
      const own = generation
      const next = await localSegments()
      // A later look that was quicker knows better.
      if (own !== generation) return false
      const before = [...members.keys()].sort().join()
      members = next
      return before !== [...next.keys()].sort().join()
    },
  }
}
