import type { LexicalQuery, Statistics, WeightedTerm } from '../search-types.ts'

export interface FeedbackPassage {
  /** Fused score of the first round; above 0. */
  readonly score: number
  /** Of title, headings and body, with repetitions. */
  readonly terms: readonly string[]
}

export interface FeedbackSettings {
  /** Passages of the first round that are believed to be relevant. */
  readonly passages: number
  /** Terms that are added at most. */
  readonly terms: number
  /** Share of the original query. */
  readonly originalWeight: number
  /** A term in a larger share of all chunks tells passages apart too little to be worth its postings. */
  readonly maxDocumentShare: number
  /** Terms whose frequencies are asked for, so that enough are left when common ones are out. */
  readonly considered: number
}

/** A light touch: measured on two judged sets, more weight for what is added helps one and harms the other. */
export const FEEDBACK: FeedbackSettings = {
  passages: 5,
  terms: 20,
  originalWeight: 0.9,
  maxDocumentShare: 0.1,
  considered: 120,
}

/**
 * The relevance model of Lavrenko and Croft (2001, method 1): P(t|R) = Σ_d P(d|Q) · f(t, d) / |d|, with the normalised scores of
 * the first round as P(d|Q). The largest first; equals by term, so that the order of words in a passage does not matter.
 */
export function relevanceModel(
  passages: readonly FeedbackPassage[],
  limit: number,
): [term: string, share: number][] {
  const total = passages.reduce((sum, { score }) => sum + score, 0)
  const shares = new Map<string, number>()
  if (total <= 0) return []
  for (const { score, terms } of passages) {
    const each = score / total / Math.max(1, terms.length)
    for (const term of terms) shares.set(term, (shares.get(term) ?? 0) + each)
  }
  return [...shares].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, limit)
}

/**
 * The query with what its best passages have in common: RM3 (Abdul-Jaleel et al., 2004, "UMass at TREC 2004"),
 * weight(t) = λ · P(t|Q) + (1 − λ) · P(t|R), times the sum of the weights that the query had. Only terms that rank are added:
 * what is required or excluded stays as it was asked. `statistics` covers the terms of the model.
 */
export function expandQuery(
  query: LexicalQuery,
  model: readonly (readonly [term: string, share: number])[],
  statistics: Statistics,
  settings: FeedbackSettings,
): LexicalQuery {
  const most = settings.maxDocumentShare * statistics.chunks
  const best = model
    .filter(([term]) => {
      const frequency = statistics.documentFrequency.get(term) ?? 0
      return frequency > 0 && frequency <= most
    })
    .slice(0, settings.terms)
  const sum = best.reduce((total, [, share]) => total + share, 0)
  const asked = query.terms.reduce((total, { weight }) => total + weight, 0)
  if (sum === 0 || asked === 0) return query
  const scale = ((1 - settings.originalWeight) * asked) / sum
  const added = new Map(best.map(([term, share]) => [term, scale * share]))
  const terms = query.terms.map((term): WeightedTerm => {
    const more = term.field === null ? (added.get(term.term) ?? 0) : 0
    if (more > 0) added.delete(term.term)
    return { ...term, weight: settings.originalWeight * term.weight + more }
  })
  for (const [term, weight] of added) terms.push({ term, weight, field: null })
  return { ...query, terms }
}
