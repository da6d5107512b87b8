/** Federations for people: a line for each round, a table, and the whole of one. */
import { ERRORS, isErrorCode } from '../errors.ts'
import { bytes, duration, facts, short, table, time } from './format.ts'

export interface RoundView {
  readonly round: number
  readonly asked: number
  readonly answered: number
  readonly used: number
  readonly refused: Readonly<Record<string, string>>
  readonly loss: number | null
  readonly testLoss: number | null
  readonly accuracy: number | null
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly tookMs: number
  readonly epsilon: number | null
}

export interface FederationView {
  readonly id: string
  readonly config: {
    readonly spec: {
      readonly name: string
      readonly data: string | null
      readonly strategy: string
      readonly rounds: number
      readonly clients: { readonly minimum: number; readonly attempts: number }
    }
  }
  readonly state: string
  readonly error: { readonly code: string; readonly message: string } | null
  readonly model: string | null
  readonly isSimulated: boolean
  readonly round: number
  readonly asked: number
  readonly answered: number
  readonly attempt: number
  readonly waiting: number | null
  readonly elements: number
  readonly createdAtMs: number
  readonly finishedAtMs: number | null
  readonly testLossBefore: number | null
  readonly clients: Readonly<
    Record<string, { asked: number; answered: number; refused: number; lastRefusal: string | null }>
  >
  readonly rounds?: readonly RoundView[]
}

export interface JoinedView {
  readonly id: string
  readonly name: string
  readonly server: string
  readonly usedAtMs: number
}

const number = (value: number | null) => (value === null ? '-' : value.toFixed(4))

const cellsOf = (round: RoundView): string[] => [
  String(round.round + 1),
  `${round.used}/${round.asked}`,
  number(round.loss),
  number(round.testLoss),
  ...(round.accuracy === null ? [] : [`${(100 * round.accuracy).toFixed(1)}%`]),
  bytes(round.sentBytes),
  bytes(round.receivedBytes),
  duration(round.tookMs),
  ...(round.epsilon === null ? [] : [round.epsilon.toFixed(2)]),
]

export function roundLine(round: RoundView): string {
  const parts = [
    `round ${round.round + 1}: ${round.used} of ${round.asked} clients`,
    `loss ${number(round.loss)}`,
    ...(round.testLoss === null ? [] : [`test ${number(round.testLoss)}`]),
    ...(round.accuracy === null ? [] : [`right ${(100 * round.accuracy).toFixed(1)}%`]),
    `${bytes(round.receivedBytes)} in`,
    ...(round.epsilon === null ? [] : [`ε ${round.epsilon.toFixed(2)}`]),
    ...Object.entries(round.refused).map(([peer, code]) => `refused ${short(peer)} (${code})`),
  ]
  return parts.join(', ')
}

/** Why nothing happens yet. */
export function waitingText({ config: { spec } }: Pick<FederationView, 'config'>, here: number): string {
  return `for members that offer "${spec.data}": ${here} of ${spec.clients.minimum} take part and are here`
}

export function attemptText({ config: { spec } }: Pick<FederationView, 'config'>, attempt: number): string {
  return `${attempt + 1} of ${spec.clients.attempts}, for too few updates could be used`
}

export function federationTable(federations: readonly FederationView[]): string {
  return table(
    ['FEDERATION', 'NAME', 'STRATEGY', 'STATE', 'ROUNDS', 'BEGUN'],
    federations.map(({ id, config: { spec }, state, round, isSimulated, createdAtMs }) => [
      id.slice(0, 12),
      spec.name,
      isSimulated ? `${spec.strategy}, simulated` : spec.strategy,
      state,
      `${round}/${spec.rounds}`,
      time(createdAtMs),
    ]),
    { whole: [0, 5] },
  )
}

export function joinedTable(joined: readonly JoinedView[]): string {
  return table(
    ['TAKES PART IN', 'NAME', 'SERVER', 'LAST ASKED'],
    joined.map(({ id, name, server, usedAtMs }) => [id.slice(0, 12), name, short(server), time(usedAtMs)]),
    { whole: [0, 3] },
  )
}

/** Who was asked, by answers; more than these are counted. */
const SHOWN_CLIENTS = 20

function clientTable(clients: FederationView['clients']): string[] {
  const all = Object.entries(clients).sort((a, b) => b[1].answered - a[1].answered)
  if (all.length === 0) return []
  const shown = all
    .slice(0, SHOWN_CLIENTS)
    .map(([peer, { asked, answered, refused, lastRefusal }]) => [
      short(peer),
      String(asked),
      String(answered),
      refused === 0 ? '' : `${refused} (${lastRefusal})`,
    ])
  const rest = all.length - shown.length
  return [table(['CLIENT', 'ASKED', 'ANSWERED', 'REFUSED'], shown), ...(rest > 0 ? [`and ${rest} more`] : [])]
}

export function federationText(view: FederationView): string {
  const { config, error, rounds = [], finishedAtMs, createdAtMs } = view
  const { spec } = config
  const fixOf = (code: string): [string, string][] => (isErrorCode(code) ? [['fix', ERRORS[code].fix]] : [])
  const head: [string, string][] = [
    ['federation', view.id],
    ['name', spec.name],
    ['strategy', view.isSimulated ? `${spec.strategy}, simulated` : spec.strategy],
    ['state', `${view.state} (${view.round} of ${spec.rounds} rounds)`],
    ...(view.waiting === null ? [] : ([['waiting', waitingText(view, view.waiting)]] as [string, string][])),
    ...(view.attempt === 0 || view.state !== 'running'
      ? []
      : ([['attempt', attemptText(view, view.attempt)]] as [string, string][])),
    ['parameters', view.elements.toLocaleString('en-GB')],
    ['begun', time(createdAtMs)],
    ...(finishedAtMs === null
      ? []
      : ([['took', duration(finishedAtMs - createdAtMs)]] as [string, string][])),
    ...(view.testLossBefore === null
      ? []
      : ([['test loss before', number(view.testLossBefore)]] as [string, string][])),
    ...(view.model === null ? [] : ([['model', view.model]] as [string, string][])),
    ...(error === null
      ? []
      : ([['error', `${error.code}: ${error.message}`], ...fixOf(error.code)] as [string, string][])),
  ]
  const first = rounds[0]
  const header = [
    'ROUND',
    'USED',
    'LOSS',
    'TEST',
    ...(first?.accuracy == null ? [] : ['RIGHT']),
    'SENT',
    'RECEIVED',
    'TOOK',
    ...(first?.epsilon == null ? [] : ['ε']),
  ]
  return [
    facts(head),
    ...(rounds.length === 0 ? [] : [table(header, rounds.map(cellsOf))]),
    ...clientTable(view.clients),
  ].join('\n\n')
}
