/**
 * A merge recipe as a genome: `{"m": "ties", "w": [[800, 0, 40], …], "d": [60, …]}` has the method, by layer group the weight of each parent
 * in thousandths, and by layer group the share of the task vectors that is kept, in hundredths. Pure.
 *
 * The gene of a weight is its square root: what models share survives small steps away from the base, and it is there that genes
 * have to tell weights apart (merging specialists of village-lm, half of the gain of a task is had at weights below 0.2).
 */
import { invalid } from '../../compute/tasks/read-params.ts'
import { canonicalJson } from '../../json.ts'
import type { Genome, GenomeSpace } from '../evolve/strategy.ts'
import { MAX_GENOME_BYTES } from '../evolve/strategy.ts'
import type { MergeMethod } from '../merge/methods/method.ts'
import { MERGE_METHODS, methodNamed } from '../merge/methods/table.ts'
import {
  checkList,
  checkMembers,
  checkWhole,
  geneOfStep,
  geneOfWhole,
  stepOf,
  wholeOf,
} from './gene-steps.ts'
import { groupCount, type LayerGroups } from './layer-groups.ts'

export interface MergeSpace {
  readonly parents: number
  readonly hasBase: boolean
  readonly methods: readonly string[]
  /** The weight of a gene of 1. */
  readonly maxWeight: number
  readonly groups: LayerGroups
  /** Items of selection by task: behaviour is the mean of each. */
  readonly selection: readonly number[]
}

/** What a genome says, by layer group. */
export interface MergeCandidate {
  readonly method: string
  readonly groups: readonly { readonly weights: readonly number[]; readonly density: number }[]
}

/** A weight of 1. */
const UNIT = 1_000
const FULL_DENSITY = 100
const MIN_DENSITY = 5
/** Where a one-shot merge keeps only a part: what TIES and DARE propose is between 0.2 and 0.9. */
const SEED_DENSITY = 60

/** Methods that weigh models and need nothing else that has no default. */
export function isEvolvable(method: MergeMethod, init: { parents: number; hasBase: boolean }): boolean {
  const { parents, hasBase } = init
  const needed = Object.entries({ ...method.byModel, ...method.global }).filter(
    ([name, { absent }]) => absent === null && name !== 'weight',
  )
  const fits = parents >= method.models.min && parents <= method.models.max
  return needed.length === 0 && fits && 'weight' in method.byModel && (hasBase || method.base !== 'required')
}

export const evolvableMethods = (init: { parents: number; hasBase: boolean }): string[] =>
  Object.values(MERGE_METHODS)
    .filter((method) => isEvolvable(method, init))
    .map(({ name }) => name)

/** Throws INVALID_ARGUMENT. */
export function needMethod(name: string): MergeMethod {
  const method = methodNamed(name)
  if (method === undefined) throw invalid('method', 'a method of merging')
  return method
}

/** In thousandths. */
const mostWeight = ({ maxWeight }: MergeSpace): number => Math.round(maxWeight * UNIT)

function weightOf(gene: number, most: number): number {
  const share = Math.min(1, Math.max(0, gene))
  return Math.round(share * share * most)
}

const hasDensity = (name: string): boolean => 'density' in needMethod(name).byModel

interface Recipe {
  readonly m: string
  readonly w: readonly (readonly number[])[]
  readonly d: readonly number[]
}

function toGenome({ m, w, d }: Recipe): Genome {
  return hasDensity(m) ? { d, m, w } : { m, w }
}

/** Throws INVALID_ARGUMENT naming the gene. */
function readGenome(space: MergeSpace, genome: Genome): Recipe {
  const groups = groupCount(space.groups)
  checkMembers(genome, ['m', 'w', 'd'])
  const m = space.methods.find((name) => name === genome.m)
  if (m === undefined) throw invalid('m', `one of ${space.methods.join(', ')}`)
  const w = checkList(genome.w, groups, 'w').map((row) =>
    checkList(row, space.parents, 'w').map((value) => checkWhole(value, 0, mostWeight(space), 'w')),
  )
  if (!hasDensity(m)) {
    if (genome.d !== undefined) throw invalid('d', 'left out: the method keeps all')
    return { m, w, d: new Array<number>(groups).fill(FULL_DENSITY) }
  }
  const d = checkList(genome.d, groups, 'd').map((value) => checkWhole(value, MIN_DENSITY, FULL_DENSITY, 'd'))
  return { m, w, d }
}

export function checkMergeGenome(space: MergeSpace, genome: Genome): void {
  readGenome(space, genome)
}

