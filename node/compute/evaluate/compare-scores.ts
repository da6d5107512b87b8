/** Two models on the same items: how much better the second is, and whether that can be told at all. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { ItemScore } from './item-suite.ts'
import type { Interval } from './scores.ts'
import { bootstrap, type McNemar, mcnemar, weightedMean } from './statistics.ts'

/** Below this a difference is told apart from chance. */
const SIGNIFICANT = 0.05
/** Fewer items that all go one way are chance more often than that: 2^(1 − n). */
const LEAST_ITEMS = 6

export interface MeasureComparison {
  /** What is compared: `right`, `ndcg`, … */
  readonly measure: string
  readonly items: number
  readonly first: number
  readonly second: number
  /** Mean of second − first by item, paired bootstrap. */
  readonly difference: Interval
  /** Items where the second, neither, the first did better. */
  readonly better: number
  readonly equal: number
  readonly worse: number
  /** For items that are right or wrong. */
  readonly mcnemar: McNemar | null
  readonly verdict: 'second' | 'first' | 'none'
}

/**
 * Scores of the same items in the same order, by measure. Throws EVALUATION_NOT_COMPARABLE for others. Paired: every
 * resample draws the items once for both (Koehn, 2004, EMNLP).
 */
export function compareScores(
  first: readonly ItemScore[],
  second: readonly ItemScore[],
  seed: number,
): MeasureComparison[] {
  const isSame = (a: ItemScore, b: ItemScore | undefined) =>
    b !== undefined &&
    a.id === b.id &&
    a.group === b.group &&
    a.measure === b.measure &&
    a.weight === b.weight
  if (first.length !== second.length || !first.every((score, index) => isSame(score, second[index])))
    throw new VillageError('EVALUATION_NOT_COMPARABLE')
  const measures = Map.groupBy(first.keys(), (index) => first[index]!.measure)
  return [...measures].map(([measure, indexes]) => {
    const of = (scores: readonly ItemScore[]) => Float64Array.from(indexes, (index) => scores[index]!.score)
    const weights = Float64Array.from(indexes, (index) => first[index]!.weight)
    return compareMeasure({ measure, a: of(first), b: of(second), weights, seed })
  })
}

function compareMeasure(init: {
  measure: string
  a: Float64Array
  b: Float64Array
  weights: Float64Array
  seed: number
}): MeasureComparison {
  const { measure, a, b, weights, seed } = init
  const differences = b.map((value, index) => value - a[index]!)
  const difference = bootstrap(a.length, weightedMean(differences, weights), { seed })
  const once = new Uint32Array(a.length).fill(1)
  const counted = (test: (value: number) => boolean) => differences.filter(test).length
  const [better, worse] = [counted((value) => value > 0), counted((value) => value < 0)]
  const isBinary = [...a, ...b].every((value) => value === 0 || value === 1)
  const test = isBinary ? mcnemar(worse, better) : null
  const differs =
    test !== null
      ? test.p < SIGNIFICANT
      : a.length >= LEAST_ITEMS && (difference.low > 0 || difference.high < 0)
  return {
    measure,
    items: a.length,
    first: weightedMean(a, weights)(once),
    second: weightedMean(b, weights)(once),
    difference,
    better,
    equal: a.length - better - worse,
    worse,
    mcnemar: test,
    verdict: !differs ? 'none' : difference.value > 0 ? 'second' : 'first',
  }
}

export const comparisonJson = (comparison: MeasureComparison): JsonObject => ({
  ...comparison,
  difference: { ...comparison.difference },
  mcnemar: comparison.mcnemar === null ? null : { ...comparison.mcnemar },
})
