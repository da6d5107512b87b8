/**
 * Evolves a language model itself, by evolution strategies without a gradient: steps along random directions of low rank, each of which
 * a seed stands for. A candidate is a model plus the sum of its steps.
 */
import { readLanguageCard } from '../../compute/models/language-card.ts'
import { readParams } from '../../compute/tasks/read-params.ts'
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
import { MAX_DIRECTIONS, perturbSpace, perturbSteps } from './perturb-genome.ts'
import { addWinner } from './register-winner.ts'
import type { Workload, WorkloadContext } from './workload.ts'
import type { CandidateName } from './write-candidate.ts'

interface PerturbOptions extends JsonObject {
  /** Id or CID before settling, CID after. */
  readonly model: string
  /** How many directions there are to go along. */
  readonly directions: number
  readonly rank: number
  /** The largest step along a direction, as a share of the root mean square of a matrix. */
  readonly largest: number
  /** Of the first direction. */
  readonly seed: number
}

interface SettledPerturb extends PerturbOptions, SettledTasks {}

const MAX_RANK = 64
/** Seeds of directions follow one another and stay whole numbers. */
const MAX_SEED = Number.MAX_SAFE_INTEGER - MAX_DIRECTIONS

function readOptions(input: JsonObject): { own: PerturbOptions; rest: JsonObject } {
  const { model, directions, rank, largest, seed, ...rest } = input
  const given = Object.entries({ model, directions, rank, largest, seed })
  const reader = readParams(Object.fromEntries(given.filter(([, value]) => value !== undefined)))
  const own = {
    model: reader.text('model', 128),
    directions: reader.integer('directions', 1, MAX_DIRECTIONS, 32),
    rank: reader.integer('rank', 1, MAX_RANK, 4),
    largest: reader.optionalNumber('largest', 1e-6, 1) ?? 0.1,
    seed: reader.integer('seed', 0, MAX_SEED, 1),
  }
  return { own, rest }
}

function settled(options: JsonObject): SettledPerturb {
  if (!isSettled(options)) throw new VillageError('EVOLVE_NOT_SETTLED')
  return options as SettledPerturb
}

async function build(
  options: PerturbOptions,
  genome: Genome,
  outDir: string,
  card: CandidateName | null,
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<{ busyMs: number }> {
  const { model, rank, largest, seed } = options
  const [modelDir] = await materialize([model], context)
  const steps = perturbSteps(options, genome)
  const input = { modelDir: modelDir!, seed, steps, rank, largest, outDir, card }
  return context.pool.run('workload.perturb', input, { signal })
}

export const perturbWorkload: Workload = {
  kind: 'perturbation',
  builds: true,
  scoreBits: 1,
  tolerance: { share: 0.03, closeness: 0 },

  parseOptions(input) {
    const whole = readParams({ options: input as JsonObject }).object('options')
    const { own, rest } = readOptions(whole)
    if (!isSettled(rest)) return { ...own, ...parseLanguageTasks(rest) }
    const { items, selection, validation, final, ...stray } = rest
    readParams(stray).end()
    const tasks = parseSettledTasks({ items, selection, validation, final } as JsonObject)
    return { ...own, model: checkCid(own.model, 'model'), ...tasks }
  },

  async settle(given, context, signal) {
    if (isSettled(given)) return given
    const { own, rest } = readOptions(given)
    const [model] = await modelCids([own.model], 'language', context)
    const options = { ...own, model: model! }
    await checkAlike(await materialize([model!], context), context, signal)
    const seeds = perturbSpace({ directions: own.directions, selection: [] }).seeds.slice(0, 4)
    const writers = seeds.map((genome) => async (directory: string) => {
      await build(options, genome, directory, null, context, signal)
      return directory
    })
    return { ...options, ...(await settleTasks(parseLanguageTasks(rest), writers, context, signal)) }
  },

  space: (options) => perturbSpace(settled(options)),
  items: (options, split) => countItems(settled(options)[split]),
  inputs: (options) => [settled(options).model, settled(options).items],
  objectives: () => [],
  checkGenome(options, genome) {
    perturbSteps(settled(options), genome)
  },

  score: (options, genome, split, context, signal) =>
    withCandidateDirectory(context.workDirectory, async (directory) => {
      const { busyMs } = await build(settled(options), genome, directory, null, context, signal)
      const scored = await scoreModel(settled(options), directory, split, context, signal)
      const allMs = scored.busyMs + busyMs
      return { itemScores: scored.itemScores, busyMs: allMs, joules: estimatedJoules(allMs) }
    }),

  build: (options, genome, context, { id, pin }, signal) =>
    withCandidateDirectory(context.workDirectory, async (directory) => {
      const own = settled(options)
      const card = { name: id, title: `${id}, moved by evolution`, source: 'village evolve' }
      await build(own, genome, directory, card, context, signal)
      const { parameters } = readLanguageCard(directory)
      const { title, source } = card
      const about = { id, pin, kind: 'language' as const, title, source, parent: own.model, parameters }
      return addWinner(context, directory, about, signal)
    }),
}
