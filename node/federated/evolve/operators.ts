/** Variation of gene vectors in [0, 1]^n: rows by name for crossover and mutation. Pure; all randomness comes from the draws. */
import type { Draws } from './draws.ts'
import { power } from './exact-math.ts'

/** Mirrored at the bounds until it is inside: a value 0.1 beyond a bound lands 0.1 inside of it. */
export function reflect(value: number): number {
  if (!Number.isFinite(value)) return 0.5
  const folded = Math.abs(value) % 2
  return folded > 1 ? 2 - folded : folded
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value))

export interface CrossoverInit {
  /** First genes of the groups, ascending from 0. */
  readonly groups: readonly number[]
  /** Distribution index of SBX: larger keeps children nearer to their parents. */
  readonly eta: number
}

type Crossover = (a: readonly number[], b: readonly number[], init: CrossoverInit, draws: Draws) => number[]

/** Which gene begins which group, as a group number by gene. */
function groupOfGene(groups: readonly number[], dimensions: number): number[] {
  let group = 0
  return Array.from({ length: dimensions }, (_, gene) => {
    while (group + 1 < groups.length && groups[group + 1]! <= gene) group += 1
    return group
  })
}

/**
 * Simulated binary crossover with bounds (Deb and Agrawal, 1995, Complex Systems 9; the bounded form of Deb's NSGA-II code,
 * equations in Deb, 2001, section 4.3.2): each gene is crossed with probability one half; one of the two children at random.
 */
const sbx: Crossover = (a, b, { eta }, draws) => {
  const isFirst = draws.uniform() < 0.5
  return a.map((mine, gene) => {
    const other = b[gene]!
    const [isCrossed, isSwapped, share] = [draws.uniform() < 0.5, draws.uniform() < 0.5, draws.uniform()]
    const [low, high] = mine < other ? [mine, other] : [other, mine]
    const distance = high - low
    if (!isCrossed || distance < 1e-14) return isFirst ? mine : other
    const room = (isSwapped ? 1 - high : low) / distance
    const alpha = 2 - power(1 + 2 * room, -(eta + 1))
    const spread =
      share <= 1 / alpha ? power(share * alpha, 1 / (eta + 1)) : power(1 / (2 - share * alpha), 1 / (eta + 1))
    const middle = 0.5 * (low + high)
    return clamp(isSwapped ? middle + 0.5 * spread * distance : middle - 0.5 * spread * distance)
  })
}

/** Each gene from one of the two. */
const uniform: Crossover = (a, b, _, draws) =>
  a.map((mine, gene) => (draws.uniform() < 0.5 ? mine : b[gene]!))

/** Each group of genes (a layer) whole from one of the two, at least one group from each where there are several. */
const groupwise: Crossover = (a, b, { groups }, draws) => {
  const takesOther = groups.map(() => draws.uniform() < 0.5)
  if (groups.length > 1 && takesOther.every((taken) => taken === takesOther[0])) {
    const changed = draws.below(groups.length)
    takesOther[changed] = !takesOther[changed]
  }
  const groupAt = groupOfGene(groups, a.length)
  return a.map((mine, gene) => (takesOther[groupAt[gene]!] === true ? b[gene]! : mine))
}

/** A point of the line through both, up to a quarter beyond either (Mühlenbein and Schlierkamp-Voosen, 1993, line recombination). */
const line: Crossover = (a, b, _, draws) => {
  const share = 1.5 * draws.uniform() - 0.25
  return a.map((mine, gene) => reflect(mine + share * (b[gene]! - mine)))
}

export const CROSSOVERS = { sbx, uniform, groups: groupwise, line } satisfies Record<string, Crossover>
export type CrossoverName = keyof typeof CROSSOVERS

export interface MutationInit {
  /** Probability by gene; at least one gene is always changed. */
  readonly rate: number
  /** Distribution index of the polynomial mutation. */
  readonly eta: number
  /** Standard deviation of the Gaussian mutation. */
  readonly deviation: number
}

type Mutation = (value: number, init: MutationInit, draws: Draws) => number

/** Polynomial mutation with bounds (Deb and Goyal, 1996; the bounded form of Deb, 2001, section 4.3.3). */
const polynomial: Mutation = (value, { eta }, draws) => {
  const share = draws.uniform()
  const exponent = 1 / (eta + 1)
  const step =
    share < 0.5
      ? power(2 * share + (1 - 2 * share) * power(1 - value, eta + 1), exponent) - 1
      : 1 - power(2 * (1 - share) + 2 * (share - 0.5) * power(value, eta + 1), exponent)
  return clamp(value + step)
}

const gaussian: Mutation = (value, { deviation }, draws) => reflect(value + deviation * draws.normal())

/** Anywhere: for genes that are choices, where near means nothing. */
const reset: Mutation = (_value, _init, draws) => draws.uniform()

export const MUTATIONS = { polynomial, gaussian, reset } satisfies Record<string, Mutation>
export type MutationName = keyof typeof MUTATIONS

export function mutate(
  name: MutationName,
  genes: readonly number[],
  init: MutationInit,
  draws: Draws,
): number[] {
  const isChanged = genes.map(() => draws.uniform() < init.rate)
  if (!isChanged.includes(true)) isChanged[draws.below(genes.length)] = true
  return genes.map((value, gene) => (isChanged[gene] === true ? MUTATIONS[name](value, init, draws) : value))
}
