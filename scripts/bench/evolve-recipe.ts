/**
 * A compression recipe of the embedded encoder by evolution, held against the best single codec of no larger size: every single codec is
 * measured on the final texts, and the recipe may take as many bytes as one of them takes, not one more.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ReportView } from '../../node/cli/evolve-view.ts'
import type { CodecRow } from '../../node/federated/workloads/compress-candidate.ts'
import { chosenBy, recipeBytes } from '../../node/federated/workloads/compress-genome.ts'
import {
  compressSpaceOf,
  type SettledCompress,
  settledCompress,
} from '../../node/federated/workloads/compress-options.ts'
import { compressWorkload } from '../../node/federated/workloads/compress-workload.ts'
import type { JsonObject } from '../../node/json.ts'
import { startWorkloadNode } from '../../test/helpers/workload-node.ts'
import type { LocalNode } from '../localnet.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'
import { startBenchNode } from './compress-daemon.ts'
import { runEvolution, stateOf } from './evolve-runs.ts'

const MODEL = 'encoder'
const P_BAR = 0.05
const BITS = 8
const FLOAT_BYTES = 4
/** Every codec fits. */
const NO_BUDGET_BITS = 32

export interface RecipeSetting {
  /** What a recipe chooses from; those that cost more and keep less than one of these would only lengthen the search. */
  readonly choices: readonly CodecRow[]
  /** Codecs at whose size a recipe is evolved, as nameOf() has them. */
  readonly sizes: readonly string[]
  readonly workload: JsonObject
  readonly strategy: JsonObject
  readonly population: number
  readonly generations: number
}

export const RECIPE_SETTING: RecipeSetting = {
  choices: [
    { codec: 'trellis', params: { bits: 2 } },
    { codec: 'trellis', params: { bits: 3 } },
    { codec: 'trellis', params: { bits: 4 } },
    { codec: 'int4', params: { blockSize: 128 } },
    { codec: 'int8', params: {} },
  ],
  sizes: ['trellis 3', 'trellis 4'],
  workload: { selectionItems: 240, finalItems: 600 },
  // Genes are choices of five: a change has to reach the next one.
  strategy: { name: 'tournament', options: { mutation: 'gaussian', mutationDeviation: 0.25 } },
  population: 12,
  generations: 16,
}

interface Single {
  readonly name: string
  readonly bytes: number
  readonly kept: number
}

/** `trellis 3`, `int4 in 32s`. */
function nameOf({ codec, params }: CodecRow): string {
  if (codec === 'int4' || codec === 'int8') return `${codec} in ${params.blockSize}s`
  return params.bits === undefined ? codec : `${codec} ${params.bits}`
}

const meanOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length

/** Each codec alone for all weights: bytes, and what the final texts keep. */
async function measureSingles(
  { log, signal }: BenchContext,
  setting: RecipeSetting,
): Promise<{ singles: Single[]; elements: number }> {
  const node = await startWorkloadNode()
  try {
    await node.models.add({ embedded: MODEL })
    const given = { model: MODEL, bitsPerWeight: NO_BUDGET_BITS, ...setting.workload }
    const options = settledCompress(
      await compressWorkload.settle(compressWorkload.parseOptions(given), node.context, signal),
    )
    const singles: Single[] = []
    for (const [choice, row] of options.choices.entries()) {
      const chosen = options.groups.map(() => choice)
      const genome = compressWorkload.space(options).seeds[choice]!
      const { itemScores } = await compressWorkload.score(options, genome, 'final', node.context, signal)
      singles.push({ name: nameOf(row), bytes: recipeBytes(options, chosen), kept: meanOf(itemScores) })
      log(
        `${singles.at(-1)!.name} alone: ${singles.at(-1)!.bytes} bytes, kept ${singles.at(-1)!.kept.toFixed(4)}`,
      )
    }
    return { singles, elements: options.fullBytes / FLOAT_BYTES }
  } finally {
    await node.stop()
  }
}

/** `c` of the genome, with what it stands for. */
function describe(options: SettledCompress, genome: JsonObject): string {
  const chosen = chosenBy(compressSpaceOf(options), genome)
  return options.groups
    .map(({ weights }, group) => `${weights[0]}: ${nameOf(options.choices[chosen[group]!]!)}`)
    .join(', ')
}

/** The codec that all weights have; null for a mixture. */
function singleOf(options: SettledCompress, genome: JsonObject): string | null {
  const chosen = new Set(chosenBy(compressSpaceOf(options), genome))
  return chosen.size === 1 ? nameOf(options.choices[[...chosen][0]!]!) : null
}

