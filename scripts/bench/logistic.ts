/** Logistic regression with weights, and how good its probabilities are. Pure functions. */

export interface Sample {
  readonly features: readonly number[]
  readonly isPositive: boolean
  /** How much it counts. */
  readonly weight: number
}

export interface Logistic {
  readonly intercept: number
  readonly weights: readonly number[]
}

const MAX_STEPS = 100

/** Solves A·x = b by elimination with pivots; A is small, symmetric and positive. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const size = right.length
  const rows = matrix.map((row, index) => [...row, right[index]!])
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++)
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    for (let row = 0; row < size; row++) {
      if (row === column) continue
      const factor = rows[row]![column]! / rows[column]![column]!
      for (let at = column; at <= size; at++) rows[row]![at]! -= factor * rows[column]![at]!
    }
  }
  return rows.map((row, index) => row[size]! / row[index]!)
}

export function probability(model: Logistic, features: readonly number[]): number {
  const sum = model.weights.reduce(
    (total, weight, index) => total + weight * features[index]!,
    model.intercept,
  )
  return 1 / (1 + Math.exp(-sum))
}

/** Newton's method on the mean log-likelihood less `ridge`/2 · |weights|² (of features as they are; the intercept is free). */
export function fitLogistic(samples: readonly Sample[], ridge = 3e-4): Logistic {
  const size = samples[0]!.features.length + 1
  const total = samples.reduce((sum, { weight }) => sum + weight, 0)
  let beta = Array.from({ length: size }, () => 0)
  for (let step = 0; step < MAX_STEPS; step++) {
    const gradient = beta.map((value, index) => (index === 0 ? 0 : -ridge * value))
    const hessian = beta.map((_, row) => beta.map((_, column) => (row === column && row > 0 ? ridge : 0)))
    const model = { intercept: beta[0]!, weights: beta.slice(1) }
    for (const { features, isPositive, weight } of samples) {
      const x = [1, ...features]
      const p = probability(model, features)
      const share = weight / total
      for (let row = 0; row < size; row++) {
        gradient[row]! += share * ((isPositive ? 1 : 0) - p) * x[row]!
        for (let column = 0; column < size; column++)
          hessian[row]![column]! += share * p * (1 - p) * x[row]! * x[column]!
      }
    }
    const change = solve(hessian, gradient)
    beta = beta.map((value, index) => value + change[index]!)
    if (Math.max(...change.map(Math.abs)) < 1e-10) break
  }
  return { intercept: beta[0]!, weights: beta.slice(1) }
}

export interface Judged {
  readonly p: number
  readonly isPositive: boolean
  readonly weight: number
}

/** Probability that a positive has more than a negative; ties count for half. */
export function areaUnderCurve(rows: readonly Judged[]): number {
  let won = 0
  let all = 0
  const negatives = rows.filter(({ isPositive }) => !isPositive)
  for (const positive of rows.filter(({ isPositive }) => isPositive))
    for (const negative of negatives) {
      const share = positive.weight * negative.weight
      all += share
      won += positive.p > negative.p ? share : positive.p === negative.p ? share / 2 : 0
    }
  return won / all
}

export function accuracyAt(rows: readonly Judged[], threshold: number): number {
  const all = rows.reduce((sum, { weight }) => sum + weight, 0)
  const right = rows.filter(({ p, isPositive }) => p >= threshold === isPositive)
  return right.reduce((sum, { weight }) => sum + weight, 0) / all
}

export interface Bin {
  readonly weight: number
  readonly said: number
  readonly was: number
}

/** Tenths of the probability that was said, with the share that came true; empty ones are left out. */
export function reliability(rows: readonly Judged[]): Bin[] {
  return Array.from({ length: 10 }, (_, bin) => {
    const own = rows.filter(({ p }) => Math.min(9, Math.floor(p * 10)) === bin)
    const weight = own.reduce((sum, row) => sum + row.weight, 0)
    const mean = (value: (row: Judged) => number) =>
      own.reduce((sum, row) => sum + row.weight * value(row), 0) / weight
    return { weight, said: mean(({ p }) => p), was: mean(({ isPositive }) => (isPositive ? 1 : 0)) }
  }).filter(({ weight }) => weight > 0)
}

/** Mean distance of what was said and what came true, over the bins (Naeini et al. 2015). */
export function expectedCalibrationError(rows: readonly Judged[]): number {
  const bins = reliability(rows)
  const all = bins.reduce((sum, { weight }) => sum + weight, 0)
  return bins.reduce((sum, { weight, said, was }) => sum + (weight / all) * Math.abs(said - was), 0)
}
