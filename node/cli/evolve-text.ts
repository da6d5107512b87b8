/** What `village evolve` writes for people: a line by generation, a report, what a run would be. */
import type { JsonObject } from '../json.ts'
import type { FinalView, GenerationView, ReportView } from './evolve-view.ts'
import { bytes, count, counted, duration, facts, short, table } from './format.ts'

const score = (value: number | null): string => (value === null ? '–' : value.toFixed(4))

const ENDS: Readonly<Record<string, string>> = {
  stopped: 'it was stopped',
  'no-scores': 'nobody could score any candidate',
  'no-gain': 'no candidate was better than what there was before',
  'build-disagreement': 'members that built the winner do not agree on what it is',
}

const LIMIT_TEXT: Readonly<Record<string, (reached: number) => string>> = {
  generations: (reached) => `after ${counted(reached, 'generation')}`,
  evaluations: (reached) => `after ${counted(reached, 'evaluation')}`,
  duration: (reached) => `after ${duration(reached)}`,
  energy: (reached) => `after ${Math.round(reached).toLocaleString('en-GB')} J`,
  plateau: (reached) => `${counted(reached, 'generation')} brought nothing better`,
}

const stopText = (stopped: NonNullable<ReportView['stopped']>): string =>
  LIMIT_TEXT[stopped.limit]?.(stopped.reached) ?? stopped.limit

/** Why and how a run ended, or where it is. */
export function phaseText({
  phase,
  endReason,
  stopped,
}: Pick<ReportView, 'phase' | 'endReason' | 'stopped'>): string {
  const why = stopped === null ? '' : ` (${stopText(stopped)})`
  if (phase === 'published') return `published${why}`
  if (phase === 'ended') return `ended${why}: ${ENDS[endReason ?? ''] ?? endReason ?? 'for no stated reason'}`
  return phase
}

/** One line for a generation that has ended. */
export function generationLine(row: GenerationView, before: GenerationView | undefined): string {
  const gain = row.bestSoFar !== null && before?.bestSoFar != null ? row.bestSoFar - before.bestSoFar : 0
  const parts = [
    `best ${score(row.bestSoFar)}${gain > 0 ? ` (+${gain.toFixed(4)})` : ''}`,
    `mean ${score(row.mean)}`,
    counted(row.evaluations, 'candidate'),
    duration(row.elapsedMs),
  ]
  return `generation ${row.generation}: ${parts.join(', ')}`
}

