/**
 * Collects the updates of a round: every client that was drawn is asked until it has answered, will not, or the round is over,
 * through lost connections and restarts of either side.
 */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from '../../compute/pool.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { FederatedOperations } from '../operations.ts'
import { askForUpdate, type ReceivedUpdate, type RoundTask } from './ask-client.ts'
import { type FederateSpec, hidesClients, mostTokens } from './federate-spec.ts'
import { type FederationRecord, factsOf, refusedUpdate, reported, sent } from './federation-record.ts'
import { collectSecurely } from './secure-collection.ts'

export interface RoundContext {
  readonly mesh: Pick<Mesh, 'open'>
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
  readonly log: Log
  readonly directory: string
  readonly signal: AbortSignal
  /** As it is now. */
  readonly record: () => FederationRecord
  /** Durable when it resolves. */
  readonly change: (next: (before: FederationRecord) => FederationRecord) => Promise<void>
}

/** What there is to aggregate; who answered stands in the record. */
export interface CollectedRound {
  /** In the order of the peer IDs, or the mean alone. */
  readonly files: readonly string[]
  readonly weights: readonly number[]
  /** The only file is the mean of so many clients; null: a file for each. */
  readonly summed: number | null
}

const RETRY_MS = 1_000

/** What ends the asking of a client for this round: it will not say otherwise a second later. */
const FINAL = new Set([
  'FEDERATION_REFUSED',
  'FEDERATION_ROUND_STALE',
  'UPDATE_MALFORMED',
  'UPDATE_TOO_LARGE',
  'RESOURCES_INSUFFICIENT',
  'ARTIFACT_TOO_LARGE',
  'PROTOCOL_UNSUPPORTED',
  'MEMBER_REVOKED',
  'MEMBER_UNKNOWN',
  'TRAIN_DIVERGED',
  'TRAIN_DATA_INVALID',
  'FILE_UNREADABLE',
])
/** What says something about the update and not about the weather: it is in the report. */
const NAMED = new Set(['UPDATE_MALFORMED', 'UPDATE_TOO_LARGE'])

const updateFile = (directory: string, peer: string) => path.join(directory, `update-${peer}.bin`)

/** Aborts at the round's deadline, when `over` does, and when the federation ends. */
export function roundSignalOf({ record, signal }: RoundContext, over: AbortSignal): AbortSignal {
  const { deadlineSeconds } = record().config.spec.clients
  return AbortSignal.any([signal, over, AbortSignal.timeout(deadlineSeconds * 1_000)])
}

/** Clients of the round of which nothing has come that counts. */
export function missingClients(context: RoundContext): string[] {
  const { selected, reports, refused } = context.record().current!
  return selected.filter((peer) => reports[peer] === undefined && refused[peer] === undefined)
}

/** Asks one client again and again. `ask` throws for what did not work. */
export async function untilAnswered(
  context: RoundContext,
  peer: string,
  roundSignal: AbortSignal,
  ask: () => Promise<void>,
): Promise<void> {
  const { log, record, change } = context
  while (!roundSignal.aborted) {
    try {
      await ask()
      return
    } catch (error) {
      if (roundSignal.aborted) return
      const { code } = toVillageError(error)
      log.debug({ err: error, peer, round: record().round }, 'a client gave no update')
      if (NAMED.has(code)) {
        log.warn({ peer, code, round: record().round }, 'the update of a client was refused')
        await change((before) => refusedUpdate(before, peer, code))
      }
      if (FINAL.has(code)) return
    }
    // The signal ends the wait, and the loop then.
    await sleep(RETRY_MS, undefined, { signal: roundSignal }).catch(() => undefined)
  }
}

/** Ends when the target is reached, nobody is left to ask, or the time is up. */
export async function collectRound(context: RoundContext, task: RoundTask): Promise<CollectedRound> {
  if (context.record().config.spec.secure !== null) return collectSecurely(context, task)
  await collectSingles(context, task)
  const { config, current } = context.record()
  const peers = Object.keys(current!.reports).sort()
  return {
    files: peers.map((peer) => updateFile(context.directory, peer)),
    weights: peers.map((peer) =>
      config.spec.privacy === null ? Math.max(1, current!.reports[peer]!.tokens) : 1,
    ),
    summed: null,
  }
}

async function collectSingles(context: RoundContext, task: RoundTask): Promise<void> {
  const { record, signal } = context
  const { clients, privacy } = record().config.spec
  // A private round takes all who were drawn: an end that depends on who is quick is not the draw that is accounted for.
  const isEnough = () => privacy === null && Object.keys(record().current!.reports).length >= clients.target
  if (isEnough()) return
  const over = new AbortController()
  const roundSignal = roundSignalOf(context, over.signal)
  await Promise.all(
    missingClients(context).map(async (peer) => {
      await untilAnswered(context, peer, roundSignal, () =>
        askForUpdate(context, {
          peer,
          task: { ...task, counted: factsOf(record(), peer).counted },
          signal: roundSignal,
          take: (received) => store(context, peer, received, roundSignal),
        }),
      )
      if (isEnough()) over.abort(new VillageError('FEDERATION_ROUND_STALE'))
    }),
  )
  signal.throwIfAborted()
}

/** What a client may say of an update: not all of it can be checked, but what no honest one can say is refused. */
const MAX_LOSS = 1_000

/** Nothing where single clients are hidden, whatever they say. Throws UPDATE_MALFORMED. */
export function learnedOf(
  spec: FederateSpec,
  { tokens, loss }: Pick<ReceivedUpdate, 'tokens' | 'loss'>,
): { tokens: number; loss: number } {
  if (hidesClients(spec)) return { tokens: 0, loss: 0 }
  // The weight of the update: one client could be the mean, else.
  if (tokens > mostTokens(spec))
    throw new VillageError('UPDATE_MALFORMED', 'An update is malformed: its steps have not so many tokens')
  if (!(loss >= 0 && loss <= MAX_LOSS))
    throw new VillageError('UPDATE_MALFORMED', 'An update is malformed: its loss is none')
  return { tokens, loss }
}

/** On the disk and in the record before the client is told. Throws UPDATE_MALFORMED, UPDATE_TOO_LARGE. */
async function store(
  context: RoundContext,
  peer: string,
  received: ReceivedUpdate,
  roundSignal: AbortSignal,
): Promise<void> {
  const { pool, directory, record, change } = context
  const { update, control, busyMs, sentBytes } = received
  const { config, elements } = record()
  const learned = learnedOf(config.spec, received)
  const { norm } = await pool.run(
    'federate.store',
    {
      update,
      control,
      codec: config.spec.compression.codec,
      elements,
      maxNorm: config.spec.aggregation.maxNorm,
      file: updateFile(directory, peer),
    },
    { signal: roundSignal },
  )
  const receivedBytes = update.length + (control?.length ?? 0)
  await change((before) =>
    reported(sent(before, sentBytes), peer, { ...learned, busyMs, receivedBytes, norm }),
  )
}
