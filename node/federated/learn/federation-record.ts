/** What is stored of a federation on its server, and how a round changes it. Pure: stored as it is after every change. */
import type { JsonObject } from '../../json.ts'
import type { FederateConfig } from './federate-spec.ts'
import type { ClientRecord } from './selection.ts'

export type FederationState = 'running' | 'done' | 'failed' | 'stopped'

/** An update that has come in and can be used; its values lie in a file of the round. */
export interface ClientReport extends JsonObject {
  readonly tokens: number
  readonly loss: number
  readonly busyMs: number
  readonly receivedBytes: number
  readonly norm: number
}

export interface CurrentRound extends JsonObject {
  /** Asked, in the order of their peer IDs. */
  readonly selected: readonly string[]
  readonly reports: { readonly [peer: string]: ClientReport }
  /** Why an update was not used, by peer. */
  readonly refused: { readonly [peer: string]: string }
  readonly sentBytes: number
}

export interface ClientFacts extends JsonObject {
  readonly asked: number
  readonly answered: number
  /** The last round of which an update was used. */
  readonly counted: number | null
  readonly cores: number
  /** Updates that could not be used: a liar, or a broken machine. */
  readonly refused: number
  readonly lastRefusal: string | null
}

/** One line of the report. */
export interface RoundReport extends JsonObject {
  readonly round: number
  readonly attempt: number
  readonly asked: number
  readonly answered: number
  readonly used: number
  readonly refused: { readonly [peer: string]: string }
  /** Mean of the clients, weighted by tokens; null where nobody answered, and where single clients are hidden. */
  readonly loss: number | null
  /** On the server's own texts; null where it has none. */
  readonly testLoss: number | null
  /** Share of the test data that is classified right; null for language models. */
  readonly accuracy: number | null
  /** What the clients learned from together; null where single clients are hidden. */
  readonly tokens: number | null
  readonly norm: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly tookMs: number
  /** Spent so far; null without privacy. */
  readonly epsilon: number | null
}

export interface FederationRecord extends JsonObject {
  readonly version: 1
  readonly id: string
  readonly config: FederateConfig
  /** Base64 of what was signed, and of the signature; null for a simulation. */
  readonly terms: string | null
  readonly signature: string | null
  readonly modelCid: string | null
  readonly elements: number
  readonly layoutHash: string
  /** Of what clients must not know beforehand, such as who is averaged with whom. */
  readonly secretSeed: number
  readonly createdAtMs: number
  readonly finishedAtMs: number | null
  readonly state: FederationState
  readonly error: { readonly code: string; readonly message: string } | null
  readonly round: number
  readonly attempt: number
  readonly current: CurrentRound | null
  readonly clients: { readonly [peer: string]: ClientFacts }
  /** Id of the resulting model. */
  readonly model: string | null
  /** Loss on the server's texts before the first round. */
  readonly testLossBefore: number | null
}

const NEW_CLIENT: ClientFacts = {
  asked: 0,
  answered: 0,
  counted: null,
  cores: 1,
  refused: 0,
  lastRefusal: null,
}

export const factsOf = (record: FederationRecord, peer: string): ClientFacts =>
  record.clients[peer] ?? NEW_CLIENT

function withClient(
  record: FederationRecord,
  peer: string,
  change: (facts: ClientFacts) => Partial<ClientFacts>,
): FederationRecord['clients'] {
  const facts = factsOf(record, peer)
  return { ...record.clients, [peer]: { ...facts, ...change(facts) } as ClientFacts }
}

/** A member that has said yes. */
export function accepted(record: FederationRecord, peer: string, cores: number): FederationRecord {
  return { ...record, clients: withClient(record, peer, () => ({ cores })) }
}

export function beginRound(record: FederationRecord, selected: readonly string[]): FederationRecord {
  let clients = record.clients
  for (const peer of selected)
    clients = withClient({ ...record, clients }, peer, ({ asked }) => ({ asked: asked + 1 }))
  const current: CurrentRound = { selected: [...selected].sort(), reports: {}, refused: {}, sentBytes: 0 }
  return { ...record, clients, current }
}

export function reported(record: FederationRecord, peer: string, report: ClientReport): FederationRecord {
  const current = record.current!
  return {
    ...record,
    current: { ...current, reports: { ...current.reports, [peer]: report } },
    clients: withClient(record, peer, ({ answered }) => ({ answered: answered + 1 })),
  }
}

/** An update came and cannot be used. */
export function refusedUpdate(record: FederationRecord, peer: string, code: string): FederationRecord {
  const current = record.current!
  const { [peer]: _dropped, ...reports } = current.reports
  return {
    ...record,
    current: { ...current, reports, refused: { ...current.refused, [peer]: code } },
    clients: withClient(record, peer, ({ refused }) => ({ refused: refused + 1, lastRefusal: code })),
  }
}

export function sent(record: FederationRecord, sizeBytes: number): FederationRecord {
  const current = record.current!
  return { ...record, current: { ...current, sentBytes: current.sentBytes + sizeBytes } }
}

/** The round is aggregated from the updates of `used`. */
export function endRound(record: FederationRecord, used: readonly string[]): FederationRecord {
  let { clients } = record
  for (const peer of used)
    clients = withClient({ ...record, clients }, peer, () => ({ counted: record.round }))
  return { ...record, clients, round: record.round + 1, attempt: 0, current: null }
}

/** Too few answered: it is made again with others. */
export function failRound(record: FederationRecord): FederationRecord {
  return { ...record, attempt: record.attempt + 1, current: null }
}

/** A client that sent what cannot be used this often is not asked any more. */
const MAX_REFUSED = 3

export function candidates(
  record: FederationRecord,
  present: ReadonlyMap<string, { readonly power: ClientRecord['power'] }>,
): ClientRecord[] {
  return Object.keys(record.clients)
    .sort()
    .flatMap((client): ClientRecord[] => {
      const here = present.get(client)
      const { asked, answered, cores, refused } = factsOf(record, client)
      if (here === undefined || refused >= MAX_REFUSED) return []
      return [{ client, asked, answered, cores, power: here.power }]
    })
}
