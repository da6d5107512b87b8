/**
 * The specialists of village-lm merged by evolution over three real daemons: is the winner better than each of them, than the model
 * that they come from, and than every merge that one would try first, on questions that chose nothing?
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ReportView } from '../../node/cli/evolve-view.ts'
import type { RunState } from '../../node/federated/rounds/run-state.ts'
import { dequantise, unpackScores } from '../../node/federated/scoring/quantise.ts'
import { taskMeans } from '../../node/federated/workloads/merge-genome.ts'
import type { JsonObject } from '../../node/json.ts'
import { type LocalNode, startLocalnet } from '../localnet.ts'
import { DOMAINS } from '../village-lm/curriculum/domains.ts'
import { heldOutItems, suiteLine } from '../village-lm/suites.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'
import {
  bytesByCandidate,
  differentLedgers,
  endedEverywhere,
  type FinishedRun,
  runEvolution,
  stateOf,
  uploadText,
  viewOf,
} from './evolve-runs.ts'

const DAEMONS = 3
const TRAFFIC_BAR_BYTES = 2_048
const P_BAR = 0.05
const WINNER = 'village-lm-evolved'
const PARENTS = DOMAINS.map(({ name }) => name)

export interface SpecialistsSetting {
  /** A folder a model. */
  readonly modelsDirectory: string
  /** Held-out questions of each domain; training has met none of them (village-lm/suites.ts). */
  readonly itemsByDomain: number
  readonly workload: JsonObject
  readonly strategy: JsonObject
  readonly population: number
  readonly generations: number
}

export const SPECIALISTS_SETTING: SpecialistsSetting = {
  modelsDirectory: path.resolve(import.meta.dirname, '../../models/village-lm'),
  itemsByDomain: 1_600,
  workload: {
    groups: 3,
    selectionItems: 300,
    validationItems: 600,
    finalItems: 2_400,
    finalShare: 0.5,
    choose: 1,
  },
  strategy: {
    name: 'tournament',
    options: {
      parents: 'complementary',
      crossover: 'groups',
      mutation: 'gaussian',
      mutationDeviation: 0.25,
    },
  },
  population: 16,
  generations: 20,
}

/** What a row of the final comparison is, in words. Seeds are the base, the parents, and then the one-shot merges. */
function labelOf(id: string, genome: JsonObject): string {
  const seed = /^seed\.(\d+)$/.exec(id)?.[1]
  if (seed === undefined) return 'winner'
  const alone = ['base', ...PARENTS][Number(seed)]
  const [[weight = 0] = []] = genome.w as readonly (readonly number[])[]
  return alone ?? `one shot: ${genome.m} at ${(weight / 1_000).toFixed(2)}`
}

/** Mean by domain of each row. */
function meansByDomain(state: RunState): Map<string, readonly number[]> {
  const counts = state.spec.workload.options.final as readonly number[]
  const items = counts.reduce((sum, count) => sum + count, 0)
  return new Map(
    state.final.flatMap(({ id, values }) => {
      if (values === null) return []
      const scores = dequantise(unpackScores(Buffer.from(values, 'base64'), items, 1), 1)
      return [[id, taskMeans(scores, counts)] as const]
    }),
  )
}

async function prepare(owner: LocalNode, setting: SpecialistsSetting): Promise<JsonObject> {
  for (const id of ['base', ...PARENTS])
    await owner.client.send('POST', '/api/v1/models', { path: path.join(setting.modelsDirectory, id), id })
  const tasks = await Promise.all(
    DOMAINS.map(async (domain) => {
      const items = heldOutItems(domain, setting.itemsByDomain)
      const lines = items.map((item, at) => `${suiteLine(item, `${domain.name}-${at}`)}\n`)
      return { data: await uploadText(owner, `${domain.name}.jsonl`, lines.join('')) }
    }),
  )
  return { ...setting.workload, parents: PARENTS, base: 'base', tasks }
}

/** The claim: everything that the run began with, on the final items. */
function reportClaim({ report, log }: BenchContext, outcome: ReportView, state: RunState): void {
  const { final } = outcome
  if (final === null) throw new Error(`the run ended as ${outcome.endReason}: nothing was compared`)
  const domains = meansByDomain(state)
  const percent = (value: number) => (100 * value).toFixed(1)
  for (const { id, genome, mean } of final.rows) {
    const against = final.comparisons.find(({ seed }) => seed === id)
    const test =
      against === undefined
        ? ''
        : `; the winner better on ${against.better}, worse on ${against.worse}, p ${against.adjustedP.toFixed(4)}`
    const byDomain = (domains.get(id) ?? []).map(percent).join(' / ')
    log(`${labelOf(id, genome)}: ${mean === null ? '?' : percent(mean.value)}% (${byDomain})${test}`)
  }
  const meanOf = (wanted: (label: string) => boolean): number =>
    Math.max(
      ...final.rows.flatMap(({ id, genome, mean }) =>
        mean !== null && wanted(labelOf(id, genome)) ? [100 * mean.value] : [],
      ),
    )
  const row = { unit: '% right', better: 'higher', bar: null } as const
  report({ case: 'specialists: the winner', value: meanOf((label) => label === 'winner'), ...row })
  report({ case: 'specialists: the base', value: meanOf((label) => label === 'base'), ...row })
  report({ case: 'specialists: best parent', value: meanOf((label) => PARENTS.includes(label)), ...row })
  const isOneShot = (label: string) => label.startsWith('one shot')
  report({ case: 'specialists: best one-shot merge', value: meanOf(isOneShot), ...row })
  report({
    case: 'specialists: seeds that the winner beats (p < 0.05)',
    value: final.comparisons.filter(({ verdict }) => verdict === 'better').length,
    unit: 'seeds',
    better: 'higher',
    bar: final.rows.length - 1,
  })
  report({
    case: 'specialists: smallest lead over a seed',
    value: 100 * Math.min(...final.comparisons.map(({ difference }) => difference.value)),
    unit: 'points',
    better: 'higher',
    bar: null,
  })
  report({
    case: 'specialists: largest corrected p',
    value: Math.max(...final.comparisons.map(({ adjustedP }) => adjustedP)),
    unit: '',
    better: 'lower',
    bar: P_BAR,
  })
  report({ case: 'specialists: final items', value: final.items, unit: 'items', better: 'higher', bar: null })
}

