/**
 * Chooses one option for each item so that the cost stays within a budget and the loss is least: the multiple-choice
 * knapsack problem (Sinha and Zoltners, 1979). Pure and deterministic.
 *
 * The convex hull of each item's options gives the exact solution of the relaxation, in which the last item may take a
 * part of two options; branch and bound on that closes the gap of the last item. Rate and distortion of independent
 * sources are shared out in the same way (Shoham and Gersho, 1988).
 */

export interface Option {
  /** For instance bytes: positive and finite. */
  readonly cost: number
  /** Not negative, finite. */
  readonly loss: number
}

export interface Allocation {
  /** Index of the option of each item. */
  readonly chosen: readonly number[]
  readonly cost: number
  readonly loss: number
  /** True when no better choice exists; false when the search was cut off, and the choice is within a step of it. */
  readonly exact: boolean
}

/** Options that the search looks at: enough for a hundred tensors to be exact. */
const MAX_LOOKS = 200_000
/** Steps that all its bounds go through together: about half a second, however many items there are. */
const MAX_BOUND_STEPS = 300_000_000
/** The search goes as deep as there are items. Of more, the last item is too little to look for. */
const MAX_SEARCHED_ITEMS = 1_000

interface Step {
  readonly item: number
  /** Position on the item's hull that this step leads to. */
  readonly to: number
  readonly cost: number
  readonly gain: number
}

/** The least cost that any choice has. */
export function leastCost(items: readonly (readonly Option[])[]): number {
  return items.reduce((sum, options) => sum + Math.min(...options.map(({ cost }) => cost)), 0)
}

/** Null where even the cheapest options cost more than the budget. Every item has at least one option. */
export function allocate(items: readonly (readonly Option[])[], budget: number): Allocation | null {
  if (leastCost(items) > budget) return null
  const useful = items.map(undominated)
  const hulls = items.map((options, item) => convexHull(options, useful[item]!))
  const greedy = climb(items, hulls, budget)
  if (items.length <= MAX_SEARCHED_ITEMS) return improve(items, useful, hulls, budget, greedy)
  return {
    chosen: greedy,
    cost: sumOf(items, greedy, 'cost'),
    loss: sumOf(items, greedy, 'loss'),
    exact: false,
  }
}

const sumOf = (items: readonly (readonly Option[])[], chosen: readonly number[], key: keyof Option) =>
  chosen.reduce((sum, option, item) => sum + items[item]![option]![key], 0)

/** Indexes of the options that no other beats in both, from cheap to dear. */
function undominated(options: readonly Option[]): number[] {
  const order = options
    .map((_, index) => index)
    .sort((a, b) => options[a]!.cost - options[b]!.cost || options[a]!.loss - options[b]!.loss || a - b)
  const kept: number[] = []
  for (const index of order)
    if (kept.length === 0 || options[index]!.loss < options[kept.at(-1)!]!.loss) kept.push(index)
  return kept
}

/** Those on the lower convex hull: each step along it gains less for what it costs than the one before. */
function convexHull(options: readonly Option[], useful: readonly number[]): number[] {
  const hull: number[] = []
  const slope = (from: number, to: number) =>
    (options[from]!.loss - options[to]!.loss) / (options[to]!.cost - options[from]!.cost)
  for (const index of useful) {
    while (hull.length >= 2 && slope(hull.at(-2)!, hull.at(-1)!) <= slope(hull.at(-1)!, index)) hull.pop()
    hull.push(index)
  }
  return hull
}

function stepsOf(items: readonly (readonly Option[])[], hulls: readonly (readonly number[])[]): Step[] {
  const steps = hulls.flatMap((hull, item) =>
    hull.slice(1).map((option, index): Step => {
      const before = items[item]![hull[index]!]!
      const after = items[item]![option]!
      return { item, to: index + 1, cost: after.cost - before.cost, gain: before.loss - after.loss }
    }),
  )
  return steps.sort((a, b) => b.gain / b.cost - a.gain / a.cost || a.item - b.item || a.to - b.to)
}

/** From the cheapest options, always the step with the largest gain by cost that still fits. */
function climb(
  items: readonly (readonly Option[])[],
  hulls: readonly (readonly number[])[],
  budget: number,
): number[] {
  const at = hulls.map(() => 0)
  const chosen = () => at.map((position, item) => hulls[item]![position]!)
  let left = budget - sumOf(items, chosen(), 'cost')
  const stuck = new Set<number>()
  for (const { item, to, cost } of stepsOf(items, hulls)) {
    if (stuck.has(item)) continue
    if (cost > left) stuck.add(item)
    else {
      at[item] = to
      left -= cost
    }
  }
  return chosen()
}

/** Depth first over the items with the relaxation of the rest as the bound, beginning with what climb() found. */
function improve(
  items: readonly (readonly Option[])[],
  useful: readonly (readonly number[])[],
  hulls: readonly (readonly number[])[],
  budget: number,
  greedy: readonly number[],
): Allocation {
  // Items with much at stake first: then the bound says early that a branch is lost.
  const stake = (item: number) =>
    items[item]![useful[item]![0]!]!.loss - items[item]![useful[item]!.at(-1)!]!.loss
  const order = items.map((_, item) => item).sort((a, b) => stake(b) - stake(a) || a - b)
  const depthOf = new Map(order.map((item, depth) => [item, depth]))
  const steps = stepsOf(items, hulls)
  const floorCost = suffixSums(order, (item) => items[item]![hulls[item]![0]!]!.cost)
  const floorLoss = suffixSums(order, (item) => items[item]![hulls[item]![0]!]!.loss)
  let best = [...greedy]
  let bestLoss = sumOf(items, best, 'loss')
  const maxLooks = Math.min(MAX_LOOKS, Math.floor(MAX_BOUND_STEPS / Math.max(1, steps.length)))
  let looked = 0
  const current = [...greedy]

  /** The least loss that the items from `depth` on can have with what is left, if options could be mixed. */
  function bound(depth: number, left: number): number {
    let loss = floorLoss[depth]!
    let rest = left - floorCost[depth]!
    for (const { item, cost, gain } of steps) {
      if (depthOf.get(item)! < depth) continue
      if (cost >= rest) return loss - (gain * rest) / cost
      rest -= cost
      loss -= gain
    }
    return loss
  }

  function descend(depth: number, left: number, loss: number): void {
    if (depth === order.length) {
      if (loss < bestLoss) {
        bestLoss = loss
        best = [...current]
      }
      return
    }
    const item = order[depth]!
    for (const option of useful[item]!.toReversed()) {
      const { cost, loss: own } = items[item]![option]!
      if (cost + floorCost[depth + 1]! > left) continue
      looked += 1
      if (looked > maxLooks) return
      // What is not better by more than rounding is not looked for.
      if (loss + own + bound(depth + 1, left - cost) >= bestLoss * (1 - 1e-12)) continue
      current[item] = option
      descend(depth + 1, left - cost, loss + own)
    }
  }

  descend(0, budget, 0)
  return { chosen: best, cost: sumOf(items, best, 'cost'), loss: bestLoss, exact: looked <= maxLooks }
}

function suffixSums(order: readonly number[], value: (item: number) => number): number[] {
  const sums = new Array<number>(order.length + 1).fill(0)
  for (let depth = order.length - 1; depth >= 0; depth--)
    sums[depth] = sums[depth + 1]! + value(order[depth]!)
  return sums
}
