/**
 * CMA-ES as a strategy: the seeds are scored first, the search starts at the best of them. Samples beyond a bound are mirrored
 * into the space, so that the search itself is unbounded. Few slots can be gathered over several generations for one update, and
 * a search that has converged starts again with twice as many (IPOP: Auger and Hansen, 2005, CEC).
 */
import { canonicalJson, type JsonObject } from '../../json.ts'
import {
  type Distribution,
  largestDeviation,
  rootOf,
  startDistribution,
  updateDistribution,
} from './cma-distribution.ts'
import { createDraws } from './draws.ts'
import { fillSlots, randomProposal, seedGenerations } from './fill-slots.ts'
import { weightedSum } from './member.ts'
import { reflect } from './operators.ts'
import { type OptionFields, parseOptionFields } from './option-fields.ts'
import type { Genome, ScoredCandidate, SearchContext, SearchStrategy } from './strategy.ts'

const FIELDS = {
  step: {
    type: 'number',
    default: 0.2,
    min: 0.0001,
    max: 0.5,
    doc: 'Standard deviation of a gene at first; the whole range is 1.',
  },
  covariance: {
    type: 'choice',
    default: 'auto',
    values: ['auto', 'full', 'separable'],
    doc: 'full learns how genes depend on each other, separable only their scales; auto: full up to 100 genes.',
  },
  gather: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 64,
    doc: 'Generations whose candidates make one update; more than one where a generation has few slots.',
  },
  restarts: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 16,
    doc: 'How often a search that has converged starts again elsewhere, each time with twice as many candidates.',
  },
  objectiveWeights: {
    type: 'numbers',
    default: [1],
    min: -1_000,
    max: 1_000,
    most: 8,
    doc: 'Weights of the objectives in the one number that is searched by.',
  },
} satisfies OptionFields

interface Options extends JsonObject {
  readonly step: number
  readonly covariance: 'auto' | 'full' | 'separable'
  readonly gather: number
  readonly restarts: number
  readonly objectiveWeights: readonly number[]
}

interface Sample extends JsonObject {
  readonly id: string
  readonly genes: readonly number[]
  readonly isForeign: boolean
  readonly value: number
}

interface State extends JsonObject {
  readonly told: number
  /** Null until the seeds were scored. */
  readonly distribution: Distribution | null
  /** The best of the generations before the distribution: where the search starts. */
  readonly start: Sample | null
  /** Scored since the last update, over so many generations. */
  readonly gathered: readonly Sample[]
  readonly generations: number
  readonly restarted: number
  /** Ids of the best of the last update, for the lineage: what the samples since then descend from. */
  readonly parents: readonly string[]
  /** Best values of the last updates, newest last: equal ones mean that nothing is left to find here. */
  readonly recent: readonly number[]
}

/** The largest dimension with a full covariance, where `auto` chooses: 5,050 numbers in the state. */
const MOST_FULL = 100
/** An update needs this many. */
const LEAST_SAMPLES = 4
/** Of the candidates that an update rests on, so many are told as parents. */
const TOLD_PARENTS = 3
const CONVERGED_DEVIATION = 1e-7
/** Updates without any change of the best value after which a search has converged (tutorial, appendix B.3). */
const flatUpdates = (dimensions: number, samples: number): number =>
  10 + Math.ceil((30 * dimensions) / samples)

const isDiagonal = (context: SearchContext, { covariance }: Options): boolean =>
  covariance === 'separable' || (covariance === 'auto' && context.space.dimensions > MOST_FULL)

const generationsOfUpdate = (context: SearchContext, options: Options, restarted: number): number =>
  Math.max(options.gather * 2 ** restarted, Math.ceil(LEAST_SAMPLES / context.population))

/** Genes of the slots before they are mirrored. */
function samplesOf(context: SearchContext, told: number, distribution: Distribution): number[][] {
  const root = rootOf(distribution)
  return Array.from({ length: context.population }, (_, slot) => {
    const draws = createDraws(context.seed, `cma-es/${told}/${slot}`)
    const offset = root.times(distribution.mean.map(() => draws.normal()))
    return distribution.mean.map((value, gene) => value + distribution.step * offset[gene]!)
  })
}