export function mergeCandidate(space: MergeSpace, genome: Genome): MergeCandidate {
  const { m, w, d } = readGenome(space, genome)
  const groups = w.map((row, group) => ({
    weights: row.map((value) => value / UNIT),
    density: d[group]! / FULL_DENSITY,
  }))
  return { method: m, groups }
}

/** The base and each parent as they are, then merges that one would try first. */
function seedsOf(space: MergeSpace): { genome: Genome; name: string }[] {
  const { parents, hasBase } = space
  const weight = (value: number) => Math.round(value * UNIT)
  const recipe = (m: string, row: readonly number[], density: number): Genome => {
    const fill = <T>(value: T): T[] => new Array<T>(groupCount(space.groups)).fill(value)
    return toGenome({ m, w: fill(row), d: fill(density) })
  }
  const even = (value: number) => new Array<number>(parents).fill(value)
  const plain = space.methods[0]!
  const alone = Array.from({ length: parents }, (_, parent) => ({
    genome: recipe(
      plain,
      even(0).map((_, other) => (other === parent ? weight(1) : 0)),
      FULL_DENSITY,
    ),
    name: `parent ${parent + 1}`,
  }))
  // Without any weight a group is that of the base, whatever the method.
  const base = hasBase ? [{ genome: recipe(plain, even(0), FULL_DENSITY), name: 'base' }] : []
  // A method that divides by the weights gives the same for all even ones.
  const shares = hasBase ? [1 / parents, 1 / (2 * parents)] : [1 / parents]
  const oneShot = space.methods.flatMap((m) =>
    shares.map((share) => ({
      genome: recipe(m, even(weight(share)), SEED_DENSITY),
      name: `${m}, each ${share.toFixed(2)}`,
    })),
  )
  const seen = new Set<string>()
  return [...base, ...alone, ...oneShot].filter(
    ({ genome }) => seen.size < seen.add(canonicalJson(genome)).size,
  )
}

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length

/** The mean by task of the items of selection. */
export function taskMeans(itemScores: readonly number[], selection: readonly number[]): number[] {
  let at = 0
  return selection.map((count) => {
    const own = itemScores.slice(at, at + count)
    at += count
    return meanOf(own)
  })
}

/** Throws INVALID_ARGUMENT where a genome would be too long to travel. */
export function mergeSpace(space: MergeSpace): GenomeSpace {
  const groups = groupCount(space.groups)
  const withMethod = space.methods.length > 1
  const withDensity = space.methods.some(hasDensity)
  const first = withMethod ? 1 : 0
  const stride = space.parents + (withDensity ? 1 : 0)
  const longest = space.methods.reduce((a, b) => (b.length > a.length ? b : a))
  const sizeBytes = canonicalJson({
    m: longest,
    w: Array.from({ length: groups }, () => new Array<number>(space.parents).fill(mostWeight(space))),
    d: new Array<number>(groups).fill(FULL_DENSITY),
  }).length
  if (sizeBytes > MAX_GENOME_BYTES) throw invalid('groups', 'fewer: a genome would be too long to travel')
  const seeds = seedsOf(space)
  const starts = Array.from({ length: groups }, (_, group) => first + group * stride)
  return {
    dimensions: first + groups * stride,
    groups: withMethod ? [0, ...starts] : starts,
    seeds: seeds.map(({ genome }) => genome),
    seedNames: seeds.map(({ name }) => name),
    decode(genes) {
      const m = space.methods[withMethod ? stepOf(genes[0]!, space.methods.length) : 0]!
      const w = starts.map((at) =>
        Array.from({ length: space.parents }, (_, parent) =>
          weightOf(genes[at + parent]!, mostWeight(space)),
        ),
      )
      const d = starts.map((at) =>
        withDensity ? wholeOf(genes[at + space.parents]!, MIN_DENSITY, FULL_DENSITY) : FULL_DENSITY,
      )
      return toGenome({ m, w, d })
    },
    encode(genome) {
      const { m, w, d } = readGenome(space, genome)
      const genes = w.flatMap((row, group) => [
        ...row.map((value) => Math.sqrt(value / mostWeight(space))),
        ...(withDensity ? [geneOfWhole(d[group]!, MIN_DENSITY, FULL_DENSITY)] : []),
      ])
      return withMethod ? [geneOfStep(space.methods.indexOf(m), space.methods.length), ...genes] : genes
    },
    describe: (_, itemScores) => taskMeans(itemScores, space.selection),
  }
}
