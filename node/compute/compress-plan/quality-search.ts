/** Looks for the smallest model that keeps a given share of its quality: each step is a compression and an evaluation. Pure. */

export interface Tried {
  readonly budgetBytes: number
  readonly kept: number
}

export type SearchStep =
  /** Compress within this budget and evaluate. */
  | { readonly type: 'try'; readonly budgetBytes: number }
  /** The latest that was tried is the answer. */
  | { readonly type: 'found' }
  /** Not even the largest budget keeps enough. */
  | { readonly type: 'unreachable'; readonly best: Tried }

/** Budgets this near to one another are not told apart. */
const CLOSE = 1.04
const MAX_TRIES = 8

/**
 * Bisection on a logarithmic scale, between the budgets of the smallest and of the largest choice. Quality is measured,
 * so it need not grow with every byte: what is returned was tried, and kept enough.
 */
export function searchStep(init: {
  readonly least: number
  readonly most: number
  readonly keep: number
  /** In the order of the tries. */
  readonly tried: readonly Tried[]
}): SearchStep {
  const { least, most, keep, tried } = init
  const failed = tried.filter(({ kept }) => kept < keep).map(({ budgetBytes }) => budgetBytes)
  // Measured twice, it has to pass twice.
  const passing = tried.filter(({ budgetBytes }) => !failed.includes(budgetBytes))
  const smallest = passing.reduce<Tried | null>(
    (best, one) => (best === null || one.budgetBytes < best.budgetBytes ? one : best),
    null,
  )
  if (smallest === null && failed.includes(most))
    return { type: 'unreachable', best: tried.reduce((best, one) => (one.kept > best.kept ? one : best)) }
  const high = smallest?.budgetBytes ?? most
  // Below the smallest that passed: what failed above it was bad luck.
  const low = Math.max(least, ...failed.filter((budget) => budget < high))
  const isDone = high / low <= CLOSE || tried.length >= MAX_TRIES
  if (!isDone) return { type: 'try', budgetBytes: Math.floor(Math.sqrt(low * high)) }
  if (smallest === null) return { type: 'try', budgetBytes: most }
  return tried.at(-1)!.budgetBytes === smallest.budgetBytes
    ? { type: 'found' }
    : { type: 'try', budgetBytes: smallest.budgetBytes }
}
