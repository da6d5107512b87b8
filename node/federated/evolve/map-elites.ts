/**
 * MAP-Elites (Mouret and Clune: "Illuminating search spaces by mapping elites", 2015, arXiv 1504.04909): the best of each kind of
 * behaviour is kept in a cell of a grid, so that the search collects specialists instead of converging. Children are mutants along
 * the line between two elites (Vassiliades and Mouret: "Discovering the Elite Hypervolume by Leveraging Interspecies Correlation",
 * 2018, GECCO) or children of the usual operators; parents may be chosen where one is strong and the other weak.
 */
import { VillageError } from '../../errors.ts'
import { canonicalJson, type JsonObject } from '../../json.ts'
import type { Draws } from './draws.ts'
import { fillSlots, randomProposal, seenAfter } from './fill-slots.ts'
import { genesOf, type Member, membersOf, ranked, weightedSum } from './member.ts'
import { reflect } from './operators.ts'
import { type OptionFields, parseOptionFields } from './option-fields.ts'
import { PARENT_CHOICES, type ParentChoiceName, parentPool } from './parent-choice.ts'
import {
  expectation,
  type Observation,
  observe,
  SCREENING_FIELDS,
  type ScreeningOptions,
} from './screening.ts'
import type { Proposal, ScoredCandidate, SearchContext, SearchStrategy } from './strategy.ts'
import { childOf, VARIATION_FIELDS, type VariationOptions } from './variation-options.ts'

const FIELDS = {
  ...VARIATION_FIELDS,
  ...SCREENING_FIELDS,
  cells: {
    type: 'numbers',
    default: [8],
    min: 1,
    max: 1_024,
    most: 8,
    doc: 'Cells by dimension of the behaviour; one number for all, or one for each.',
  },
  parents: {
    type: 'choice',
    default: 'uniform',
    values: ['uniform', ...Object.keys(PARENT_CHOICES)],
    doc: 'How elites become parents: uniform, tournament, complementary or lexicase.',
  },
  variation: {
    type: 'choice',
    default: 'line',
    values: ['line', 'operators'],
    doc: 'line: along the line between two elites with a little noise; operators: crossover and mutation.',
  },
  noise: {
    type: 'number',
    default: 0.02,
    min: 0,
    max: 1,
    doc: 'Standard deviation of the noise of every gene, for line.',
  },
  lineDeviation: {
    type: 'number',
    default: 0.2,
    min: 0,
    max: 2,
    doc: 'Standard deviation along the line, as a share of the distance of the two.',
  },
  objectiveWeights: {
    type: 'numbers',
    default: [1],
    min: -1_000,
    max: 1_000,
    most: 8,
    doc: 'Weights of the objectives in the one number that elites of a cell are compared by.',
  },
} satisfies OptionFields

/** Elites that a state may hold: it is copied with every checkpoint. */
const MAX_CELLS = 4_096

interface Options extends VariationOptions, ScreeningOptions {
  readonly cells: readonly number[]
  readonly parents: ParentChoiceName | 'uniform'
  readonly variation: 'line' | 'operators'
  readonly noise: number
  readonly lineDeviation: number
  readonly objectiveWeights: readonly number[]
}

interface Elite extends Member {
  readonly cell: number
}

interface State extends JsonObject {
  /** Generations. */
  readonly told: number
  /** What is not proposed again. */
  readonly seen: readonly number[]
  /** By cell, ascending. */
  readonly elites: readonly Elite[]
  readonly observations: readonly Observation[]
}

const cellCounts = (options: Options, dimensions: number): readonly number[] =>
  options.cells.length === 1 ? Array.from({ length: dimensions }, () => options.cells[0]!) : options.cells

/** The number of the cell of a behaviour in [0, 1]^n. */
export function cellOf(behaviour: readonly number[], counts: readonly number[]): number {
  let cell = 0
  for (const [dimension, value] of behaviour.entries()) {
    const count = counts[dimension]!
    cell = cell * count + Math.min(count - 1, Math.max(0, Math.floor(value * count)))
  }
  return cell
}

const refuse = (message: string): VillageError =>
  new VillageError('INVALID_ARGUMENT', message, { fields: { argument: 'strategy.options.cells' } })