function reportOutcome(
  { report, log }: BenchContext,
  { size, best }: { readonly size: Single; readonly best: Single },
  outcome: ReportView,
  options: SettledCompress,
): void {
  const { final } = outcome
  if (final === null) throw new Error(`at ${size.name} the run ended as ${outcome.endReason}`)
  const name = `recipe at the size of ${size.name}`
  const rows = final.rows.map((row) => ({ ...row, kept: row.mean?.value ?? Number.NaN }))
  const winner = rows.find(({ kind }) => kind === 'winner')!
  // Seeds are the single codecs that fit, then what `auto` would choose.
  const seeds = rows.filter(({ kind }) => kind === 'seed')
  const auto = seeds.at(-1)!
  const single = seeds.find(({ genome }) => singleOf(options, genome) === best.name)
  if (single === undefined) throw new Error(`${best.name} is better than what the recipe chooses from`)
  const against = (id: string) => final.comparisons.find(({ seed }) => seed === id)!
  log(`${name}: ${describe(options, winner.genome)}`)
  const kept = { unit: 'kept', better: 'higher', bar: null } as const
  report({ case: `${name}: evolved`, value: winner.kept, ...kept })
  report({ case: `${name}: best single codec that fits`, value: single.kept, ...kept })
  report({ case: `${name}: allocated by auto`, value: auto.kept, ...kept })
  const chosen = chosenBy(compressSpaceOf(options), winner.genome)
  report({
    case: `${name}: bytes against the codec's`,
    value: recipeBytes(options, chosen) / size.bytes,
    unit: 'times',
    better: 'lower',
    bar: 1,
  })
  const { difference, adjustedP } = against(single.id)
  const lead = { unit: 'kept', better: 'higher', bar: 0.001 } as const
  report({ case: `${name}: lead over the single codec`, value: difference.value, ...lead })
  const p = { unit: '', better: 'lower', bar: P_BAR } as const
  report({ case: `${name}: corrected p of that`, value: adjustedP, ...p })
  report({
    case: `${name}: corrected p against auto`,
    value: against(auto.id).adjustedP,
    ...p,
    bar: null,
  })
  report({ case: `${name}: final items`, value: final.items, unit: 'items', better: 'higher', bar: null })
}

async function evolveAt(
  context: BenchContext,
  node: LocalNode,
  setting: RecipeSetting,
  given: { readonly size: Single; readonly best: Single; readonly elements: number },
): Promise<void> {
  const { size, elements } = given
  const { strategy, population, generations } = setting
  // Half a byte more, which the daemon rounds away: its budget is that of the codec to the byte.
  const bitsPerWeight = ((size.bytes + 0.5) * BITS) / elements
  const spec = {
    version: 1,
    name: `recipe at ${size.name}`,
    workload: {
      kind: 'compression',
      options: { model: MODEL, bitsPerWeight, choices: setting.choices, ...setting.workload },
    },
    strategy,
    population,
    limits: { generations },
    scorers: 1,
  }
  const { run, report: outcome, seconds } = await runEvolution(node, spec, context)
  const { options } = (await stateOf(node, run)).spec.workload
  const settled = settledCompress(options)
  if (settled.budgetBytes !== size.bytes)
    throw new Error(`the budget is ${settled.budgetBytes} bytes, not the ${size.bytes} of ${size.name}`)
  reportOutcome(context, given, outcome, settled)
  const watched = { better: 'lower', bar: null } as const
  const { evaluations } = outcome
  const name = `recipe at the size of ${size.name}`
  context.report({ case: `${name}: evaluations`, value: evaluations, unit: 'candidates', ...watched })
  context.report({ case: `${name}: whole run`, value: seconds, unit: 's', ...watched })
}

export async function measureRecipe(
  context: BenchContext,
  setting: RecipeSetting = RECIPE_SETTING,
): Promise<void> {
  const { singles, elements } = await measureSingles(context, setting)
  for (const { name, bytes, kept } of singles)
    context.report({
      case: `recipe: ${name} alone, ${((bytes * BITS) / elements).toFixed(3)} bits a weight`,
      value: kept,
      unit: 'kept',
      better: 'higher',
      bar: null,
    })
  const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-recipe-'))
  try {
    const node = await startBenchNode(directory)
    try {
      await node.client.send('POST', '/api/v1/village', { name: 'bench' })
      await node.client.send('POST', '/api/v1/models', { embedded: MODEL })
      for (const named of setting.sizes) {
        const size = singles.find(({ name }) => name === named)
        if (size === undefined) throw new Error(`no codec is called ${named}`)
        const fitting = singles.filter(({ bytes }) => bytes <= size.bytes)
        const best = fitting.reduce((a, b) => (b.kept > a.kept ? b : a))
        await evolveAt(context, node, setting, { size, best, elements })
      }
    } finally {
      await node.stop()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export const recipe: BenchCase = {
  name: 'recipe',
  title: 'a compression recipe of the embedded encoder against every single codec, at equal bytes',
  run: (context) => measureRecipe(context),
}
