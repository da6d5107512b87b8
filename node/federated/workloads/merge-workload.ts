/** Evolves merges: which method, and how much of which parent in which layers. Scored by the answers that the merged model gives. */
import { readLanguageCard } from '../../compute/models/language-card.ts'
import { invalid, readParams } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Genome } from '../evolve/strategy.ts'
import { withCandidateDirectory } from './candidate-directory.ts'
import { estimatedJoules } from './energy.ts'
import { checkAlike, materialize, modelCids } from './language-parents.ts'
import {
  checkCid,
  countItems,
  isSettled,
  parseLanguageTasks,
  parseSettledTasks,
  type SettledTasks,
  scoreModel,
  settleTasks,
} from './language-tasks.ts'
import {
  checkMergeGenome,
  evolvableMethods,
  type MergeSpace,
  mergeCandidate,
  mergeSpace,
} from './merge-genome.ts'
import { addWinner } from './register-winner.ts'
import type { Workload, WorkloadContext } from './workload.ts'
import type { CandidateName } from './write-candidate.ts'

/** What is the same before and after settling, but for models: ids or CIDs before, CIDs after. */
interface MergeOptions extends JsonObject {
  readonly parents: readonly string[]
  readonly base: string | null
  readonly methods: readonly string[]
  readonly groups: number
  readonly split: boolean
  readonly maxWeight: number
  /** Of what is dropped at random. */
  readonly seed: number
}

interface SettledMerge extends MergeOptions, SettledTasks {
  readonly layers: number
}

const MAX_PARENTS = 8
const MAX_GROUPS = 16
const MAX_LAYERS = 1_024
const SEED = 1

function readMergeOptions(input: JsonObject): { own: MergeOptions; rest: JsonObject } {
  const { parents, base, methods, groups, split, maxWeight, seed, ...rest } = input
  const given = Object.entries({ parents, base, methods, groups, split, maxWeight, seed })
  const reader = readParams(Object.fromEntries(given.filter(([, value]) => value !== undefined)))
  const own = {
    parents: reader.texts('parents', MAX_PARENTS, 128),
    base: reader.optionalText('base', 128),
    methods: reader.optionalTexts('methods', 16, 40) ?? [],
    groups: reader.integer('groups', 1, MAX_GROUPS, 3),
    split: reader.flag('split'),
    maxWeight: reader.optionalNumber('maxWeight', 1, 4) ?? 1,
    seed: reader.integer('seed', 0, Number.MAX_SAFE_INTEGER, SEED),
  }
  if (new Set(own.parents).size < own.parents.length) throw invalid('parents', 'a list without repetitions')
  const fallback = own.base === null ? ['linear'] : ['task_arithmetic', 'ties', 'dare_ties']
  const chosen = own.methods.length === 0 ? fallback : own.methods
  const init = { parents: own.parents.length, hasBase: own.base !== null }
  for (const name of chosen) {
    if (!evolvableMethods(init).includes(name))
      throw invalid(
        'methods',
        `of those that weigh so many models${init.hasBase ? '' : ' without a base'} (${evolvableMethods(init).join(', ')}), not "${name}"`,
      )
  }
  return { own: { ...own, methods: [...new Set(chosen)] }, rest }
}

function settled(options: JsonObject): SettledMerge {
  if (!isSettled(options)) throw new VillageError('EVOLVE_NOT_SETTLED')
  return options as SettledMerge
}

const spaceOf = (options: JsonObject): MergeSpace => {
  const { parents, base, methods, maxWeight, layers, groups, split, selection } = settled(options)
  return {
    parents: parents.length,
    hasBase: base !== null,
    methods,
    maxWeight,
    groups: { layers, groups, split },
    selection,
  }
}