async function reportCosts(
  { report, log, signal }: BenchContext,
  nodes: readonly LocalNode[],
  { run, report: outcome, seconds }: FinishedRun,
): Promise<void> {
  const watched = { better: 'lower', bar: null } as const
  report({ case: 'specialists: whole run', value: seconds, unit: 's', ...watched })
  const generations = outcome.generations.length
  report({ case: 'specialists: generations', value: generations, unit: 'generations', ...watched })
  report({ case: 'specialists: evaluations', value: outcome.evaluations, unit: 'candidates', ...watched })
  const ancestors = outcome.lineage?.nodes.length ?? 0
  report({ case: 'specialists: ancestors of the winner', value: ancestors, unit: 'candidates', ...watched })
  report({ case: 'specialists: energy', value: outcome.joules, unit: 'J', ...watched })
  for (const { id, by, mean, parents } of outcome.lineage?.nodes.slice(0, 6) ?? [])
    log(`lineage: ${id} by ${by}, mean ${mean?.toFixed(4) ?? '?'}, from ${parents.join(' ') || 'nothing'}`)
  const { models } = await nodes[0]!.client.get<{ models: { id: string; sizeBytes: number }[] }>(
    '/api/v1/models',
  )
  const { sizeBytes } = models.find(({ id }) => id === 'base')!
  report({ case: 'specialists: artifacts of a model', value: sizeBytes, unit: 'bytes', ...watched })
  const views = await Promise.all(nodes.map((node) => viewOf(node, run)))
  const bytes = Math.max(...views.map(bytesByCandidate))
  const traffic = { case: 'specialists: traffic by candidate and peer, both ways', unit: 'bytes' } as const
  report({ ...traffic, value: bytes, better: 'lower', bar: TRAFFIC_BAR_BYTES })
  const share = { case: 'specialists: a model against that', unit: 'times', better: 'higher' } as const
  report({ ...share, value: sizeBytes / bytes, bar: null })
  const different = await differentLedgers(nodes, run)
  report({ case: 'specialists: different ledgers', value: different, unit: '', better: 'lower', bar: 1 })
  // Only a winner that beats all that it began with becomes a model of the members.
  const isBetter = outcome.final?.beatsAllSeeds === true && outcome.result !== null
  const holders = isBetter ? await holdersOf(nodes, outcome.result.cid, signal) : 0
  report({
    case: 'specialists: daemons that have the winner',
    value: holders,
    unit: 'daemons',
    better: 'higher',
    bar: DAEMONS,
  })
}

const HOLDERS_GIVE_UP_MS = 60_000

/** Members add the winner to their models after the end of the run. */
async function holdersOf(
  nodes: readonly LocalNode[],
  cid: string | null,
  signal: AbortSignal,
): Promise<number> {
  const giveUpAtMs = performance.now() + HOLDERS_GIVE_UP_MS
  for (;;) {
    signal.throwIfAborted()
    const lists = await Promise.all(
      nodes.map((node) => node.client.get<{ models: { id: string; cid: string }[] }>('/api/v1/models')),
    )
    const holders = lists.filter(({ models }) =>
      models.some((model) => model.id === WINNER && model.cid === cid),
    ).length
    if (holders === nodes.length || performance.now() > giveUpAtMs) return holders
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

export async function measureSpecialists(
  context: BenchContext,
  setting: SpecialistsSetting = SPECIALISTS_SETTING,
): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-evolve-'))
  const settings = { profile: 'server', 'resources.maxCpuCores': 1, 'log.level': 'warn' }
  try {
    const net = await startLocalnet({ count: DAEMONS, directory, name: 'bench', settings })
    try {
      const [owner] = net.nodes
      const options = await prepare(owner!, setting)
      const { strategy, population, generations } = setting
      const spec = {
        version: 1,
        name: 'specialists',
        workload: { kind: 'merge', options },
        strategy,
        population,
        limits: { generations },
        minimum: DAEMONS,
        // None of three is outvoted: a second opinion on each candidate would double the work and prove nothing.
        scorers: 1,
        publish: { id: WINNER },
      }
      const finished = await runEvolution(owner!, spec, context)
      await endedEverywhere(net.nodes, finished.run, context)
      await reportCosts(context, net.nodes, finished)
      reportClaim(context, finished.report, await stateOf(owner!, finished.run))
    } finally {
      await net.stop()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export const specialists: BenchCase = {
  name: 'specialists',
  title: `village-lm's specialists merged over ${DAEMONS} daemons, questions that selection never saw`,
  run: (context) => measureSpecialists(context),
}
