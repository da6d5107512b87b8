/** A federation as its owner sees it: without what was signed, and without the seed that clients must not know. */
import type { FederationRecord, RoundReport } from './federation-record.ts'

export interface FederationSummary
  extends Pick<
    FederationRecord,
    'id' | 'config' | 'modelCid' | 'elements' | 'createdAtMs' | 'finishedAtMs' | 'state' | 'error' | 'model'
  > {
  readonly isSimulated: boolean
  /** Rounds that are done. */
  readonly round: number
  readonly attempt: number
  /** Of the current round; 0 between rounds. */
  readonly asked: number
  readonly answered: number
  /** Members that take part and are here, while there are too few of them for a round; null otherwise. */
  readonly waiting: number | null
  readonly clients: FederationRecord['clients']
  readonly testLossBefore: number | null
}

export interface FederationView extends FederationSummary {
  readonly rounds: readonly RoundReport[]
}

export function summaryOf(record: FederationRecord, waiting: number | null): FederationSummary {
  const { id, config, modelCid, elements, createdAtMs, finishedAtMs, state, error, model } = record
  const { round, attempt, current, clients, testLossBefore, terms } = record
  return {
    id,
    config,
    modelCid,
    elements,
    createdAtMs,
    finishedAtMs,
    state,
    error,
    model,
    isSimulated: terms === null,
    round,
    attempt,
    asked: current?.selected.length ?? 0,
    answered: Object.keys(current?.reports ?? {}).length,
    waiting,
    clients,
    testLossBefore,
  }
}
