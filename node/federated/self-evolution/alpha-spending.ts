/**
 * How small a p-value has to be when the same held-out items are looked at again and again.
 *
 * A goal that tests winner after winner on one set of items would adopt a lucky one in the end, and what it tries next depends on what it was
 * told before. All that the next winner can depend on of those items is the list of answers so far (adopted or not): with j
 * adoptions among the first k − 1 looks there are C(k−1, j) such lists. Each list and each k gets a share of alpha, and the shares add
 * up to alpha at most, so that by the union bound the chance of ever adopting anything that is no better stays below alpha however long
 * it goes on (the argument of Dwork et al., 2015, "Generalization in Adaptive Data Analysis and Holdout Reuse", section 3, on short
 * descriptions; the series is alpha spending as in Lan and DeMets, 1983, Biometrika 70).
 */

/** The sum of 1/k² is π²/6. */
const SERIES = 6 / Math.PI ** 2

function choose(n: number, k: number): number {
  let ways = 1
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i
  return ways
}

/** `look` counts from 1, this one included; `adoptions` are those of the looks before. */
export function alphaOfLook(alpha: number, look: number, adoptions: number): number {
  return (alpha * SERIES) / (look ** 2 * 2 ** (adoptions + 1) * choose(look - 1, adoptions))
}
