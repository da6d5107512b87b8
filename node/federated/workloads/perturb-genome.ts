/**
 * A perturbation as a genome: `{"p": [[3, -40], [17, 12]]}` has pairs of a direction and a step, in thousandths of the largest step;
 * directions that are not named are not moved along. A direction is nothing but a seed (low-rank-noise.ts). Pure.
 */
import { invalid } from '../../compute/tasks/read-params.ts'
import type { Genome, GenomeSpace } from '../evolve/strategy.ts'
import { checkList, checkMembers, checkWhole } from './gene-steps.ts'
import { taskMeans } from './merge-genome.ts'

export interface PerturbSpace {
  readonly directions: number
  /** Items of selection by task: behaviour is the mean of each. */
  readonly selection: readonly number[]
}

export interface PerturbStep {
  readonly direction: number
  /** −1 to 1. */
  readonly step: number
}

/** A pair takes eleven bytes at most: all of them fit in a genome. */
export const MAX_DIRECTIONS = 80
const STEPS = 1_000
/** Of the seeds that go along one direction: small enough to keep what the model can do. */
const SEED_STEP = 250
const MAX_SEEDS = 8

/** Throws INVALID_ARGUMENT naming the gene. */
export function perturbSteps(
  { directions }: Pick<PerturbSpace, 'directions'>,
  genome: Genome,
): PerturbStep[] {
  checkMembers(genome, ['p'])
  const { p } = genome
  if (!Array.isArray(p) || p.length > directions) throw invalid('p', `a list of at most ${directions}`)
  let last = -1
  return p.map((pair) => {
    const [direction, step] = checkList(pair, 2, 'p')
    // In order and without zeros: one perturbation has one genome.
    last = checkWhole(direction, last + 1, directions - 1, 'p')
    if (step === 0) throw invalid('p', 'steps other than 0')
    return { direction: last, step: checkWhole(step, -STEPS, STEPS, 'p') / STEPS }
  })
}

const toGenome = (steps: readonly number[]): Genome => ({
  p: steps.flatMap((step, direction) => (step === 0 ? [] : [[direction, step]])),
})

export function perturbSpace(space: PerturbSpace): GenomeSpace {
  const { directions, selection } = space
  const along = (direction: number, step: number): Genome =>
    toGenome(Array.from({ length: directions }, (_, other) => (other === direction ? step : 0)))
  const seeds = Array.from({ length: Math.min(directions, MAX_SEEDS) }, (_, direction) =>
    along(direction, direction % 2 === 0 ? SEED_STEP : -SEED_STEP),
  )
  return {
    dimensions: directions,
    groups: Array.from({ length: directions }, (_, direction) => direction),
    // The model as it is comes first.
    seeds: [toGenome([]), ...seeds],
    seedNames: ['the model', ...seeds.map((_, direction) => `direction ${direction}`)],
    decode: (genes) =>
      toGenome(
        Array.from({ length: directions }, (_, direction) => {
          const gene = Math.min(1, Math.max(0, genes[direction]!))
          // Never a negative zero, which JSON does not keep.
          return Math.round(gene * 2 * STEPS) - STEPS
        }),
      ),
    encode(genome) {
      const genes = new Array<number>(directions).fill(0.5)
      for (const { direction, step } of perturbSteps(space, genome)) genes[direction] = (step + 1) / 2
      return genes
    },
    describe: (_, itemScores) => taskMeans(itemScores, selection),
  }
}
