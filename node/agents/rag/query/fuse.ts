import type { Candidate, SearchOutcome } from '../search-types.ts'
import type { SearchMode } from './search-options.ts'

export interface FusedCandidate extends Candidate {
  /** '' where all are of one. */
  readonly collection: string
  readonly score: number
  /** 0 to 1; null where the mode has no such part, or the passage has no vector. */
  readonly normalisedLexical: number | null
  readonly normalisedCosine: number | null
  /** Share of the vectors in the score. */
  readonly weight: number
}

/**
 * One ranking of what two rankers found, by a convex combination of normalised scores:
 *
 *     score = w · (cosine + 1) / (max cosine + 1) + (1 − w) · BM25 / max BM25
 *
 * Each score is mapped by its theoretical minimum (BM25 0, cosine −1) and the maximum among the candidates (Bruch, Gai and
 * Ingber, 2023, "An Analysis of Fusion Functions for Hybrid Retrieval", section 4, TM2C2). Candidates carry both exact
 * scores whichever ranker found them, so the ranking depends on the set of candidates alone: found by one index or by many
 * peers, it is the same. A passage without a vector has the lexical part alone. Equals are ordered by document and ordinal.
 */
export function fuseCandidates(
  outcome: SearchOutcome,
  init: {
    mode: SearchMode
    weightOf: (candidate: Candidate) => number
    /** Absent: all are of one. */
    collectionOf?: (candidate: Candidate) => string
  },
): FusedCandidate[] {
  const candidates = distinct(
    init.mode === 'vectors' ? [] : outcome.lexical,
    init.mode === 'lexical' ? [] : outcome.vectors,
  )
  let maxLexical = 0
  let maxCosine = -1
  for (const { lexical, cosine } of candidates) {
    if (lexical !== null && lexical > maxLexical) maxLexical = lexical
    if (cosine !== null && cosine > maxCosine) maxCosine = cosine
  }
  const fused = candidates.map((candidate): FusedCandidate => {
    const { lexical, cosine } = candidate
    const normalisedLexical =
      init.mode === 'vectors' || lexical === null ? null : maxLexical > 0 ? lexical / maxLexical : 0
    const normalisedCosine =
      init.mode === 'lexical' || cosine === null ? null : maxCosine > -1 ? (cosine + 1) / (maxCosine + 1) : 0
    const weight = normalisedCosine === null ? 0 : normalisedLexical === null ? 1 : init.weightOf(candidate)
    const score = weight * (normalisedCosine ?? 0) + (1 - weight) * (normalisedLexical ?? 0)
    const collection = init.collectionOf?.(candidate) ?? ''
    return { ...candidate, collection, score, normalisedLexical, normalisedCosine, weight }
  })
  return fused.sort(byRank)
}

/** Passages with a word of the query that those without any are held against. */
const HELD_AGAINST = 10

/**
 * Without those that neither have a word of the query nor come as near to its meaning as any of the ten best passages with a word do:
 * a vector is always nearest to something. Where no passage has a word, all stay. On the judged queries of SciFact and
 * Cranfield this changes no ranking; cut to their two rarest words, it takes out 25 hits and no relevant one.
 */
export function withoutStrays<T extends Pick<Candidate, 'lexical' | 'cosine'>>(ranked: readonly T[]): T[] {
  const withWord = ranked.filter(({ lexical }) => lexical !== null && lexical > 0).slice(0, HELD_AGAINST)
  const cosines = withWord.flatMap(({ cosine }) => (cosine === null ? [] : [cosine]))
  if (cosines.length === 0) return [...ranked]
  const floor = Math.min(...cosines)
  return ranked.filter(
    ({ lexical, cosine }) => lexical === null || lexical > 0 || (cosine !== null && cosine >= floor),
  )
}

/**
 * The best of each document, at most `perDocument` of it, at most `limit` in all; the order stays. Ids of documents are the word of who
 * owns the collection: those of different collections are different documents.
 */
export function capByDocument<T extends Pick<Candidate, 'document'> & { readonly collection?: string }>(
  ranked: readonly T[],
  init: { perDocument: number; limit: number },
): T[] {
  const taken = new Map<string, number>()
  const kept: T[] = []
  for (const candidate of ranked) {
    if (kept.length >= init.limit) break
    const document = `${candidate.document} ${candidate.collection ?? ''}`
    const count = taken.get(document) ?? 0
    if (count >= init.perDocument) continue
    taken.set(document, count + 1)
    kept.push(candidate)
  }
  return kept
}

function byRank(a: FusedCandidate, b: FusedCandidate): number {
  if (a.score !== b.score) return b.score - a.score
  if (a.document !== b.document) return a.document < b.document ? -1 : 1
  return a.ordinal - b.ordinal
}

function distinct(...lists: readonly (readonly Candidate[])[]): Candidate[] {
  const seen = new Map<string, Candidate>()
  for (const candidate of lists.flat()) {
    const { segment, chunk, document, ordinal } = candidate
    const key = `${segment} ${chunk} ${document} ${ordinal}`
    if (!seen.has(key)) seen.set(key, candidate)
  }
  return [...seen.values()]
}
