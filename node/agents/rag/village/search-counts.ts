/** How searches of this node went since the start: how long they took, whom they asked, whether all answered. */
import { createHistogram, type HistogramReading } from '../../../histogram.ts'
import { inSpan } from '../../../tracing.ts'
import type { SearchAnswer } from '../query/search-answer.ts'

export interface SearchCounts {
  /** A search over this node's collections alone (`local`), or over the village's. */
  measure(where: 'local' | 'village', search: () => Promise<SearchAnswer>): Promise<SearchAnswer>
  /** Members were asked for candidates. */
  asked(peers: number): void
  stats(): { searchSeconds: HistogramReading; peersAsked: number; incomplete: number }
}

export function createSearchCounts(): SearchCounts {
  const seconds = createHistogram<'where' | 'result'>()
  let peersAsked = 0
  let incomplete = 0
  return {
    measure: (where, search) =>
      inSpan('search', { attributes: { 'village.search.where': where } }, async (span) => {
        const startedMs = performance.now()
        let result = 'failed'
        try {
          const answer = await search()
          const isWhole = answer.missing.length === 0
          result = isWhole ? 'complete' : 'incomplete'
          if (!isWhole) incomplete += 1
          span.set({
            'village.search.mode': answer.mode,
            'village.search.hits': answer.hits.length,
            'village.search.chunks': answer.chunks,
            'village.search.missing': answer.missing.reduce((sum, { segments }) => sum + segments, 0),
          })
          return answer
        } finally {
          seconds.observe({ where, result }, (performance.now() - startedMs) / 1000)
        }
      }),
    asked(peers) {
      peersAsked += peers
    },
    stats: () => ({ searchSeconds: seconds.read(), peersAsked, incomplete }),
  }
}
