import type { Embedding } from '../../../compute/models/embedding.ts'
import type { Log } from '../../../log.ts'
import { inverseDocumentFrequency } from '../lexical/bm25.ts'
import type { SearchBackend, StoredChunk } from '../search-types.ts'
import { embedQuery } from './embed-query.ts'
import { explainHit } from './explain.ts'
import { capByDocument, type FusedCandidate } from './fuse.ts'
import { planQuery, type QueryPlan, TRUNCATED } from './plan-query.ts'
import { joinMissing, type RankedPassages, rankPassages } from './rank-passages.ts'
import type { QueryTerm, SearchAnswer, SearchHit, SearchWarning } from './search-answer.ts'
import type { SearchOptions } from './search-options.ts'
import { makeSnippet } from './snippet.ts'

export interface Search {
  /**
   * The best passages for a query. Throws INVALID_ARGUMENT for options out of their ranges, SEARCH_WITHOUT_VECTORS and what the
   * encoder throws in the mode `vectors`, what the backend throws when nothing answers, and the signal's reason.
   */
  search(backend: SearchBackend, options: SearchOptions, signal: AbortSignal): Promise<SearchAnswer>
}

/** Of a collection that the options do not name, which a backend should not answer for. */
const UNKNOWN_WEIGHT = 0.5

export function createSearch(components: { embed: Embedding['embed']; log: Log }): Search {
  const { embed, log } = components

  interface Round extends RankedPassages {
    readonly chosen: readonly FusedCandidate[]
    readonly passages: readonly (StoredChunk | null)[]
    /** Some passages are not where they were found, and nobody failed to answer for them. */
    readonly hasMoved: boolean
  }

  return {
    async search(backend, options, signal) {
      const startedAt = performance.now()
      signal.throwIfAborted()
      const plan = planQuery(options)
      const warnings = new Map<string, SearchWarning>()
      const warn = (warning: SearchWarning) => warnings.set(`${warning.code} ${warning.message}`, warning)
      plan.warnings.forEach(warn)
      const vector = embedQuery({ embed, log }, plan, signal)
      const weights = new Map(options.collections.map(({ name, weight }) => [name, weight]))
      const weightOf = (collection: string) => options.weight ?? weights.get(collection) ?? UNKNOWN_WEIGHT

      const runOnce = async (): Promise<Round> => {
        const init = {
          plan,
          vector: vector.then((made) => made.vector),
          feedback: options.feedback ?? false,
          weightOf,
        }
        const round = await rankPassages(backend, init, signal)
        const chosen = capByDocument(round.ranked, plan)
        const { value: passages, missing } = await backend.chunks(chosen, signal)
        const hasMoved = passages.includes(null) && missing.length === 0
        return { ...round, chosen, passages, hasMoved, missing: joinMissing([...round.missing, ...missing]) }
      }

      let round = await runOnce()
      // Between ranking and reading, a merge may have moved the passages: what is asked now finds them in their new place.
      if (round.hasMoved) round = await runOnce()
      if (round.hasMoved) warn(GONE)
      if (round.isTruncated) warn(TRUNCATED)
      const { vector: made, warning } = await vector
      if (warning !== null) warn(warning)
      const terms = queryTerms(plan, round)
      const hits = hitsOf(backend, round, terms, options)
      const tookMs = performance.now() - startedAt
      log.debug({ hits: hits.length, terms: terms.length, missing: round.missing.length, tookMs }, 'searched')
      return {
        hits,
        mode: made === null ? 'lexical' : plan.mode,
        terms,
        filters: plan.filters,
        chunks: round.statistics.chunks,
        missing: round.missing,
        warnings: [...warnings.values()],
        tookMs,
      }
    },
  }

  function hitsOf(
    backend: SearchBackend,
    round: Round,
    terms: readonly QueryTerm[],
    options: SearchOptions,
  ): SearchHit[] {
    const hits: SearchHit[] = []
    // What feedback added ranks, but is nothing that the reader asked for.
    const idf = new Map(terms.flatMap((one) => (one.isAdded ? [] : [[one.term, one.idf] as const])))
    for (const [index, candidate] of round.chosen.entries()) {
      const passage = round.passages[index]
      if (passage === null || passage === undefined) continue
      const { record, title, headings, page, language, start, end, text } = passage
      hits.push({
        rank: hits.length + 1,
        segment: candidate.segment,
        chunk: candidate.chunk,
        score: candidate.score,
        ...backend.origin(candidate.segment),
        document: candidate.document,
        ordinal: candidate.ordinal,
        record,
        title,
        headings,
        page,
        language,
        start,
        end,
        text,
        snippet: makeSnippet(text, { language, idf }),
        lexical: candidate.lexical,
        cosine: candidate.cosine,
        explain:
          options.explain === true ? explainHit(passage, candidate, round.query, round.statistics) : null,
      })
    }
    return hits
  }
}

const GONE: SearchWarning = {
  code: 'PASSAGES_GONE',
  message: 'Some passages were removed while they were searched: there may be fewer than asked for.',
}

function queryTerms(plan: QueryPlan, { query, statistics }: RankedPassages): QueryTerm[] {
  const key = ({ term, field }: { term: string; field: string | null }) => `${field ?? ''} ${term}`
  const asked = new Set(plan.lexical.terms.map(key))
  return query.terms.map((one) => {
    const documentFrequency = statistics.documentFrequency.get(one.term) ?? 0
    const idf = inverseDocumentFrequency(statistics.chunks, documentFrequency)
    return { ...one, documentFrequency, idf, isAdded: !asked.has(key(one)) }
  })
}
