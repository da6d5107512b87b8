/** A run of evolution in one process without ledger or scorers: what a strategy does with exact scores of its proposals. */
import { createHash } from 'node:crypto'
import type {
  Genome,
  GenomeSpace,
  ScoredCandidate,
  SearchContext,
  SearchStrategy,
} from '../../node/federated/evolve/strategy.ts'
import { canonicalJson, type JsonObject, type JsonValue } from '../../node/json.ts'

/** A space whose genomes are the genes themselves. */
export function realSpace(
  dimensions: number,
  init: {
    seeds?: readonly (readonly number[])[]
    groups?: readonly number[]
    describe?: GenomeSpace['describe']
  } = {},
): GenomeSpace {
  return {
    dimensions,
    groups: init.groups ?? [0],
    seeds: (init.seeds ?? [Array.from({ length: dimensions }, () => 0.8)]).map((x) => ({ x })),
    decode: (genes) => ({ x: [...genes] }),
    encode: (genome) => [...genesIn(genome)],
    describe: init.describe ?? (() => null),
  }
}

export const genesIn = (genome: Genome): readonly number[] => genome.x as readonly number[]

export interface Evaluation {
  readonly objectives: readonly number[]
  /** Null: nobody scored it. By default an empty list. */
  readonly itemScores?: readonly number[] | null
}

export interface SimulatedGeneration {
  readonly scored: readonly ScoredCandidate[]
  readonly state: JsonValue
}

export interface SimulatedRun {
  readonly context: SearchContext
  readonly generations: readonly SimulatedGeneration[]
  /** Genomes that were scored, each once. */
  readonly evaluations: number
  readonly best: ScoredCandidate
  readonly state: JsonValue
}

export function simulateRun(
  strategy: SearchStrategy,
  init: {
    space: GenomeSpace
    population: number
    generations: number
    seed?: number
    options?: JsonObject
    evaluate(genome: Genome): Evaluation
    /** Ends the run early, such as when the target is met. */
    isDone?(best: ScoredCandidate): boolean
  },
): SimulatedRun {
  const context: SearchContext = { space: init.space, seed: init.seed ?? 1, population: init.population }
  const options = strategy.parseOptions(init.options ?? {})
  const memo = new Map<string, { evaluation: Evaluation; id: string }>()
  const generations: SimulatedGeneration[] = []
  let state = strategy.start(context, options)
  let best: ScoredCandidate | null = null
  for (let generation = 0; generation < init.generations; generation++) {
    const scored = strategy.ask(context, options, state).map(({ genome }, slot): ScoredCandidate => {
      const key = JSON.stringify(genome)
      const known = memo.get(key) ?? { evaluation: init.evaluate(genome), id: `${generation}.${slot}` }
      memo.set(key, known)
      const { objectives, itemScores = [] } = known.evaluation
      return { slot, genome, objectives, itemScores, id: known.id }
    })
    state = strategy.tell(context, options, state, scored)
    generations.push({ scored, state })
    for (const one of scored)
      if (one.itemScores !== null && (best === null || one.objectives[0]! > best.objectives[0]!)) best = one
    if (best !== null && init.isDone?.(best) === true) break
  }
  if (best === null) throw new Error('nothing was scored')
  return { context, generations, evaluations: memo.size, best, state }
}

/** Of the state of a strategy: equal on every machine and version, or members of a run would part. */
export const stateHash = (state: JsonValue): string =>
  createHash('sha256').update(canonicalJson(state)).digest('hex').slice(0, 16)
