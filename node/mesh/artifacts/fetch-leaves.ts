/**
 * The leaves of one artifact from several providers at once. Each provider is asked for short runs of leaves, in order, and owes at
 * most a window of bytes; one that stalls, lies or closes loses what it owes to the others.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import { MAX_REQUEST_LEAVES } from '../protocols/artifacts.ts'
import { type BlockStore, MAX_BLOCK_BYTES } from './blocks.ts'
import type { BlockKey } from './cids.ts'
import { type FetchInit, isFinal, unavailable } from './fetch.ts'
import type { Manifest } from './manifest.ts'
import type { PeerSession } from './peer-session.ts'
import { createSchedule, type Have, type Schedule } from './schedule.ts'

const MAX_PROVIDERS = 6
/** What one provider may owe: enough to keep a fast link busy, little enough to be cheap to lose. */
const WINDOW_BYTES = 8 * 2 ** 20
const WINDOW_LEAVES = 256
const RANGE_BYTES = 4 * 2 ** 20
/** Blocks hashed and written at once by provider. */
const STORING = 4
/** Below this it is not worth to look for more providers than the first. */
const MANY_PROVIDERS_MIN_BYTES = 8 * 2 ** 20
const STARVED_POLL_MS = 250

export interface LeavesInit {
  blocks: BlockStore
  manifest: Manifest
  /** Bytes of leaves that are not here. */
  missingBytes: number
  /** Sessions that are open; those still of use are put back. */
  free: PeerSession[]
  /** Verifies and stores; throws ARTIFACT_CORRUPT. */
  store(key: BlockKey, parts: readonly Uint8Array[]): Promise<void>
  drop(session: PeerSession, error: unknown): void
}

