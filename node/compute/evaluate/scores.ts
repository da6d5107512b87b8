import { seededRandom } from './seeded-random.ts'

/** Vectors as rows, count × dims. */
export interface VectorSet {
  readonly count: number
  readonly dims: number
  readonly vectors: Float32Array
}

/** A score with its 95% confidence interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface SimilarityScores {
  readonly items: number
  /** Share of items whose nearest neighbour is the same as in the original. */
  readonly neighbourAgreement: Interval
  /** Rank correlation of all pairwise cosines with the original's. */
  readonly spearman: Interval
  /** Linear correlation of the same. */
  readonly pearson: Interval
  /** Mean over items of the cosine between the item's two vectors. */
  readonly meanCosine: Interval
}

const DEFAULT_RESAMPLES = 1000

/**
 * How much of what `original` puts next to each other `candidate` keeps. Both hold the same items in the same
 * order. Intervals are percentile bootstraps over items (Efron and Tibshirani, 1993, chapter 13), paired: one
 * draw of items for both models. For the correlations each draw takes all pairs of distinct drawn items, with
 * the values (for Spearman: the ranks) of the full sample. Pure: equal inputs and seed give equal scores.
 */
export function scoreSimilarity(
  original: VectorSet,
  candidate: VectorSet,
  init: { seed: number; resamples?: number },
): SimilarityScores {
  const { count } = original
  const a = cosineMatrix(original)
  const b = cosineMatrix(candidate)
  const neighbours = nearestNeighbours(b, count)
  const agreement = nearestNeighbours(a, count).map((nearest, item) => (nearest === neighbours[item] ? 1 : 0))
  const cosines = rowCosines(original, candidate)
  const ranksA = rankPairs(a, count)
  const ranksB = rankPairs(b, count)
  const draws = drawItems(count, init.resamples ?? DEFAULT_RESAMPLES, seededRandom(init.seed))
  const everything = Uint32Array.from({ length: count }, (_, item) => item)
  const interval = (score: (items: Uint32Array) => number): Interval => {
    const sampled = Float64Array.from(draws, score)
      .filter((value) => !Number.isNaN(value))
      .sort()
    const value = score(everything)
    return { value, low: percentile(sampled, 0.025, value), high: percentile(sampled, 0.975, value) }
  }
  return {
    items: count,
    neighbourAgreement: interval((items) => meanOf(items, agreement)),
    spearman: interval((items) => pairCorrelation(items, ranksA, ranksB, count)),
    pearson: interval((items) => pairCorrelation(items, a, b, count)),
    meanCosine: interval((items) => meanOf(items, cosines)),
  }
}

/** Cosines of all pairs of rows, count × count; a zero vector has cosine 0 with everything. */
export function cosineMatrix(set: VectorSet): Float64Array {
  const { count, dims } = set
  const unit = new Float64Array(count * dims)
  for (let row = 0; row < count; row++) {
    let norm = 0
    for (let i = row * dims; i < (row + 1) * dims; i++) norm += set.vectors[i]! ** 2
    const scale = norm === 0 ? 0 : 1 / Math.sqrt(norm)
    for (let i = row * dims; i < (row + 1) * dims; i++) unit[i] = set.vectors[i]! * scale
  }
  const matrix = new Float64Array(count * count)
  for (let row = 0; row < count; row++) {
    for (let column = row; column < count; column++) {
      let dot = 0
      for (let i = 0; i < dims; i++) dot += unit[row * dims + i]! * unit[column * dims + i]!
      matrix[row * count + column] = dot
      matrix[column * count + row] = dot
    }
  }
  return matrix
}

/** Each item's nearest other item by cosine; of equals the one with the lower index. */
export function nearestNeighbours(cosines: Float64Array, count: number): number[] {
  return Array.from({ length: count }, (_, item) => {
    let nearest = -1
    for (let other = 0; other < count; other++) {
      if (other === item) continue
      if (nearest === -1 || cosines[item * count + other]! > cosines[item * count + nearest]!) nearest = other
    }
    return nearest
  })
}

/**
 * Share of items whose nearest neighbour is of their own group: quality without an original to compare with.
 */
export function groupAccuracy(set: VectorSet, group: (item: number) => number): number {
  return groupHits(set, group).reduce<number>((sum, hit) => sum + hit, 0) / set.count
}

