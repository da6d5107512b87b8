/**
 * The server's work on one federation: rounds until they are done, each as the record says. Everything is on the disk before it
 * counts, so that a server that is killed goes on where it was; updates that had come in are not asked for again.
 */
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from '../../compute/pool.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Mesh, PeerInfo } from '../../mesh/mesh.ts'
import type { FederatedOperations } from '../operations.ts'
import { offerTo, type RoundTask } from './ask-client.ts'
import { hidesClients } from './federate-spec.ts'
import {
  accepted,
  beginRound,
  candidates,
  endRound,
  type FederationRecord,
  failRound,
  type RoundReport,
  refusedUpdate,
} from './federation-record.ts'
import { type CollectedRound, collectRound } from './round-collection.ts'
import { sampleClients, selectClients } from './selection.ts'
import type { SignedTerms } from './terms.ts'

export interface RunComponents {
  readonly mesh: Pick<Mesh, 'open' | 'peers'>
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
  readonly longPool: Pick<Pool<FederatedOperations>, 'run'>
  readonly log: Log
  /** Durable when it resolves. */
  readonly save: (record: FederationRecord, round: RoundReport | null) => Promise<void>
  /** Told how many members take part and are here while they are too few, and null when they are enough. */
  readonly waiting: (count: number | null) => void
  readonly now: () => number
  /** In (0, 1), of a cryptographic source: who is drawn in private rounds. */
  readonly secretUniform: () => number
}

export interface RunInit {
  readonly terms: SignedTerms
  readonly directory: string
  readonly modelDir: string
  readonly threads: number
  readonly signal: AbortSignal
}

/** Who has not answered an offer, or refused it, is asked again after this. */
const OFFER_AGAIN_MS = 30_000
const CANDIDATES_POLL_MS = 250

export const globalFile = (directory: string, round: number) => path.join(directory, `global-${round}.bin`)

