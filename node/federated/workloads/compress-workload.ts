/**
 * Evolves compression recipes: which codec for which weights, within a size. Scored by what the compressed model keeps: for an
 * encoder how near its vectors stay to the original's, for a language model how many items it answers rightly.
 */
import path from 'node:path'
import { readAnyCard } from '../../compute/models/model-card.ts'
import { readParams } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Genome } from '../evolve/strategy.ts'
import { withCandidateDirectory } from './candidate-directory.ts'
import { type CompressRecipe, writePackedCandidate } from './compress-candidate.ts'
import { chosenBy, compressSpace, recipeBytes } from './compress-genome.ts'
import {
  compressSpaceOf,
  parseEncoderTexts,
  readCompressOptions,
  readSettledCompress,
  type SettledCompress,
  settledCompress,
} from './compress-options.ts'
import { surveyWeights } from './compress-survey.ts'
import { estimatedJoules } from './energy.ts'
import { materialize } from './language-parents.ts'
import {
  countItems,
  INPUTS_PIN,
  isSettled,
  parseLanguageTasks,
  type SettledTasks,
  scoreModel,
  settleTasks,
} from './language-tasks.ts'
import { addPackedWinner } from './register-winner.ts'
import type { ItemSplit, Workload, WorkloadContext, WorkloadScore } from './workload.ts'

function recipeOf(options: SettledCompress, genome: Genome): CompressRecipe {
  const chosen = chosenBy(compressSpaceOf(options), genome)
  return new Map(
    options.groups.flatMap(({ weights }, group) =>
      weights.map((name) => [name, options.choices[chosen[group]!]!] as const),
    ),
  )
}

async function scoreDirectory(
  options: SettledCompress,
  originalDir: string,
  modelDir: string,
  split: ItemSplit,
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<WorkloadScore> {
  if (options.kind === 'language') return scoreModel(options, modelDir, split, context, signal)
  const itemsDir = await context.artifacts.materialize(options.items, context.modelsDirectory)
  const input = { originalDir, modelDir, itemsDir, split, count: countItems(options[split]) }
  const { scores, busyMs } = await context.pool.run('workload.scoreEncoder', input, { signal })
  return { itemScores: scores, busyMs, joules: estimatedJoules(busyMs) }
}

async function settleItems(
  kind: 'encoder' | 'language',
  rest: JsonObject,
  modelDir: string,
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<SettledTasks> {
  // What the original knows tells little of what compression loses: items are not chosen by it alone.
  if (kind === 'language')
    return settleTasks(parseLanguageTasks({ choose: 1, ...rest }), [async () => modelDir], context, signal)
  const { data, ...texts } = parseEncoderTexts(rest)
  if (data !== null) await context.artifacts.fetch(data, { signal })
  const source = data === null ? null : await context.artifacts.materialize(data, context.modelsDirectory)
  return withCandidateDirectory(context.workDirectory, async (directory) => {
    const outDir = path.join(directory, 'items')
    const counts = await context.pool.run(
      'workload.encoderItems',
      { ...texts, path: source, outDir },
      { signal },
    )
    const { cid } = await context.artifacts.addPath(outDir, {
      name: 'evolution items',
      pin: INPUTS_PIN,
      signal,
    })
    return { items: cid, ...counts }
  })
}

export const compressWorkload: Workload = {
  kind: 'compression',
  builds: true,
  scoreBits: 8,
  tolerance: { share: 0.03, closeness: 3 },

  parseOptions(input) {
    const whole = readParams({ options: input as JsonObject }).object('options')
    if (isSettled(whole)) return readSettledCompress(whole)
    const { own, rest } = readCompressOptions(whole)
    // An encoder and a language model say what they are scored by in other words.
    return { ...own, ...('tasks' in rest ? parseLanguageTasks(rest) : parseEncoderTexts(rest)) }
  },

  async settle(given, context, signal) {
    if (isSettled(given)) return given
    const { own, rest } = readCompressOptions(given)
    const entry = await context.models.need(own.model)
    if (entry.kind !== 'encoder' && entry.kind !== 'language')
      throw new VillageError(
        'INVALID_ARGUMENT',
        `"${entry.id}" is of the kind ${entry.kind}: nothing measures what it keeps`,
        {
          fields: { argument: 'model' },
        },
      )
    const [modelDir] = await materialize([entry.cid], context)
    const survey = await surveyWeights({ ...own, modelDir: modelDir! }, context, signal)
    const items = await settleItems(entry.kind, rest, modelDir!, context, signal)
    const options = { model: entry.cid, kind: entry.kind, ...survey, ...items }
    compressSpace(compressSpaceOf(options))
    return options
  },

  space: (options) => compressSpace(compressSpaceOf(settledCompress(options))),
  items: (options, split) => countItems(settledCompress(options)[split]),
  inputs: (options) => [settledCompress(options).model, settledCompress(options).items],
  /** The share of the bytes that is saved. */
  objectives(options, genome) {
    const own = settledCompress(options)
    return [1 - recipeBytes(own, chosenBy(compressSpaceOf(own), genome)) / own.fullBytes]
  },
  checkGenome(options, genome) {
    chosenBy(compressSpaceOf(settledCompress(options)), genome)
  },

  score: (options, genome, split, context, signal) =>
    withCandidateDirectory(context.workDirectory, async (directory) => {
      const own = settledCompress(options)
      const [modelDir] = await materialize([own.model], context)
      const packedDir = path.join(directory, 'packed')
      const outDir = path.join(directory, 'model')
      const init = { modelDir: modelDir!, recipe: recipeOf(own, genome), outDir: packedDir }
      const { busyMs } = await writePackedCandidate(context, init, signal)
      const start = performance.now()
      await context.pool.run('packed.unpack', { packedDir, outDir, runtime: 'float' }, { signal })
      const unpackMs = performance.now() - start
      const scored = await scoreDirectory(own, modelDir!, outDir, split, context, signal)
      const allMs = scored.busyMs + busyMs + unpackMs
      return { itemScores: scored.itemScores, busyMs: allMs, joules: estimatedJoules(allMs) }
    }),

  build: (options, genome, context, { id, pin }, signal) =>
    withCandidateDirectory(context.workDirectory, async (directory) => {
      const own = settledCompress(options)
      const [modelDir] = await materialize([own.model], context)
      const packedDir = path.join(directory, 'packed')
      await writePackedCandidate(
        context,
        { modelDir: modelDir!, recipe: recipeOf(own, genome), outDir: packedDir },
        signal,
      )
      const card = readAnyCard(modelDir!)
      const about = {
        id,
        pin,
        kind: own.kind,
        title: `${card.title}, compressed by evolution`,
        source: 'village evolve',
        parent: own.model,
        parameters: card.parameters,
      }
      return addPackedWinner(context, packedDir, about, signal)
    }),
}
