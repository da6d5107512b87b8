/**
 * Evolves how knowledge is searched, as Sage does for every answer: the share of the vectors, whether queries are expanded, how many
 * passages are put up for fusion. Scored by judged queries; the winner is the genome itself, `{"c": 200, "f": 1, "w": 45}`.
 */
import {
  judgedFiles,
  readJudgedDocuments,
  readJudgedQueries,
} from '../../compute/evaluate/judged-collection.ts'
import { invalid, readParams } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Genome, GenomeSpace } from '../evolve/strategy.ts'
import { estimatedJoules } from './energy.ts'
import { checkMembers, checkWhole, geneOfStep, geneOfWhole, stepOf, wholeOf } from './gene-steps.ts'
import { contentShare, splitOf } from './item-sets.ts'
import { checkCid } from './language-tasks.ts'
import { SPLITS } from './task-items.ts'
import type { ItemSplit, SearchSettings, Workload } from './workload.ts'

interface AgentOptions extends JsonObject {
  /** CID of a directory in BEIR's layout. */
  readonly judged: string
  readonly finalShare: number
  /** Settings in use. They are the only seed then: what a run begins with cannot be its gain (rounds/finale.ts), and any other may be. */
  readonly present?: Genome
}

interface SettledAgent extends AgentOptions {
  /** Judged queries of each split. */
  readonly selection: number
  readonly validation: number
  readonly final: number
}

const MAX_WEIGHT = 100
/** As many as a person is shown, up to what a search may put up. */
const CANDIDATES: readonly number[] = [10, 20, 50, 100, 200, 500, 1_000]
/** Of a search for ten hits that says nothing else. */
const DEFAULT_CANDIDATES = 100
const MAX_QUERIES = 20_000

function settled(options: JsonObject): SettledAgent {
  if (!('selection' in options)) throw new VillageError('EVOLVE_NOT_SETTLED')
  return options as SettledAgent
}

/** Throws INVALID_ARGUMENT naming the gene. */
export function searchSettings(genome: Genome): SearchSettings {
  checkMembers(genome, ['w', 'f', 'c'])
  const candidates = CANDIDATES.find((count) => count === genome.c)
  if (candidates === undefined) throw invalid('c', `one of ${CANDIDATES.join(', ')}`)
  return {
    weight: checkWhole(genome.w, 0, MAX_WEIGHT, 'w') / MAX_WEIGHT,
    feedback: checkWhole(genome.f, 0, 1, 'f') === 1,
    candidates,
  }
}

const genomeOf = (w: number, f: number, c: number): Genome => ({ c, f, w })

/** The genome that is nearest to settings in use. */
export function presentGenome(settings: {
  readonly weight: number
  readonly feedback: boolean
  readonly candidates: number | null
}): Genome {
  const wanted = settings.candidates ?? DEFAULT_CANDIDATES
  const nearest = CANDIDATES.reduce((best, count) =>
    Math.abs(count - wanted) < Math.abs(best - wanted) ? count : best,
  )
  return genomeOf(Math.round(settings.weight * MAX_WEIGHT), settings.feedback ? 1 : 0, nearest)
}

const SPACE: GenomeSpace = {
  dimensions: 3,
  groups: [0, 1, 2],
  // How searches go unless they are told otherwise, words alone, vectors alone, and all with expanded queries.
  seeds: [50, 0, 100].flatMap((w) => [0, 1].map((f) => genomeOf(w, f, DEFAULT_CANDIDATES))),
  decode: (genes) =>
    genomeOf(
      wholeOf(genes[0]!, 0, MAX_WEIGHT),
      stepOf(genes[1]!, 2),
      CANDIDATES[stepOf(genes[2]!, CANDIDATES.length)]!,
    ),
  encode(genome) {
    const { weight, feedback, candidates } = searchSettings(genome)
    return [
      geneOfWhole(Math.round(weight * MAX_WEIGHT), 0, MAX_WEIGHT),
      geneOfStep(feedback ? 1 : 0, 2),
      geneOfStep(CANDIDATES.indexOf(candidates), CANDIDATES.length),
    ]
  },
  describe(genome) {
    const { weight, candidates } = searchSettings(genome)
    return [weight, CANDIDATES.indexOf(candidates) / (CANDIDATES.length - 1)]
  },
}

/** Ids of the judged queries of a split, in the order of a hash of their texts. */
function queriesOf(folder: string, split: ItemSplit, finalShare: number): string[] {
  const files = judgedFiles(folder, { needsCorpus: true })
  const documents = new Set(readJudgedDocuments(files.corpus).map(({ id }) => id))
  return readJudgedQueries(files, (id) => documents.has(id))
    .filter(({ text }) => splitOf(text, finalShare) === split)
    .sort((a, b) => contentShare(a.text) - contentShare(b.text) || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id)
}

export const agentWorkload: Workload = {
  kind: 'agent',
  builds: false,
  scoreBits: 8,
  tolerance: { share: 0.05, closeness: 8 },

  parseOptions(input) {
    const reader = readParams(input)
    const judged = checkCid(reader.text('judged', 128), 'judged')
    const finalShare = reader.optionalNumber('finalShare', 0.05, 0.95) ?? 0.5
    const present = reader.object('present')
    if (Object.keys(present).length > 0) searchSettings(present)
    const own = { judged, finalShare, ...(Object.keys(present).length > 0 && { present }) }
    const [selection, validation, final] = SPLITS.map((name) => reader.optionalNumber(name, 0, MAX_QUERIES))
    reader.end()
    if (selection === null && validation === null && final === null) return own
    const isCount = (value: unknown, least: number) => Number.isInteger(value) && (value as number) >= least
    if (!isCount(selection, 1) || !isCount(validation, 0) || !isCount(final, 1))
      throw invalid('selection', 'numbers of queries')
    return { ...own, selection: selection!, validation: validation!, final: final! }
  },

  async settle(given, context, signal) {
    if ('selection' in given) return given
    const { judged, finalShare, ...rest } = given as AgentOptions
    await context.artifacts.fetch(judged, { signal })
    const folder = await context.artifacts.materialize(judged, context.modelsDirectory)
    const count = (split: ItemSplit): number => {
      const { length } = queriesOf(folder, split, finalShare)
      if ((length === 0 && split !== 'validation') || length > MAX_QUERIES)
        throw invalid('judged', `1 to ${MAX_QUERIES} queries for ${split}`)
      return length
    }
    return {
      ...rest,
      judged,
      finalShare,
      selection: count('selection'),
      validation: count('validation'),
      final: count('final'),
    }
  },

  space(options) {
    const { present } = settled(options)
    if (present === undefined) return SPACE
    return { ...SPACE, seeds: [present] }
  },
  items: (options, split) => settled(options)[split],
  inputs: (options) => [settled(options).judged],
  objectives: () => [],
  checkGenome(_, genome) {
    searchSettings(genome)
  },

  async score(options, genome, split, context, signal) {
    const { judged, finalShare } = settled(options)
    if (context.search === undefined) throw new VillageError('EVOLVE_NOT_HERE')
    const folder = await context.artifacts.materialize(judged, context.modelsDirectory)
    const start = performance.now()
    const queries = queriesOf(folder, split, finalShare)
    const itemScores = await context.search.score(folder, searchSettings(genome), queries, signal)
    const busyMs = performance.now() - start
    return { itemScores, busyMs, joules: estimatedJoules(busyMs) }
  },

  build: async () => null,
}
