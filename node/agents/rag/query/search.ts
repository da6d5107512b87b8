import type { Embedding } from '../../../compute/models/embedding.ts'
import type { Log } from '../../../log.ts'
import { placeAt } from '../chunk-sections.ts'
import { inverseDocumentFrequency } from '../lexical/bm25.ts'
import type { SearchBackend, StoredChunk } from '../search-types.ts'
import { wordsIn, wordsWarning } from './asked-words.ts'
import { embedQuery } from './embed-query.ts'
import { explainHit } from './explain.ts'
import { FILTER_PROBE, filteredOut } from './filtered-out.ts'
import { capByDocument, type FusedCandidate } from './fuse.ts'
import { planQuery, type QueryPlan, TRUNCATED } from './plan-query.ts'
import { joinMissing, type RankedPassages, type RankInit, rankPassages } from './rank-passages.ts'
import type { PassageSection, QueryTerm, SearchAnswer, SearchHit, SearchWarning } from './search-answer.ts'
import type { SearchOptions } from './search-options.ts'
import { findSnippet } from './snippet.ts'

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

      const init = {
        plan,
        vector: vector.then((made) => made.vector),
        feedback: plan.feedback,
        weightOf,
      }
      const runOnce = async (): Promise<Round> => {
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
      const hits = hitsOf(backend, round, { plan, terms, options })
      const ofFilters =
        hits.length === 0 && plan.filters.length > 0 ? await probe(backend, init, signal) : null
      if (ofFilters !== null) warn(ofFilters)
      const ofWords = wordsWarning(plan.asked, {
        statistics: round.statistics,
        hasLexical: plan.mode === 'vectors' || round.ranked.some(({ lexical }) => (lexical ?? 0) > 0),
        hits: hits.length,
        isPartial: round.missing.length > 0,
      })
      // A question has words that nothing depends on.
      const isQuestion = options.syntax === 'plain' && ofWords?.code === 'SOME_WORDS_NOWHERE'
      if (ofWords !== null && !isQuestion) warn(ofWords)
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
    asked: { plan: QueryPlan; terms: readonly QueryTerm[]; options: SearchOptions },
  ): SearchHit[] {
    const { plan, terms, options } = asked
    const hits: SearchHit[] = []
    // What feedback added ranks, but is nothing that the reader asked for.
    const idf = new Map(terms.flatMap((one) => (one.isAdded ? [] : [[one.term, one.idf] as const])))
    for (const [index, candidate] of round.chosen.entries()) {
      const passage = round.passages[index]
      if (passage === null || passage === undefined) continue
      const { record, title, language, start, end, text } = passage
      const { snippet, offset } = findSnippet(passage, { language, idf })
      hits.push({
        rank: hits.length + 1,
        segment: candidate.segment,
        chunk: candidate.chunk,
        score: candidate.score,
        wordsFound: wordsIn(passage, plan.asked),
        wordsAsked: plan.asked.length,
        ...backend.origin(candidate.segment),
        document: candidate.document,
        ordinal: candidate.ordinal,
        record,
        title,
        ...placeAt(passage, offset),
        sections: sectionsOf(passage),
        language,
        start,
        end,
        text,
        snippet,
        lexical: candidate.lexical,
        cosine: candidate.cosine,
        explain:
          options.explain === true ? explainHit(passage, candidate, round.query, round.statistics) : null,
      })
    }
    return hits
  }
}

/** What would be found without the filters says why nothing is. */
async function probe(
  backend: SearchBackend,
  init: RankInit,
  signal: AbortSignal,
): Promise<SearchWarning | null> {
  const plan = { ...init.plan, filters: [], perDocument: 1, limit: FILTER_PROBE }
  const { ranked } = await rankPassages(backend, { ...init, plan, feedback: false }, signal)
  const { value } = await backend.chunks(capByDocument(ranked, plan), signal)
  const records = value.flatMap((passage) => (passage === null ? [] : [passage.record]))
  return filteredOut(init.plan.filters, records)
}

function sectionsOf(passage: StoredChunk): PassageSection[] {
  const starts = passage.sections?.map(({ start }) => start) ?? [0]
  return starts.map((start) => ({ start, ...placeAt(passage, start) }))
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
