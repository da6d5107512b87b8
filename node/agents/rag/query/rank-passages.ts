/** The rounds of a search: frequencies, candidates of both rankers, fusion, and a second round where feedback is asked for. */
import { analyze } from '../analysis/analyzer.ts'
import { inverseDocumentFrequency } from '../lexical/bm25.ts'
import type {
  BackendAnswer,
  LexicalQuery,
  MissingPart,
  SearchBackend,
  SearchOutcome,
  Statistics,
  StoredChunk,
} from '../search-types.ts'
import { scoredTerms } from './build-lexical.ts'
import { expandQuery, FEEDBACK, relevanceModel } from './feedback.ts'
import { capByDocument, type FusedCandidate, fuseCandidates, withoutStrays } from './fuse.ts'
import type { QueryPlan } from './plan-query.ts'
import type { SearchMode } from './search-options.ts'

export interface RankedPassages {
  readonly ranked: readonly FusedCandidate[]
  /** Before fusion. */
  readonly outcome: SearchOutcome
  /** As it was scored. */
  readonly query: LexicalQuery
  readonly statistics: Statistics
  readonly isTruncated: boolean
  readonly missing: readonly MissingPart[]
}

export interface RankInit {
  readonly plan: QueryPlan
  /** Of length 1; null: by words alone. */
  readonly vector: Promise<Float32Array | null>
  readonly feedback: boolean
  /** Share of the vectors for a collection. */
  readonly weightOf: (collection: string) => number
}

/** Two round trips to the backend; with feedback five. */
export async function rankPassages(
  backend: SearchBackend,
  init: RankInit,
  signal: AbortSignal,
): Promise<RankedPassages> {
  const { plan } = init
  const missing: MissingPart[] = []
  const take = <T>(answer: BackendAnswer<T>): T => {
    missing.push(...answer.missing)
    return answer.value
  }
  // The query is embedded while frequencies are on their way.
  const [first, vector] = await Promise.all([backend.statistics(termsOf(plan.lexical), signal), init.vector])
  let statistics = take(first)
  const scored = scoredTerms(plan.lexical, statistics, (df, chunks) => inverseDocumentFrequency(chunks, df))
  let query = scored.query
  const mode: SearchMode = vector === null ? 'lexical' : plan.mode
  const hasConditions = query.required.length + query.excluded.length > 0
  const ask = async (limit: number): Promise<{ outcome: SearchOutcome; ranked: FusedCandidate[] }> => {
    const lexical = mode === 'vectors' ? { ...query, terms: [] } : query
    if (vector === null && query.terms.length === 0)
      return { outcome: { lexical: [], vectors: [] }, ranked: [] }
    const outcome = take(
      await backend.search(
        {
          lexical: lexical.terms.length > 0 || hasConditions ? lexical : null,
          vector,
          ...(vector !== null && plan.encoder !== null && { encoder: plan.encoder }),
          filters: plan.filters,
          limit,
        },
        statistics,
        signal,
      ),
    )
    const collectionOf = ({ segment }: { segment: string }) => backend.origin(segment).collection
    const weightOf = (candidate: { segment: string }) => init.weightOf(collectionOf(candidate))
    const fused = fuseCandidates(outcome, { mode, weightOf, collectionOf })
    return { outcome, ranked: mode === 'hybrid' && query.terms.length > 0 ? withoutStrays(fused) : fused }
  }
  // Few documents may have all the best passages: then as many are asked for as can be.
  const run = async () => {
    const few = await ask(plan.firstCandidates)
    const isCut =
      few.outcome.lexical.length >= plan.firstCandidates || few.outcome.vectors.length >= plan.firstCandidates
    const isShort = capByDocument(few.ranked, plan).length < plan.limit
    return isCut && isShort && plan.firstCandidates < plan.mostCandidates ? ask(plan.mostCandidates) : few
  }
  let round = await run()
  if (init.feedback && round.ranked.length > 0) {
    const best = capByDocument(round.ranked, { perDocument: 1, limit: FEEDBACK.passages })
    const passages = take(await backend.chunks(best, signal))
    const model = relevanceModel(
      passages.flatMap((passage, index) =>
        passage === null ? [] : [{ score: best[index]!.score, terms: passageTerms(passage) }],
      ),
      FEEDBACK.considered,
    )
    const added = model.map(([term]) => term).filter((term) => !statistics.documentFrequency.has(term))
    const more = take(await backend.statistics(added, signal))
    statistics = {
      ...statistics,
      documentFrequency: new Map([...statistics.documentFrequency, ...more.documentFrequency]),
    }
    query = expandQuery(query, model, statistics, FEEDBACK)
    round = await run()
  }
  return { ...round, query, statistics, isTruncated: scored.isTruncated, missing: joinMissing(missing) }
}

const termsOf = (query: LexicalQuery): string[] => [...new Set(query.terms.map(({ term }) => term))]

const MAX_FEEDBACK_CHARACTERS = 20_000

function passageTerms({ title, headings, text, language }: StoredChunk): string[] {
  const whole = [title, ...headings, text].join('\n').slice(0, MAX_FEEDBACK_CHARACTERS)
  return analyze(whole, language).map(({ term }) => term)
}

/** A part that failed in several rounds is missing once, with the most that was missing of it. */
export function joinMissing(parts: readonly MissingPart[]): MissingPart[] {
  const joined = new Map<string, MissingPart>()
  for (const part of parts) {
    const key = `${part.collection}\n${part.reason}`
    const known = joined.get(key)
    joined.set(key, {
      ...part,
      segments: Math.max(part.segments, known?.segments ?? 0),
      chunks: Math.max(part.chunks, known?.chunks ?? 0),
    })
  }
  return [...joined.values()]
}
