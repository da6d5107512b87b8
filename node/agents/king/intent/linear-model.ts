/**
 * Multinomial logistic regression over features that are there or not: softmax of the sums of their weights.
 */
export interface LinearModel {
  readonly classes: readonly string[]
  /** A row of each feature: one weight a class. */
  readonly rows: ReadonlyMap<string, Float32Array | Int8Array>
  /** What a weight of a row is multiplied by. */
  readonly scale: number
}

/** The feature that every clause has. */
export const BIAS = ''

/** In place. */
export function softmax(scores: Float64Array): void {
  const top = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY)
  let sum = 0
  for (let at = 0; at < scores.length; at++) {
    scores[at] = Math.exp(scores[at]! - top)
    sum += scores[at]!
  }
  for (let at = 0; at < scores.length; at++) scores[at]! /= sum
}

/** Shares of all classes, which sum to 1. Features that training never saw say nothing. */
export function sharesOf({ classes, rows, scale }: LinearModel, features: readonly string[]): Float64Array {
  const scores = new Float64Array(classes.length)
  for (const feature of [BIAS, ...features]) {
    const row = rows.get(feature)
    if (row === undefined) continue
    for (let at = 0; at < scores.length; at++) scores[at]! += row[at]! * scale
  }
  softmax(scores)
  return scores
}
