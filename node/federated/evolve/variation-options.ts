/** Options of variation that several strategies have, and what makes a child of two parents with them. */
import type { JsonObject } from '../../json.ts'
import type { Draws } from './draws.ts'
import { genesOf, type Member } from './member.ts'
import { CROSSOVERS, type CrossoverName, MUTATIONS, type MutationName, mutate } from './operators.ts'
import type { OptionFields } from './option-fields.ts'
import type { Proposal, SearchContext } from './strategy.ts'

export const VARIATION_FIELDS = {
  crossover: {
    type: 'choice',
    default: 'sbx',
    values: Object.keys(CROSSOVERS),
    doc: 'How a child is made of two parents: sbx (gene by gene, near either), uniform (each gene of one of them), groups (each layer of one of them), line (between and a little beyond both).',
  },
  crossoverRate: {
    type: 'number',
    default: 0.9,
    min: 0,
    max: 1,
    doc: 'Share of children with two parents; the others are mutants of one.',
  },
  crossoverEta: {
    type: 'number',
    default: 15,
    min: 0,
    max: 100,
    doc: 'Distribution index of sbx: larger keeps children nearer to their parents.',
  },
  mutation: {
    type: 'choice',
    default: 'polynomial',
    values: Object.keys(MUTATIONS),
    doc: 'How a gene is changed: polynomial, gaussian, or reset to anything (for genes that are choices).',
  },
  mutationRate: {
    type: 'number',
    default: null,
    min: 0,
    max: 1,
    doc: 'Probability that a gene of a child is changed; null: one gene of a child on average.',
  },
  mutationEta: {
    type: 'number',
    default: 20,
    min: 0,
    max: 100,
    doc: 'Distribution index of the polynomial mutation: larger changes less.',
  },
  mutationDeviation: {
    type: 'number',
    default: 0.1,
    min: 0.0001,
    max: 1,
    doc: 'Standard deviation of the gaussian mutation; the whole range of a gene is 1.',
  },
} satisfies OptionFields

export interface VariationOptions extends JsonObject {
  readonly crossover: CrossoverName
  readonly crossoverRate: number
  readonly crossoverEta: number
  readonly mutation: MutationName
  readonly mutationRate: number | null
  readonly mutationEta: number
  readonly mutationDeviation: number
}

export function childOf(
  context: SearchContext,
  options: VariationOptions,
  parents: readonly [Member, Member],
  draws: Draws,
): Proposal {
  const { space } = context
  const [first, second] = parents
  const isCrossed = draws.uniform() < options.crossoverRate && first.id !== second.id
  const genes = isCrossed
    ? CROSSOVERS[options.crossover](
        genesOf(context, first),
        genesOf(context, second),
        { groups: space.groups, eta: options.crossoverEta },
        draws,
      )
    : genesOf(context, first)
  const changed = mutate(
    options.mutation,
    genes,
    {
      rate: options.mutationRate ?? 1 / space.dimensions,
      eta: options.mutationEta,
      deviation: options.mutationDeviation,
    },
    draws,
  )
  return {
    genome: space.decode(changed),
    origin: isCrossed
      ? { parents: [first.id, second.id], by: 'crossover' }
      : { parents: [first.id], by: 'mutation' },
  }
}