function checkBehaviour(context: SearchContext, options: Options): void {
  const behaviour = context.space.describe(context.space.seeds[0]!, [])
  if (behaviour === null)
    throw new VillageError('INVALID_ARGUMENT', 'Candidates of this kind have no behaviour to map', {
      fields: { argument: 'strategy.name' },
    })
  if (options.cells.length !== 1 && options.cells.length !== behaviour.length)
    throw refuse(`"strategy.options.cells" must be one number or ${behaviour.length}`)
  const total = cellCounts(options, behaviour.length).reduce((product, count) => product * count, 1)
  if (total > MAX_CELLS) throw refuse(`There must be at most ${MAX_CELLS} cells, not ${total}`)
}

/** Iso+LineDD: x + noise · N(0, I) + deviation · (y − x) · N(0, 1). */
function alongLine(
  context: SearchContext,
  options: Options,
  parents: readonly [Elite, Elite],
  draws: Draws,
): Proposal {
  const [first, second] = parents
  const other = genesOf(context, second)
  const along = options.lineDeviation * draws.normal()
  const genes = genesOf(context, first).map((value, gene) =>
    reflect(value + options.noise * draws.normal() + along * (other[gene]! - value)),
  )
  const ids = first.id === second.id ? [first.id] : [first.id, second.id]
  return { genome: context.space.decode(genes), origin: { parents: ids, by: 'line' } }
}

/** Makes children of elites. */
function breeder(context: SearchContext, options: Options, elites: readonly Elite[]) {
  const value = ({ objectives }: Member) => weightedSum(objectives, options.objectiveWeights)
  const { parents } = options
  const pool = parents === 'uniform' ? null : parentPool(elites, value, parents)
  return (draws: Draws): Proposal => {
    const [first, second] =
      pool === null || parents === 'uniform'
        ? [draws.below(elites.length), draws.below(elites.length)]
        : PARENT_CHOICES[parents](pool, { tournament: 2 }, draws)
    const pair = [elites[first]!, elites[second]!] as const
    return options.variation === 'line'
      ? alongLine(context, options, pair, draws)
      : childOf(context, options, pair, draws)
  }
}

/** The grid after a generation: an elite gives its cell up only to a better one. */
function placed(
  context: SearchContext,
  options: Options,
  elites: readonly Elite[],
  scored: readonly ScoredCandidate[],
): Elite[] {
  const keepItems = options.parents === 'complementary' || options.parents === 'lexicase'
  const grid = new Map(elites.map((elite) => [elite.cell, elite]))
  const known = new Set(elites.map(({ genome }) => canonicalJson(genome)))
  const value = ({ objectives }: Member) => weightedSum(objectives, options.objectiveWeights)
  for (const candidate of scored) {
    const [member] = membersOf([candidate], { keepItems })
    const behaviour =
      member === undefined ? null : context.space.describe(candidate.genome, candidate.itemScores ?? [])
    if (member === undefined || behaviour === null || known.has(canonicalJson(member.genome))) continue
    const cell = cellOf(behaviour, cellCounts(options, behaviour.length))
    const before = grid.get(cell)
    if (before === undefined || value(member) > value(before)) grid.set(cell, { ...member, cell })
  }
  return [...grid.values()].sort((a, b) => a.cell - b.cell)
}

export const mapElitesStrategy: SearchStrategy = {
  name: 'map-elites',
  fields: FIELDS,
  parseOptions(input) {
    const options = parseOptionFields(FIELDS, input) as Options
    if (!options.cells.every(Number.isInteger)) throw refuse('"strategy.options.cells" must be whole numbers')
    return options
  },
  start(context, options): State {
    checkBehaviour(context, options as Options)
    return { told: 0, seen: [], elites: [], observations: [] }
  },
  ask(context, given, state) {
    const options = given as Options
    const { told, seen, elites, observations } = state as State
    const expected = expectation(options.screening, observations)
    const child = breeder(context, options, elites)
    const init = { purpose: 'map-elites', told, seen }
    return fillSlots(context, init, (draws) => {
      if (elites.length === 0) return randomProposal(context, draws)
      if (expected === null || draws.uniform() >= options.screened) return child(draws)
      const proposals = Array.from({ length: options.proposals }, () => child(draws))
      return ranked(proposals, ({ genome }) => expected(context.space.encode(genome)))[0]!
    })
  },
  tell(context, given, state, scored) {
    const options = given as Options
    const { told, seen, elites, observations } = state as State
    const next: State = {
      told: told + 1,
      seen: seenAfter(seen, scored),
      elites: placed(context, options, elites, scored),
      observations:
        options.screening === 'none'
          ? []
          : observe(
              observations,
              membersOf(scored, { keepItems: false }).map((member) => ({
                genes: genesOf(context, member),
                value: weightedSum(member.objectives, options.objectiveWeights),
              })),
            ),
    }
    return next
  },
}
