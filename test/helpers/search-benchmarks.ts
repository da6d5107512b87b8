/** Functions that search strategies are known by, over [0, 1]^n; all are maximised, with 0 at the best. */

const scaled = (genes: readonly number[], low: number, high: number): number[] =>
  genes.map((gene) => low + (high - low) * gene)

/** Best at 0.3 in every gene. */
export const sphere = (genes: readonly number[]): number =>
  -genes.reduce((sum, gene) => sum + (gene - 0.3) ** 2, 0)

/** Scales from 1 to 10^6 (Hansen's ellipsoid), best at 0.4. */
export const ellipsoid = (genes: readonly number[]): number =>
  -genes.reduce((sum, gene, index) => sum + 1e6 ** (index / (genes.length - 1)) * (gene - 0.4) ** 2, 0)

/** On [−2, 2]^n, best at 1. */
export function rosenbrock(genes: readonly number[]): number {
  const x = scaled(genes, -2, 2)
  let sum = 0
  for (let i = 0; i + 1 < x.length; i++) sum += 100 * (x[i + 1]! - x[i]! ** 2) ** 2 + (1 - x[i]!) ** 2
  return -sum
}

/** On [−5.12, 5.12]^n, best at 0, with a local optimum at every whole number. */
export const rastrigin = (genes: readonly number[]): number =>
  -scaled(genes, -5.12, 5.12).reduce((sum, x) => sum + x * x - 10 * Math.cos(2 * Math.PI * x) + 10, 0)

/** Two objectives (Zitzler, Deb and Thiele, 2000), both negated so that higher is better. */
export function zdt1(genes: readonly number[]): [number, number] {
  const [first, ...rest] = genes
  const g = 1 + (9 * rest.reduce((sum, gene) => sum + gene, 0)) / rest.length
  return [-first!, -g * (1 - Math.sqrt(first! / g))]
}

/** Area that points of two objectives (higher is better) dominate above a reference point. */
export function hypervolume(
  points: readonly (readonly number[])[],
  reference: readonly [number, number],
): number {
  const above = points
    .filter(([a, b]) => a! > reference[0] && b! > reference[1])
    .sort((a, b) => b[0]! - a[0]!)
  let area = 0
  let height = reference[1]
  for (const [a, b] of above)
    if (b! > height) {
      area += (a! - reference[0]) * (b! - height)
      height = b!
    }
  return area
}
