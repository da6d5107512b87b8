/** How a generation comes to its genomes: the seeds first, then what a strategy makes, each genome once where that is possible. */
import { streamOf } from '../../compute/training/philox.ts'
import { canonicalJson } from '../../json.ts'
import { createDraws, type Draws } from './draws.ts'
import { reflect } from './operators.ts'
import type { Genome, Proposal, SearchContext } from './strategy.ts'

/** Genomes that are not proposed again: the last so many. */
const MAX_SEEN = 1_024

/** 32 bits that tell a genome apart well enough: of equal ones the worst that comes is another draw. */
const markOf = (genome: Genome): number => streamOf(canonicalJson(genome))

/** The marks of what a strategy has heard of, oldest first. */
export const seenAfter = (
  seen: readonly number[],
  scored: readonly { readonly genome: Genome }[],
): readonly number[] =>
  [...new Set([...seen, ...scored.map(({ genome }) => markOf(genome))])].slice(-MAX_SEEN)

const ATTEMPTS = 12
/** From this attempt on a gene of the proposal is reset too: where genes are choices, small steps lead back to what is known. */
const RESET_FROM = 4
/** Of the genes around a seed, for slots that no seed fills. */
const START_DEVIATION = 0.1
/** Share of those slots that are drawn from the whole space. */
const START_UNIFORM = 0.15

/** How many generations it takes until every seed was scored. */
export const seedGenerations = (context: SearchContext): number =>
  Math.ceil(context.space.seeds.length / context.population)

/** Under which a seed is scored: its own mutants of the same generation descend from it. */
const seedId = ({ population }: SearchContext, index: number): string =>
  `${Math.floor(index / population)}.${index % population}`

/** Drawn evenly from the whole space. */
export function randomProposal({ space }: SearchContext, draws: Draws): Proposal {
  const genes = Array.from({ length: space.dimensions }, () => draws.uniform())
  return { genome: space.decode(genes), origin: { parents: [], by: 'sample' } }
}

/** Where the seeds leave slots: near a seed, or anywhere. */
function startingPoint(context: SearchContext, draws: Draws): Proposal {
  const { space } = context
  if (draws.uniform() < START_UNIFORM) return randomProposal(context, draws)
  const index = draws.below(space.seeds.length)
  const near = space.encode(space.seeds[index]!)
  const genes = near.map((gene) => reflect(gene + START_DEVIATION * draws.normal()))
  return { genome: space.decode(genes), origin: { parents: [seedId(context, index)], by: 'mutation' } }
}

function withGeneReset({ space }: SearchContext, { genome, origin }: Proposal, draws: Draws): Proposal {
  const genes = space.encode(genome)
  return { genome: space.decode(genes.with(draws.below(genes.length), draws.uniform())), origin }
}

/**
 * One proposal by slot. `told` generations lie behind: while there are seeds left, they take the first slots. `make` draws a
 * proposal for a slot and may be asked several times for one: genomes that were `seen` and those of earlier slots are not wanted twice.
 */
export function fillSlots(
  context: SearchContext,
  init: { purpose: string; told: number; seen: readonly number[] },
  make: (draws: Draws, slot: number) => Proposal,
): Proposal[] {
  const { space, population, seed } = context
  const taken = new Set(init.seen)
  const isStart = init.told < seedGenerations(context)
  return Array.from({ length: population }, (_, slot) => {
    const seedGenome = isStart ? space.seeds[init.told * population + slot] : undefined
    let proposal: Proposal
    if (seedGenome !== undefined) proposal = { genome: seedGenome, origin: { parents: [], by: 'seed' } }
    else {
      const draws = createDraws(seed, `${init.purpose}/${init.told}/${slot}`)
      const draw = () => (isStart ? startingPoint(context, draws) : make(draws, slot))
      proposal = draw()
      // In a small space everything may be known: the last attempt is taken then, and its scores are known already.
      for (let attempt = 1; attempt < ATTEMPTS && taken.has(markOf(proposal.genome)); attempt++)
        proposal = attempt < RESET_FROM ? draw() : withGeneReset(context, draw(), draws)
    }
    taken.add(markOf(proposal.genome))
    return proposal
  })
}