async function build(
  options: SettledMerge,
  genome: Genome,
  outDir: string,
  card: CandidateName | null,
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<{ busyMs: number }> {
  const { parents, base, seed } = options
  const space = spaceOf(options)
  const directories = await materialize(base === null ? parents : [base, ...parents], context)
  const input = {
    parents: base === null ? directories : directories.slice(1),
    base: base === null ? null : directories[0]!,
    layerGroups: space.groups,
    candidate: mergeCandidate(space, genome),
    seed,
    outDir,
    card,
  }
  return context.pool.run('workload.merge', input, { signal })
}

export const mergeWorkload: Workload = {
  kind: 'merge',
  builds: true,
  scoreBits: 1,
  tolerance: { share: 0.03, closeness: 0 },

  parseOptions(input) {
    const whole = readParams({ options: input as JsonObject }).object('options')
    const { own, rest } = readMergeOptions(whole)
    if (!isSettled(rest)) return { ...own, ...parseLanguageTasks(rest) }
    const { layers, items, selection, validation, final, ...stray } = rest
    readParams(stray).end()
    const parents = own.parents.map((cid) => checkCid(cid, 'parents'))
    const base = own.base === null ? null : checkCid(own.base, 'base')
    const depth = readParams({ layers: layers ?? null }).integer('layers', 1, MAX_LAYERS)
    if (own.groups > depth) throw invalid('groups', `at most ${depth}, the layers of the models`)
    const options = {
      ...own,
      parents,
      base,
      layers: depth,
      ...parseSettledTasks({ items, selection, validation, final } as JsonObject),
    }
    mergeSpace(spaceOf(options))
    return options
  },

  async settle(given, context, signal) {
    if (isSettled(given)) return given
    const { own, rest } = readMergeOptions(given)
    const cids = await modelCids(
      own.base === null ? own.parents : [own.base, ...own.parents],
      'language',
      context,
    )
    const directories = await materialize(cids, context)
    const { layers } = await checkAlike(directories, context, signal)
    const parents = own.base === null ? cids : cids.slice(1)
    const groups = Math.min(own.groups, layers)
    const models = { ...own, groups, parents, base: own.base === null ? null : cids[0]!, layers }
    // Base, parents, and the first merge that one would try: enough to tell items apart.
    const unasked = { ...models, items: '', selection: [1], validation: [1], final: [1] }
    const seeds = mergeSpace(spaceOf(unasked)).seeds.slice(0, parents.length + 2)
    const writers = seeds.map((genome) => async (directory: string) => {
      await build(unasked, genome, directory, null, context, signal)
      return directory
    })
    return { ...models, ...(await settleTasks(parseLanguageTasks(rest), writers, context, signal)) }
  },

  space: (options) => mergeSpace(spaceOf(options)),
  items: (options, split) => countItems(settled(options)[split]),
  inputs(options) {
    const { parents, base, items } = settled(options)
    return [...new Set([...(base === null ? [] : [base]), ...parents, items])]
  },
  objectives: () => [],
  checkGenome: (options, genome) => checkMergeGenome(spaceOf(options), genome),

  score: (options, genome, split, context, signal) =>
    withCandidateDirectory(context.workDirectory, async (directory) => {
      const { busyMs } = await build(settled(options), genome, directory, null, context, signal)
      const scored = await scoreModel(settled(options), directory, split, context, signal)
      return {
        itemScores: scored.itemScores,
        busyMs: scored.busyMs + busyMs,
        joules: scored.joules + estimatedJoules(busyMs),
      }
    }),

  build: (options, genome, context, { id, pin }, signal) =>
    withCandidateDirectory(context.workDirectory, async (directory) => {
      const { base, parents } = settled(options)
      const card = { name: id, title: `${id}, merged by evolution`, source: 'village evolve' }
      await build(settled(options), genome, directory, card, context, signal)
      const { parameters } = readLanguageCard(directory)
      const { title, source } = card
      const about = {
        id,
        pin,
        kind: 'language' as const,
        title,
        source,
        parent: base ?? parents[0]!,
        parameters,
      }
      return addWinner(context, directory, about, signal)
    }),
}
