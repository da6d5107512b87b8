/** Trains the classifier of clauses; runs when its weights are made, not in the daemon. */
import { BIAS, type LinearModel, softmax } from './linear-model.ts'

export interface Example {
  readonly label: string
  readonly features: readonly string[]
}

export interface TrainingInit {
  readonly epochs: number
  readonly rate: number
  /** Of the squares of weights, by example. */
  readonly penalty: number
  /** A feature that fewer examples have is left out. */
  readonly minCount: number
}

export const TRAINING: TrainingInit = { epochs: 8, rate: 0.3, penalty: 2e-4, minCount: 3 }

/**
 * AdaGrad on the logistic loss with a penalty on the squares of weights (Duchi, Hazan, Singer 2011, figure 1, with a diagonal matrix). Examples are
 * shuffled by a fixed sequence, so that the same examples give the same weights.
 */
export function trainLinear(examples: readonly Example[], init: TrainingInit = TRAINING): LinearModel {
  const classes = [...new Set(examples.map(({ label }) => label))].sort()
  const counts = new Map<string, number>()
  for (const { features } of examples)
    for (const feature of features) counts.set(feature, (counts.get(feature) ?? 0) + 1)
  const known = [BIAS, ...[...counts].flatMap(([name, count]) => (count >= init.minCount ? [name] : []))]
  const numbers = new Map(known.map((feature, at) => [feature, at]))
  const width = classes.length
  const weights = new Float32Array(known.length * width)
  const squares = new Float32Array(known.length * width)
  const rows = examples.map(({ label, features }) => ({
    label: classes.indexOf(label),
    starts: [0, ...features.flatMap((feature) => numbers.get(feature) ?? [])].map((at) => at * width),
  }))
  const shares = new Float64Array(width)
  let seed = 1
  for (let epoch = 0; epoch < init.epochs; epoch++) {
    for (let at = rows.length - 1; at > 0; at--) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      const other = seed % (at + 1)
      ;[rows[at], rows[other]] = [rows[other]!, rows[at]!]
    }
    for (const { label, starts } of rows) {
      shares.fill(0)
      for (const start of starts) for (let one = 0; one < width; one++) shares[one]! += weights[start + one]!
      softmax(shares)
      shares[label]! -= 1
      for (const start of starts)
        for (let one = 0; one < width; one++) {
          const at = start + one
          const slope = shares[one]! + init.penalty * weights[at]!
          squares[at]! += slope * slope
          weights[at]! -= (init.rate * slope) / (Math.sqrt(squares[at]!) + 1e-6)
        }
    }
  }
  return {
    classes,
    rows: new Map(known.map((feature, at) => [feature, weights.subarray(at * width, (at + 1) * width)])),
    scale: 1,
  }
}