const pText = (p: number): string => (p < 0.0001 ? '<0.0001' : p.toFixed(4))
const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(4)}`

/** What the final comparison has shown, without the full stop. */
export function verdictText({ beatsAllSeeds, beaten, seeds, comparisons, rows }: FinalView): string {
  if (beatsAllSeeds === true) return `The winner beats every seed (${seeds})`
  const unscored = seeds - comparisons.length
  const unknown = unscored === 0 ? '' : `; nothing is known of ${unscored} that nobody could score`
  const left = comparisons
    .filter(({ verdict }) => verdict !== 'better')
    .map(({ seed, verdict }) => {
      const name = rows.find(({ id }) => id === seed)?.name ?? seed
      return verdict === 'worse' ? `${name} (which is better)` : name
    })
  const open = left.length === 0 ? '' : `; it cannot be told from ${left.join(', ')}`
  return `The winner beats ${beaten} of ${seeds} seeds${open}${unknown}`
}

/** Whether members that took part have the winner among their models: as in rounds/taking-part.ts. */
function publishText({ final, publish, result, run }: ReportView): string[] {
  if (result === null || result.cid === null) return []
  if (publish === null) return ['It is nobody’s model by itself: the configuration has no "publish".']
  const isBetter = final?.beatsAllSeeds === true
  if (isBetter || publish.always === true)
    return [
      `It becomes the model ${publish.id} of the members that took part${isBetter ? '' : ', because "publishOnly" is always'}.`,
    ]
  return [
    `NOT BETTER: it is not told apart from every seed, so that it becomes no model ("publishOnly: always" would make it ${publish.id}).`,
    `The comparison: village evolve report ${run}. More final items tell smaller differences.`,
  ]
}

function finalText({ final }: ReportView): string[] {
  if (final === null) return []
  const { comparisons } = final
  const rows = final.rows.map(({ id, kind, name, mean }) => {
    const against = comparisons.find(({ seed }) => seed === id)
    return [
      id,
      name ?? kind,
      mean === null ? '–' : `${score(mean.value)} (${score(mean.low)} to ${score(mean.high)})`,
      against === undefined ? '' : signed(against.difference.value),
      against === undefined ? '' : pText(against.adjustedP),
    ]
  })
  const test = comparisons[0]?.test === 'mcnemar' ? 'McNemar’s exact test' : 'a sign-flip test'
  const how = `p by ${test}, after Holm’s correction for ${counted(comparisons.length, 'comparison')}`
  return [
    '',
    `Final comparison on ${counted(final.items, 'item')} that neither selection nor the choice of the winner saw:`,
    table(['candidate', 'what', 'score (95% interval)', 'winner gains', 'p'], rows, { whole: [0, 2, 3, 4] }),
    comparisons.length === 0 ? 'Nobody could score the winner there.' : `${verdictText(final)} (${how}).`,
  ]
}

function peersText({ peers, lies }: ReportView): string[] {
  if (peers.length === 0) return []
  const rows = peers.map((peer) => [
    short(peer.peer),
    count(peer.scored),
    duration(peer.busyMs),
    `${Math.round(peer.joules)} J`,
    bytes(peer.inBytes + peer.outBytes),
    peer.bytesPerCandidate === null ? '–' : `${Math.round(peer.bytesPerCandidate)} B`,
    peer.lies > 0 ? 'lied' : (peer.gone ?? ''),
  ])
  return [
    '',
    'Who did what (bytes as this node counted them, both ways):',
    table(['peer', 'scored', 'busy', 'energy', 'bytes', 'by candidate', ''], rows),
    ...lies.map(
      ({ peer, kind, generation }) =>
        `${short(peer)} was caught lying (${kind}) in generation ${generation}.`,
    ),
  ]
}

const LAST_GENERATIONS = 12

function lineageText({ id, nodes }: NonNullable<ReportView['lineage']>): string {
  const seeds = nodes.filter(({ by }) => by === 'seed').map((node) => node.id)
  if (nodes.length <= 1) return `Candidate ${id} ${seeds.length === 0 ? 'has no parents' : 'is a seed'}.`
  const from = seeds.length === 0 ? '' : `, first of all ${seeds.join(', ')}`
  return `Candidate ${id} descends from ${counted(nodes.length - 1, 'candidate')}${from}.`
}

/** A run without gain has a finalist that was there before. */
const seedText = ({ endReason, winnerSeed, finalists }: ReportView): string[] =>
  endReason !== 'no-gain' || winnerSeed === null
    ? []
    : [
        '',
        `The best is a seed: ${winnerSeed}. The finalists on the items of validation: ${finalists
          .map(({ id, validation }) => `${id} ${score(validation?.value ?? null)}`)
          .join(', ')}.`,
      ]

export function reportText(report: ReportView): string {
  const { generations, lineage, result } = report
  return [
    facts([
      ['run', report.run],
      ['name', report.name],
      ['kind', report.kind],
      ['strategy', `${report.strategy.name}, population ${report.population}`],
      ['phase', phaseText(report)],
      ['generations', String(generations.length)],
      ['evaluations', count(report.evaluations)],
      ['time', report.elapsedMs === null ? 'not begun' : duration(report.elapsedMs)],
      ['energy', `${count(Math.round(report.joules))} J (as scorers tell it)`],
      ['ledger', `${counted(report.height, 'block')}, ${report.tip.slice(0, 16)}…`],
    ]),
    ...(generations.length === 0
      ? []
      : [
          '',
          ...(generations.length > LAST_GENERATIONS ? [`The last ${LAST_GENERATIONS} generations:`] : []),
          table(
            ['generation', 'best so far', 'best', 'mean', 'candidates', 'time'],
            generations
              .slice(-LAST_GENERATIONS)
              .map((row) => [
                String(row.generation),
                score(row.bestSoFar),
                score(row.best),
                score(row.mean),
                String(row.evaluations),
                duration(row.elapsedMs),
              ]),
          ),
        ]),
    ...(lineage === null ? [] : ['', lineageText(lineage)]),
    ...finalText(report),
    ...seedText(report),
    ...peersText(report),
    ...(result === null
      ? []
      : [
          '',
          result.cid === null
            ? 'The winner is no model: its genome is the result.'
            : `The winner: ${result.cid}`,
          JSON.stringify(result.genome),
          ...publishText(report),
        ]),
  ].join('\n')
}

/** What `--dry-run` was told (federated/evolve/describe-run.ts). */
export interface PlanView {
  readonly name: string
  readonly kind: string
  readonly strategy: { readonly name: string; readonly options: JsonObject }
  readonly genes: number
  readonly seeds: readonly JsonObject[]
  readonly seedNames: readonly string[]
  readonly selectionItems: number
  readonly validationItems: number
  readonly finalItems: number
  readonly mostCandidates: number
  readonly inputs: readonly string[]
  readonly first: readonly { readonly genome: JsonObject; readonly by: string }[]
  /** Null where it was not asked for. */
  readonly cost: {
    readonly candidate: string
    readonly items: number
    readonly candidateMs: number
    readonly isAtLeast: boolean
    readonly scorings: number
    readonly workMs: number
  } | null
}

/** An estimate, and what it rests on. */
function costRows(cost: PlanView['cost']): [string, string][] {
  if (cost === null) return []
  const { candidate, items, candidateMs, isAtLeast, scorings, workMs } = cost
  const more = isAtLeast ? 'more than ' : ''
  return [
    [
      'one candidate',
      `${more}${duration(candidateMs)}: ${candidate}, on ${counted(items, 'item')}, measured here`,
    ],
    [
      'the whole',
      `about ${more}${duration(workMs)} of one such machine for ${count(scorings)} scorings at most; members share them`,
    ],
  ]
}

const SHOWN_GENOMES = 12

export function planText(plan: PlanView): string {
  return [
    facts([
      ['name', plan.name],
      ['kind', plan.kind],
      ['strategy', `${plan.strategy.name} ${JSON.stringify(plan.strategy.options)}`],
      ['genes', String(plan.genes)],
      ['seeds', `${plan.seeds.length}: ${plan.seedNames.join('; ')}`],
      [
        'items',
        `${count(plan.selectionItems)} for selection, ${count(plan.validationItems)} to choose the winner, ${count(plan.finalItems)} for the final comparison: what was asked for, or all that there are`,
      ],
      ['candidates', `${count(plan.mostCandidates)} at most`],
      ...costRows(plan.cost),
      ['inputs', plan.inputs.map(short).join(', ')],
    ]),
    '',
    'The first candidates (genomes: docs/scoring.md):',
    ...plan.first.slice(0, SHOWN_GENOMES).map(({ genome, by }) => `${by}: ${JSON.stringify(genome)}`),
  ].join('\n')
}
