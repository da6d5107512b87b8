/**
 * A compression recipe as a genome: `{"c": "0714…"}`, by group of weights the index of its codec in base 36, codecs from small to large.
 * A genome that is larger than the budget does not exist. Pure.
 */
import { invalid } from '../../compute/tasks/read-params.ts'
import type { JsonObject } from '../../json.ts'
import type { Genome, GenomeSpace } from '../evolve/strategy.ts'
import { checkMembers, geneOfStep, stepOf } from './gene-steps.ts'

export interface WeightGroup extends JsonObject {
  /** Names of weights that share a codec. */
  readonly weights: readonly string[]
  /** Packed, by choice. */
  readonly bytes: readonly number[]
}

export interface CompressSpace {
  readonly groups: readonly WeightGroup[]
  readonly choices: number
  /** Of the choices, for people. */
  readonly names: readonly string[]
  readonly budgetBytes: number
  /** Of all weights as they are. */
  readonly fullBytes: number
  /** What one would try first: by group an index of a choice. */
  readonly seeds: readonly (readonly number[])[]
}

export const MAX_CHOICES = 36
export const MAX_COMPRESS_GROUPS = 256

export const recipeBytes = ({ groups }: Pick<CompressSpace, 'groups'>, chosen: readonly number[]): number =>
  groups.reduce((sum, { bytes }, group) => sum + bytes[chosen[group]!]!, 0)

const toGenome = (chosen: readonly number[]): Genome => ({
  c: chosen.map((choice) => choice.toString(MAX_CHOICES)).join(''),
})

/** The index of a choice by group. Throws INVALID_ARGUMENT. */
export function chosenBy(space: CompressSpace, genome: Genome): number[] {
  checkMembers(genome, ['c'])
  const { c } = genome
  if (typeof c !== 'string' || c.length !== space.groups.length || !/^[0-9a-z]+$/.test(c))
    throw invalid('c', `${space.groups.length} choices`)
  const chosen = [...c].map((digit) => Number.parseInt(digit, MAX_CHOICES))
  if (chosen.some((choice) => choice >= space.choices)) throw invalid('c', `choices below ${space.choices}`)
  if (recipeBytes(space, chosen) > space.budgetBytes)
    throw invalid('c', `a recipe of at most ${space.budgetBytes} bytes`)
  return chosen
}

/** The next smaller choice of a group; null where it has the smallest. */
function smaller({ bytes }: WeightGroup, choice: number): number | null {
  let best: number | null = null
  for (const [other, size] of bytes.entries())
    if (size < bytes[choice]! && (best === null || size > bytes[best]!)) best = other
  return best
}

/** Takes from the group that takes most until all fit. */
function fitBudget(space: CompressSpace, chosen: readonly number[]): number[] {
  const fitted = [...chosen]
  while (recipeBytes(space, fitted) > space.budgetBytes) {
    let largest = -1
    for (const [group, row] of space.groups.entries()) {
      if (smaller(row, fitted[group]!) === null) continue
      if (largest === -1 || row.bytes[fitted[group]!]! > space.groups[largest]!.bytes[fitted[largest]!]!)
        largest = group
    }
    if (largest === -1) throw invalid('budgetBytes', 'at least what the smallest codecs take')
    fitted[largest] = smaller(space.groups[largest]!, fitted[largest]!)!
  }
  return fitted
}

export function compressSpace(space: CompressSpace): GenomeSpace {
  const { groups, choices, budgetBytes, fullBytes } = space
  return {
    dimensions: groups.length,
    groups: groups.map((_, group) => group),
    seeds: space.seeds.map((chosen) => toGenome(fitBudget(space, chosen))),
    seedNames: space.seeds.map((chosen) =>
      chosen.every((choice) => choice === chosen[0])
        ? `${space.names[chosen[0]!]} alone`
        : 'as auto mixes them',
    ),
    decode: (genes) =>
      toGenome(
        fitBudget(
          space,
          groups.map((_, group) => stepOf(genes[group]!, choices)),
        ),
      ),
    encode: (genome) => chosenBy(space, genome).map((choice) => geneOfStep(choice, choices)),
    describe(genome) {
      const chosen = chosenBy(space, genome)
      const first = groups[0]!.bytes[chosen[0]!]!
      const all = recipeBytes(space, chosen)
      // How much of the budget is used, and how much of that goes into the first weights (often the embeddings).
      return [Math.min(1, all / Math.min(budgetBytes, fullBytes)), first / all]
    },
  }
}
