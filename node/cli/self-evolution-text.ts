/** What `village self-evolution` prints. */
import { count, duration, facts, short, table, time } from './format.ts'

interface BudgetView {
  readonly evaluations: number | null
  readonly durationMs: number | null
  readonly joules: number | null
}

interface EntryView {
  readonly atMs: number
  readonly event: string
  readonly reason: string
  readonly run: string | null
  readonly version: number | null
  readonly look: {
    readonly number: number
    readonly alpha: number
    readonly comparison: {
      readonly items: number
      readonly difference: { value: number }
      readonly p: number
    }
  } | null
}

interface GoalView {
  readonly goal: string
  readonly target: { readonly kind: string; readonly name: string }
  readonly state: string
  readonly nextAtMs: number | null
  readonly run: string | null
  readonly left: BudgetView | null
  readonly present: number | null
  readonly failures: number
  readonly last: EntryView | null
}

export interface StatusView {
  readonly enabled: boolean
  readonly goalsFile: string | null
  readonly accepting: boolean
  readonly budget: BudgetView
  readonly spent: { readonly evaluations: number; readonly durationMs: number; readonly joules: number }
  readonly goals: readonly GoalView[]
}

export interface HistoryView {
  readonly goal: string
  readonly target: { readonly kind: string; readonly name: string }
  readonly paused: boolean
  readonly versions: readonly {
    readonly version: number
    readonly atMs: number
    readonly by: string
    readonly run: string | null
    readonly isPresent: boolean
    readonly cid: string | null
    readonly settings: {
      readonly weight: number
      readonly feedback: boolean
      readonly candidates: number | null
    } | null
  }[]
  readonly history: readonly EntryView[]
}

/** Reasons of a verdict as people read them; a code of an error is shown as it is. */
const REASONS: Readonly<Record<string, string>> = {
  better: 'it is better',
  'not-told-apart': 'may be chance',
  'no-gain': 'nothing better',
  changed: 'the target was changed meanwhile',
  'not-scored': 'the final items were scored by nobody',
  'no-scores': 'no candidate could be scored',
  'build-disagreement': 'members built different models',
  'not-wanted': 'it was not wanted any more',
  interrupted: 'it was cut off before it began',
  'run-lost': 'its ledger is not here any more',
  first: 'as it was at first',
  command: 'by command',
}

const reasonOf = ({ event, reason }: EntryView): string =>
  event === 'found' && reason === 'changed' ? 'somebody has changed it' : (REASONS[reason] ?? reason)

const wattHours = (joules: number): string => `${(joules / 3_600).toFixed(2)} Wh`

function budgetText(spent: StatusView['spent'], budget: BudgetView): string {
  const parts = [
    budget.evaluations === null
      ? null
      : `${count(spent.evaluations)} of ${count(budget.evaluations)} candidates`,
    budget.durationMs === null ? null : `${duration(spent.durationMs)} of ${duration(budget.durationMs)}`,
    budget.joules === null ? null : `${wattHours(spent.joules)} of ${wattHours(budget.joules)}`,
  ]
  return parts.filter((part) => part !== null).join(', ')
}

const lastText = ({ last }: GoalView): string =>
  last === null ? '-' : `${last.event} ${time(last.atMs)}: ${reasonOf(last)}`

function nextText({ state, nextAtMs, run, failures }: GoalView): string {
  if (state === 'running') return run === null ? 'runs' : `runs: ${run.slice(0, 12)}`
  if (state !== 'waiting' || nextAtMs === null) return state
  return failures === 0 ? time(nextAtMs) : `${time(nextAtMs)} (failed ${failures}×)`
}

export function statusText(view: StatusView): string {
  const head = facts([
    ['Self-evolution', view.enabled ? 'on' : 'off (selfEvolution.enabled)'],
    ['Goals', view.goalsFile ?? '-'],
    ...(view.enabled
      ? ([
          ['Resources', view.accepting ? 'runs may begin' : 'no run begins at present (village status)'],
          ['Today (UTC)', budgetText(view.spent, view.budget)],
        ] as const)
      : []),
  ])
  if (view.goals.length === 0) return head
  const rows = view.goals.map((goal) => [
    goal.goal,
    `${goal.target.kind} ${goal.target.name}`,
    goal.present === null ? '-' : String(goal.present),
    nextText(goal),
    lastText(goal),
  ])
  return `${head}\n\n${table(['GOAL', 'TARGET', 'VERSION', 'NEXT RUN', 'LAST'], rows, { whole: [0] })}`
}

const contentText = ({ cid, settings }: HistoryView['versions'][number]): string =>
  settings === null
    ? short(cid ?? '-')
    : `weight ${settings.weight}, feedback ${settings.feedback ? 'on' : 'off'}, candidates ${settings.candidates ?? 'by hits'}`

const pText = (p: number): string => (p >= 0.001 ? p.toFixed(4) : p.toExponential(1))

export function historyText(view: HistoryView): string {
  const versions = table(
    ['VERSION', 'SINCE', 'BY', 'RUN', 'WHAT'],
    view.versions.map((row) => [
      `${row.version}${row.isPresent ? ' *' : ''}`,
      time(row.atMs),
      row.by,
      row.run?.slice(0, 12) ?? '-',
      contentText(row),
    ]),
  )
  const entries = table(
    ['WHEN', 'WHAT', 'WHY', 'GAIN', 'P', 'NEEDED', 'RUN'],
    view.history.map((entry) => [
      time(entry.atMs),
      entry.event,
      reasonOf(entry),
      entry.look === null ? '-' : entry.look.comparison.difference.value.toFixed(4),
      entry.look === null ? '-' : pText(entry.look.comparison.p),
      entry.look === null ? '-' : `< ${pText(entry.look.alpha)}`,
      entry.run?.slice(0, 8) ?? '-',
    ]),
    { whole: [0, 1, 3, 4, 5, 6] },
  )
  const state = view.paused ? `paused: village self-evolution resume ${view.goal}` : 'runs when it is due'
  const head = facts([
    ['Goal', view.goal],
    ['Target', `${view.target.kind} ${view.target.name}`],
    ['State', state],
  ])
  return `${head}\n\n${versions}\n\n${entries}`
}