const genomeOf = (context: SearchContext, genes: readonly number[]): Genome =>
  context.space.decode(genes.map(reflect))

/** What a generation adds: the sampled genes themselves where the slot kept its proposal, else those of what took its place. */
function scoredSamples(
  context: SearchContext,
  options: Options,
  state: State,
  scored: readonly ScoredCandidate[],
): Sample[] {
  const drawn = state.distribution === null ? [] : samplesOf(context, state.told, state.distribution)
  return scored.flatMap(({ id, genome, slot, objectives, itemScores }) => {
    if (itemScores === null) return []
    const genes = drawn[slot]
    const isOwn = genes !== undefined && canonicalJson(genomeOf(context, genes)) === canonicalJson(genome)
    const value = weightedSum(objectives, options.objectiveWeights)
    return [
      isOwn
        ? { id, genes, isForeign: false, value }
        : { id, genes: context.space.encode(genome), isForeign: true, value },
    ]
  })
}

const bestOf = (samples: readonly Sample[], before: Sample | null): Sample | null =>
  samples.reduce((best: Sample | null, one) => (best === null || one.value > best.value ? one : best), before)

/** A new search elsewhere, where this one has converged and restarts are left. */
function restarted(context: SearchContext, options: Options, state: State): State {
  const { distribution, recent } = state
  if (distribution === null || state.restarted >= options.restarts) return state
  const samples = context.population * generationsOfUpdate(context, options, state.restarted)
  const window = flatUpdates(context.space.dimensions, samples)
  const isFlat = recent.length >= window && recent.every((value) => value === recent[0])
  if (!isFlat && largestDeviation(distribution) > CONVERGED_DEVIATION) return state
  const draws = createDraws(context.seed, `cma-es/restart/${state.restarted}`)
  const mean = context.space.encode(randomProposal(context, draws).genome)
  return {
    ...state,
    distribution: startDistribution(mean, options.step, isDiagonal(context, options)),
    restarted: state.restarted + 1,
    parents: [],
    recent: [],
  }
}

/** Values, best first; equals in the order of their slots. */
const byValue = (samples: readonly Sample[]): Sample[] => [...samples].sort((a, b) => b.value - a.value)

export const cmaEsStrategy: SearchStrategy = {
  name: 'cma-es',
  fields: FIELDS,
  parseOptions: (input) => parseOptionFields(FIELDS, input),
  start: (): State => ({
    told: 0,
    distribution: null,
    start: null,
    gathered: [],
    generations: 0,
    restarted: 0,
    parents: [],
    recent: [],
  }),
  ask(context, _options, given) {
    const { told, distribution, parents } = given as State
    if (distribution === null)
      return fillSlots(context, { purpose: 'cma-es', told, seen: [] }, (draws) =>
        randomProposal(context, draws),
      )
    return samplesOf(context, told, distribution).map((genes) => ({
      genome: genomeOf(context, genes),
      origin: { parents, by: 'sample' },
    }))
  },
  tell(context, givenOptions, givenState, scored) {
    const options = givenOptions as Options
    const state = givenState as State
    const samples = scoredSamples(context, options, state, scored)
    const told = state.told + 1
    if (state.distribution === null) {
      const start = bestOf(samples, state.start)
      const isOver = told >= seedGenerations(context) && start !== null
      const next: State = {
        ...state,
        told,
        start: isOver ? null : start,
        parents: isOver ? [start.id] : [],
        distribution: isOver
          ? startDistribution(start.genes, options.step, isDiagonal(context, options))
          : null,
      }
      return next
    }
    const gathered = [...state.gathered, ...samples]
    const generations = state.generations + 1
    const isComplete =
      generations >= generationsOfUpdate(context, options, state.restarted) && gathered.length >= 2
    if (!isComplete) return { ...state, told, gathered, generations }
    const best = byValue(gathered)
    const window = flatUpdates(context.space.dimensions, gathered.length)
    return restarted(context, options, {
      ...state,
      told,
      distribution: updateDistribution(state.distribution, best),
      gathered: [],
      generations: 0,
      parents: best.slice(0, TOLD_PARENTS).map(({ id }) => id),
      recent: options.restarts === 0 ? [] : [...state.recent, best[0]!.value].slice(-window),
    })
  },
}
