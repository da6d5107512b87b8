/** What the states of strategies keep of a scored candidate, and how candidates are told apart and ranked. */
import { canonicalJson, type JsonObject } from '../../json.ts'
import type { Genome, ScoredCandidate, SearchContext } from './strategy.ts'

export interface Member extends JsonObject {
  /** Under which it was scored first. */
  readonly id: string
  readonly genome: Genome
  readonly objectives: readonly number[]
  /** Item scores, a byte each in base64 (255 is 1), where the choice of parents looks at them; else null. */
  readonly items: string | null
}

export const genesOf = (context: SearchContext, member: { readonly genome: Genome }): number[] =>
  context.space.encode(member.genome)

export const packItems = (scores: readonly number[]): string =>
  Buffer.from(
    Uint8Array.from(scores, (score) => Math.floor(Math.min(1, Math.max(0, score)) * 255 + 0.5)),
  ).toString('base64')

export const unpackItems = (packed: string): Uint8Array => new Uint8Array(Buffer.from(packed, 'base64'))

/** Candidates that somebody scored, as members. */
export function membersOf(scored: readonly ScoredCandidate[], init: { keepItems: boolean }): Member[] {
  return scored.flatMap(({ id, genome, objectives, itemScores }) =>
    itemScores === null
      ? []
      : [{ id, genome, objectives: [...objectives], items: init.keepItems ? packItems(itemScores) : null }],
  )
}

/** Old members first, and each genome once: the one that was scored first stays. */
export function withoutDuplicates(members: readonly Member[]): Member[] {
  const known = new Set<string>()
  return members.filter(({ genome }) => {
    const key = canonicalJson(genome)
    if (known.has(key)) return false
    known.add(key)
    return true
  })
}

/** Objectives as one number: the sum by weight; objectives without a weight do not count. */
export function weightedSum(objectives: readonly number[], weights: readonly number[]): number {
  let sum = 0
  for (const [index, weight] of weights.entries()) sum += weight * (objectives[index] ?? 0)
  return sum
}

/** Best first; equals stay in their order. */
export const ranked = <T>(rows: readonly T[], value: (row: T) => number): T[] =>
  rows
    .map((row) => ({ row, value: value(row) }))
    .sort((a, b) => b.value - a.value)
    .map(({ row }) => row)