/** By item, 1 where its nearest neighbour is of its own group. */
export function groupHits(set: VectorSet, group: (item: number) => number): (0 | 1)[] {
  return nearestNeighbours(cosineMatrix(set), set.count).map((other, item) =>
    other >= 0 && group(other) === group(item) ? 1 : 0,
  )
}

/** The candidate's group accuracy as a share of the original's, at most 1: one draw of items for both. */
export function keptGroups(
  original: VectorSet,
  candidate: VectorSet,
  group: (item: number) => number,
  init: { seed: number; resamples?: number },
): Interval {
  const [before, after] = [groupHits(original, group), groupHits(candidate, group)]
  const share = (items: Uint32Array) => Math.min(1, meanOf(items, after) / meanOf(items, before))
  const draws = drawItems(original.count, init.resamples ?? DEFAULT_RESAMPLES, seededRandom(init.seed))
  const sampled = Float64Array.from(draws, share)
    .filter((value) => !Number.isNaN(value))
    .sort()
  const value = share(Uint32Array.from({ length: original.count }, (_, item) => item))
  return { value, low: percentile(sampled, 0.025, value), high: percentile(sampled, 0.975, value) }
}

function rowCosines(a: VectorSet, b: VectorSet): number[] {
  return Array.from({ length: a.count }, (_, row) => {
    let dot = 0
    let normA = 0
    let normB = 0
    for (let i = row * a.dims; i < (row + 1) * a.dims; i++) {
      dot += a.vectors[i]! * b.vectors[i]!
      normA += a.vectors[i]! ** 2
      normB += b.vectors[i]! ** 2
    }
    return normA === 0 || normB === 0 ? 0 : dot / Math.sqrt(normA * normB)
  })
}

/**
 * Replaces the value of each pair of distinct items by its rank among all pairs; ties share their mean rank.
 */
export function rankPairs(values: Float64Array, count: number): Float64Array {
  const pairs: number[] = []
  for (let row = 0; row < count; row++)
    for (let column = row + 1; column < count; column++) pairs.push(row * count + column)
  pairs.sort((a, b) => values[a]! - values[b]!)
  const ranks = new Float64Array(count * count)
  for (let at = 0; at < pairs.length; ) {
    let end = at + 1
    while (end < pairs.length && values[pairs[end]!] === values[pairs[at]!]) end++
    for (const pair of pairs.slice(at, end)) {
      const mirrored = (pair % count) * count + Math.floor(pair / count)
      ranks[pair] = (at + end - 1) / 2
      ranks[mirrored] = ranks[pair]
    }
    at = end
  }
  return ranks
}

function drawItems(count: number, resamples: number, random: () => number): Uint32Array[] {
  return Array.from({ length: resamples }, () =>
    Uint32Array.from({ length: count }, () => Math.floor(random() * count)),
  )
}

/** Pearson's r of two pairwise matrices over the pairs of distinct items; NaN where one does not vary. */
function pairCorrelation(items: Uint32Array, a: Float64Array, b: Float64Array, count: number): number {
  // An item that was drawn k times weighs k: far fewer pairs than drawing positions against each other.
  const times = new Float64Array(count)
  for (const item of items) times[item]!++
  let weight = 0
  let sumA = 0
  let sumB = 0
  let squareA = 0
  let squareB = 0
  let product = 0
  for (let row = 0; row < count; row++) {
    if (times[row] === 0) continue
    for (let column = row + 1; column < count; column++) {
      const share = times[row]! * times[column]!
      if (share === 0) continue
      const x = a[row * count + column]!
      const y = b[row * count + column]!
      weight += share
      sumA += share * x
      sumB += share * y
      squareA += share * x * x
      squareB += share * y * y
      product += share * x * y
    }
  }
  const covariance = product - (sumA * sumB) / weight
  return covariance / Math.sqrt((squareA - sumA ** 2 / weight) * (squareB - sumB ** 2 / weight))
}

function meanOf(items: Uint32Array, values: readonly number[]): number {
  let sum = 0
  for (const item of items) sum += values[item]!
  return sum / items.length
}

function percentile(sorted: Float64Array, share: number, fallback: number): number {
  if (sorted.length === 0) return fallback
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}