/** Ends when the rounds are done, returning the record. Throws FEDERATION_TOO_FEW, the signal's reason, and what the work throws. */
export async function runRounds(
  components: RunComponents,
  init: RunInit,
  start: FederationRecord,
): Promise<FederationRecord> {
  const { mesh, now, save } = components
  const { signal, directory } = init
  let record = start
  /** One change at a time: clients answer while others are still asked. */
  let saving: Promise<void> = Promise.resolve()
  /** Why the last attempt failed, where it was not that too few answered. */
  let problem: unknown = null
  const offeredAtMs = new Map<string, number>()

  function change(next: (before: FederationRecord) => FederationRecord, round: RoundReport | null = null) {
    record = next(record)
    const current = record
    saving = saving.then(() => save(current, round))
    return saving
  }

  function present(): Map<string, PeerInfo> {
    const members = mesh.peers().filter(({ role }) => role !== 'guest')
    return new Map(members.map((peer) => [peer.peer, peer]))
  }

  const powers = () =>
    new Map(
      [...present()].map(([peer, { capabilities }]) => [peer, { power: capabilities?.power ?? 'unknown' }]),
    )

  /** Offers the terms to members that have not said yes; a no is asked again later, for owners change their minds. */
  async function offerToAll(): Promise<void> {
    const waiting = [...present().keys()].filter(
      (peer) =>
        record.clients[peer] === undefined &&
        now() - (offeredAtMs.get(peer) ?? -OFFER_AGAIN_MS) >= OFFER_AGAIN_MS,
    )
    await Promise.all(
      waiting.map(async (peer) => {
        offeredAtMs.set(peer, now())
        try {
          const { cores } = await offerTo(components, peer, init.terms, signal)
          await change((before) => accepted(before, peer, cores))
        } catch (error) {
          components.log.debug({ err: error, peer }, 'a member takes no part')
        }
      }),
    )
  }

  /** The clients of the round, as soon as there are enough; null when there are not until the deadline. */
  async function select(): Promise<string[] | null> {
    const { clients, privacy, seed } = record.config.spec
    const deadlineMs = now() + clients.deadlineSeconds * 1_000
    for (;;) {
      signal.throwIfAborted()
      await offerToAll()
      const here = candidates(record, powers())
      const isEnough = here.length >= clients.minimum
      components.waiting(isEnough ? null : here.length)
      if (isEnough) {
        const { round, attempt } = record
        const count = Math.ceil(clients.target * clients.overSelection)
        return privacy === null
          ? selectClients(here, count, { seed, round, attempt })
          : sampleClients(here, privacy.samplingRate, components.secretUniform)
      }
      if (now() > deadlineMs) return null
      await sleep(CANDIDATES_POLL_MS, undefined, { signal })
    }
  }

  async function taskOf(): Promise<RoundTask> {
    const { id: federation, round, elements, layoutHash } = record
    const file = globalFile(directory, round)
    const { vectors, hash, hasControl } = await components.pool.run('federate.vectors', { file }, { signal })
    return { federation, round, counted: null, elements, layoutHash, hasControl, vectors, vectorsHash: hash }
  }

  async function finishRound(startedMs: number, { files, weights, summed }: CollectedRound): Promise<void> {
    const { spec, test } = record.config
    const { reports, selected, sentBytes } = record.current!
    const peers = Object.keys(reports).sort()
    const next = globalFile(directory, record.round + 1)
    const made = await components.pool.run(
      'federate.aggregate',
      {
        spec,
        secretSeed: record.secretSeed,
        globalFile: globalFile(directory, record.round),
        nextFile: next,
        files,
        weights,
        summed,
        population: Object.keys(record.clients).length,
      },
      { signal },
    )
    const testLoss = test.length === 0 ? null : await measure(next)
    for (const { client, reason } of made.refused) {
      components.log.warn(
        { peer: peers[client], reason, round: record.round },
        'the update of a client was refused',
      )
      await change((before) => refusedUpdate(before, peers[client]!, 'UPDATE_MALFORMED'))
    }
    const used = summed === null ? made.used.map((client) => peers[client]!) : peers
    const all = Object.values(reports)
    const tokens = all.reduce((sum, report) => sum + report.tokens, 0)
    const report: RoundReport = {
      round: record.round,
      attempt: record.attempt,
      asked: selected.length,
      answered: peers.length,
      used: used.length,
      refused: record.current!.refused,
      loss: tokens === 0 ? null : all.reduce((sum, one) => sum + one.loss * one.tokens, 0) / tokens,
      testLoss,
      accuracy: null,
      tokens: hidesClients(spec) ? null : tokens,
      norm: made.norm,
      sentBytes,
      receivedBytes: all.reduce((sum, one) => sum + one.receivedBytes, 0),
      tookMs: now() - startedMs,
      epsilon: made.epsilon,
    }
    await change((before) => endRound(before, used), report)
    await Promise.all([
      ...files.map((file) => rm(file, { force: true })),
      rm(globalFile(directory, report.round), { force: true }),
    ])
  }

  /** False where too many updates were refused for the rule to stand the liars that it should: the round is made again. */
  async function isFinished(startedMs: number, collected: CollectedRound): Promise<boolean> {
    try {
      await finishRound(startedMs, collected)
      return true
    } catch (error) {
      if (toVillageError(error).code !== 'AGGREGATE_TOO_FEW_CLIENTS') throw error
      components.log.warn({ err: error, round: record.round }, 'a round could not be aggregated')
      problem = error
      return false
    }
  }

  /** False where too few answered. */
  async function isRoundMade(selected: readonly string[], startedMs: number): Promise<boolean> {
    const { privacy, clients } = record.config.spec
    if (record.current === null) await change((before) => beginRound(before, selected))
    const collected = await collectRound(
      { ...components, directory, signal, record: () => record, change },
      await taskOf(),
    )
    const { length } = Object.keys(record.current!.reports)
    // A private round is what it is: to make it again because few answered would tell who was drawn.
    return length >= (privacy === null ? clients.minimum : 0) && isFinished(startedMs, collected)
  }

  async function measure(file: string): Promise<number> {
    const { spec, test: files } = record.config
    const { modelDir, threads } = init
    const { loss } = await components.longPool.run(
      'federate.measure',
      { modelDir, spec, threads, file, directory: path.join(directory, 'test'), files },
      { signal },
    )
    return loss
  }

  if (record.round === 0 && record.testLossBefore === null && record.config.test.length > 0) {
    const testLossBefore = await measure(globalFile(directory, 0))
    await change((before) => ({ ...before, testLossBefore }))
  }
  const { spec } = record.config
  while (record.round < spec.rounds) {
    const startedMs = now()
    problem = null
    const selected = record.current?.selected ?? (await select())
    if (selected !== null && (await isRoundMade(selected, startedMs))) continue
    const answered = Object.keys(record.current?.reports ?? {}).length
    await change(failRound)
    if (record.attempt < spec.clients.attempts) continue
    throw (
      problem ??
      new VillageError(
        'FEDERATION_TOO_FEW',
        `${answered} of ${spec.clients.minimum} clients answered in round ${record.round + 1}`,
        { fields: { clients: answered, minimum: spec.clients.minimum, round: record.round } },
      )
    )
  }
  await saving
  return record
}
