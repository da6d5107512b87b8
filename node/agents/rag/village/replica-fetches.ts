/** The fetches of replicas: a few at a time, resumed where they were cut off, tried again ever less often while they fail. */
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { Catalogue, LiveRecord } from './catalogue.ts'
import type { RecordSegment } from './collection-record.ts'
import { withIncoming } from './incoming.ts'
import type { Offers } from './offers.ts'
import type { ReplicaStore } from './replica-store.ts'

export interface ReplicaFetches {
  start(): void
  stop(): Promise<void>
  isRunning(cid: string): boolean
  /** Starts as many as may go at once. False: one of them has failed before. */
  next(wanted: readonly { record: LiveRecord; segment: RecordSegment }[]): boolean
}

interface Components {
  readonly catalogue: Pick<Catalogue, 'byId'>
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize'>
  readonly replicas: Pick<ReplicaStore, 'add'>
  readonly offers: Offers
  /** What this node holds has changed. */
  readonly onChange: () => void
  /** A fetch has ended: there is room for another. */
  readonly onFetched: () => void
  readonly log: Log
}

interface Init {
  /** Below it segments wait between their fetch and their place. */
  readonly incoming: string
  readonly providersOf: (record: LiveRecord, segment: RecordSegment) => string[]
  readonly now: () => number
}

/** Gentle, so that a new member does not take the village's bandwidth. */
const AT_ONCE = 2
const FETCH_TIMEOUT_MS = 30 * 60_000
/** Names and manifests of an artifact besides its files. */
const OVERHEAD_BYTES = 64 * 1024
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 60_000

export function createReplicaFetches(components: Components, init: Init): ReplicaFetches {
  const { catalogue, artifacts, replicas, offers, onChange, onFetched, log } = components
  /** By CID. */
  const fetching = new Map<string, Promise<void>>()
  const failures = new Map<string, { count: number; atMs: number }>()
  let stopping = new AbortController()

  /** Throws what a fetch throws, SEGMENT_CORRUPT, DISK_FULL. */
  async function fetch(record: LiveRecord, segment: RecordSegment, signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    const { cid } = segment
    try {
      await artifacts.fetch(cid, {
        providers: init.providersOf(record, segment),
        ...(await offers.keeping(cid, record.id)),
        signal: AbortSignal.any([signal, stop.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
        onProgress(_doneBytes, totalBytes) {
          if (totalBytes > segment.sizeBytes + OVERHEAD_BYTES)
            stop.abort(new VillageError('SEGMENT_CORRUPT', 'A segment is larger than its record says'))
        },
      })
      // Its owner may have withdrawn it meanwhile.
      if (catalogue.byId(record.id)?.facts.segments.some(({ id }) => id === segment.id) !== true) return
      await withIncoming(init.incoming, async (directory) =>
        replicas.add(record, segment, await artifacts.materialize(cid, directory)),
      )
    } catch (error) {
      // What can never be a replica does not stay; what was cut off goes on from where it was.
      if (toVillageError(error).code === 'SEGMENT_CORRUPT') await offers.withdraw(cid, record.id)
      throw error
    }
    offers.add(cid, record.id)
    onChange()
  }

  function next(wanted: readonly { record: LiveRecord; segment: RecordSegment }[]): boolean {
    let hasFailed = false
    for (const { record, segment } of wanted) {
      const { cid } = segment
      const failure = failures.get(cid)
      hasFailed ||= failure !== undefined
      if (fetching.has(cid) || fetching.size >= AT_ONCE) continue
      const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** ((failure?.count ?? 1) - 1))
      if (failure !== undefined && init.now() - failure.atMs < waitMs) continue
      const { signal } = stopping
      const work = fetch(record, segment, signal)
        .then(
          () => {
            failures.delete(cid)
          },
          (error: unknown) => {
            failures.set(cid, { count: Math.min(16, (failure?.count ?? 0) + 1), atMs: init.now() })
            if (!signal.aborted)
              log.debug({ err: toVillageError(error), segment: segment.id }, 'a replica could not be fetched')
          },
        )
        .finally(() => {
          fetching.delete(cid)
          if (!signal.aborted) onFetched()
        })
      fetching.set(cid, work)
    }
    return !hasFailed
  }

  return {
    start() {
      stopping = new AbortController()
    },
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await Promise.all(fetching.values())
    },
    isRunning: (cid) => fetching.has(cid),
    next,
  }
}
