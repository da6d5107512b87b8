/**
 * Which sentences an answer consists of: the best one, then those that add the most to it (maximal marginal relevance, Carbonell
 * and Goldstein 1998: λ·score − (1 − λ)·greatest likeness to what was chosen), as long as they come near the best. Where two come close,
 * the one of another passage is preferred: it is another witness.
 */
import { dot, type ScoredSentence } from './score-sentences.ts'

export interface ChoiceInit {
  readonly limit: number
  /** λ. */
  readonly relevance?: number
  /** Of the best score: what scores less is no part of the answer. */
  readonly least?: number
}

const RELEVANCE = 0.7
const LEAST = 0.75
/** Two that are this much alike say the same: the second is left out whatever its score. */
const SAME = 0.85
const SAME_PASSAGE = 0.1

/** 0 to 1: the cosine of the vectors where both have one, else the share of common terms (Jaccard). */
export function likeness(a: ScoredSentence, b: ScoredSentence): number {
  if (a.vector !== null && b.vector !== null) return Math.max(0, dot(a.vector, b.vector))
  let common = 0
  for (const term of a.terms) if (b.terms.has(term)) common += 1
  const all = a.terms.size + b.terms.size - common
  return all === 0 ? 1 : common / all
}

/** Of a sentence to those that are chosen, the greatest: what it repeats, and what that takes from its worth. */
interface Nearness {
  readonly like: number
  readonly cost: number
}

/** In the order of reading: sentences of one passage stand together and in their order, the passage of the best one first. */
export function chooseSentences(sentences: readonly ScoredSentence[], init: ChoiceInit): ScoredSentence[] {
  const { limit, relevance = RELEVANCE, least = LEAST } = init
  const ranked = [...sentences].sort(
    (a, b) => b.score - a.score || a.passage - b.passage || a.place - b.place,
  )
  const best = ranked.shift()
  if (best === undefined || limit < 1) return []
  const chosen = [best]
  const nearness = (one: ScoredSentence, other: ScoredSentence): Nearness => {
    const like = likeness(one, other)
    return { like, cost: like + (one.passage === other.passage ? SAME_PASSAGE : 0) }
  }
  const left = new Map(
    ranked
      .filter(({ score }) => score >= least * best.score)
      .map((sentence) => [sentence, nearness(sentence, best)]),
  )
  while (chosen.length < limit) {
    let next: ScoredSentence | null = null
    let nextValue = -Infinity
    for (const [sentence, { like, cost }] of left) {
      const value = relevance * sentence.score - (1 - relevance) * cost
      if (like >= SAME || value <= nextValue) continue
      next = sentence
      nextValue = value
    }
    if (next === null) break
    chosen.push(next)
    left.delete(next)
    for (const [sentence, known] of left) {
      const { like, cost } = nearness(sentence, next)
      left.set(sentence, { like: Math.max(known.like, like), cost: Math.max(known.cost, cost) })
    }
  }
  const rank = new Map<number, number>()
  for (const { passage } of chosen) if (!rank.has(passage)) rank.set(passage, rank.size)
  return chosen.sort((a, b) => rank.get(a.passage)! - rank.get(b.passage)! || a.place - b.place)
}