/** Throws ARTIFACT_UNAVAILABLE, and what isFinal() names. */
export async function fetchLeaves(
  given: LeavesInit,
  init: Pick<FetchInit, 'root' | 'providers' | 'signal' | 'starvedTimeoutMs' | 'onProgress'>,
): Promise<void> {
  const { blocks, manifest, free, store, drop } = given
  const { signal } = init
  const { leaves } = manifest
  const schedule: Schedule = createSchedule({
    sizesBytes: leaves.map((leaf) => leaf.sizeBytes),
    present: (index) => blocks.has(leaves[index]!.key),
  })
  const uniqueBytes = leaves.reduce((sum, leaf) => sum + (leaf.sizeBytes ?? 0), 0)
  let doneBytes = uniqueBytes - given.missingBytes
  const wantedProviders = given.missingBytes >= MANY_PROVIDERS_MIN_BYTES ? MAX_PROVIDERS : 1
  let failure: { error: unknown } | null = null
  const owed = (index: number) => leaves[index]!.sizeBytes ?? MAX_BLOCK_BYTES
  /** Every candidate was asked. */
  let isExhausted = false
  /** Providers lost so far: each may have been put back among the candidates. */
  let losses = 0
  let ended = false
  const working = new Map<PeerSession, Promise<void>>()
  /** Providers that have nothing of what is missing, yet: they may be fetching it themselves. */
  const starved: PeerSession[] = []
  /** Resolved, and replaced, whenever a leaf came in or a provider was lost. */
  let change = Promise.withResolvers<void>()
  const changed = () => {
    change.resolve()
    change = Promise.withResolvers<void>()
  }

  async function keepLeaf(index: number, parts: readonly Uint8Array[]): Promise<void> {
    const leaf = leaves[index]!
    await store(leaf.key, parts)
    const sizeBytes = blocks.sizeOf(leaf.key) ?? 0
    if (leaf.sizeBytes !== null && leaf.sizeBytes !== sizeBytes)
      throw new VillageError(
        'ARTIFACT_INVALID_MANIFEST',
        'A leaf has another size than its manifest declares',
      )
    if (!schedule.done(index)) return
    doneBytes += sizeBytes
    init.onProgress(doneBytes, Math.max(uniqueBytes, doneBytes))
    changed()
  }

  /** Asks for leaves and takes them in until this provider is of no more use. */
  async function work(session: PeerSession): Promise<void> {
    const lost = new Set<number>()
    const offered: Have = session.complete ? { has: () => true } : await session.have()
    const have: Have = { has: (index) => offered.has(index) && !lost.has(index) }
    const storing = new Set<Promise<void>>()
    let storeFailure: { error: unknown } | null = null
    let owedBytes = 0
    while (schedule.remaining > 0 && failure === null) {
      while (owedBytes < WINDOW_BYTES && session.outstanding < WINDOW_LEAVES) {
        const limits = { maxBytes: RANGE_BYTES, maxLeaves: MAX_REQUEST_LEAVES }
        const range = schedule.assign(session.peer, have, limits)
        if (range === null) break
        for (let index = range.start; index < range.start + range.count; index++) owedBytes += owed(index)
        await session.request(range)
      }
      if (session.outstanding === 0) {
        if (!schedule.wants(have)) break
        await Promise.race([change.promise, ...storing])
        if (storeFailure !== null) break
        continue
      }
      const { index, parts } = await session.next()
      owedBytes -= owed(index)
      if (parts === null) {
        lost.add(index)
        schedule.release(session.peer, index)
        changed()
        continue
      }
      if (schedule.isDone(index)) continue
      const stored: Promise<void> = keepLeaf(index, parts)
        .catch((error: unknown) => {
          storeFailure = { error }
        })
        .finally(() => storing.delete(stored))
      storing.add(stored)
      if (storing.size >= STORING) await Promise.race(storing)
      if (storeFailure !== null) break
    }
    await Promise.all(storing)
    // TypeScript does not see the assignments made in callbacks.
    const failed = storeFailure as { error: unknown } | null
    if (failed !== null) throw failed.error
  }

  function start(session: PeerSession): void {
    const worker = work(session)
      .then(
        () => {
          if (session.busy) session.abort(new VillageError('ABORTED', 'The leaf came from another peer'))
          else if (schedule.remaining > 0) starved.push(session)
          else free.push(session)
        },
        (error: unknown) => {
          drop(session, error)
          losses += 1
          isExhausted = false
          if (isFinal(error)) failure ??= { error }
        },
      )
      .finally(() => {
        schedule.release(session.peer)
        working.delete(session)
        changed()
      })
    working.set(session, worker)
  }

  /** Starts more providers; true when there is none left to ask. */
  async function discover(): Promise<boolean> {
    while (!ended && working.size < wantedProviders) {
      const lossesBefore = losses
      const session = await init.providers.next()
      if (session === null) return losses === lossesBefore
      if (!ended) start(session)
      else session.abort(new VillageError('ABORTED', 'The fetch ended'))
    }
    return false
  }

  for (const session of free.splice(0)) start(session)
  let discovering: Promise<void> | null = null
  let starvedMs = 0
  let lastRemaining = schedule.remaining
  const onAbort = () => changed()
  signal.addEventListener('abort', onAbort)
  try {
    while (schedule.remaining > 0 && failure === null) {
      signal.throwIfAborted()
      if (schedule.remaining < lastRemaining) starvedMs = 0
      lastRemaining = schedule.remaining
      if (discovering === null && !isExhausted && working.size < wantedProviders)
        discovering = discover()
          .then(
            (exhausted) => {
              isExhausted = exhausted
            },
            (error: unknown) => {
              failure ??= { error }
            },
          )
          .finally(() => {
            discovering = null
            changed()
          })
      if (working.size === 0 && discovering === null) {
        if (starved.length === 0 || starvedMs >= init.starvedTimeoutMs) throw unavailable(init.root)
        await sleep(STARVED_POLL_MS, undefined, { signal })
        starvedMs += STARVED_POLL_MS
        for (const session of starved.splice(0)) start(session)
        continue
      }
      await change.promise
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    ended = true
    for (const session of working.keys())
      if (session.busy) session.abort(new VillageError('ABORTED', 'The fetch ended'))
    await Promise.all(working.values())
    free.push(...starved)
  }
  const failed = failure as { error: unknown } | null
  if (failed !== null) throw failed.error
}
