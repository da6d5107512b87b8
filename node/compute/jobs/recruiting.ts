/**
 * How owners and workers find each other: an owner with work says so by gossip, and directly to peers that connect;
 * a worker that hears it opens a stream and asks. Nothing is polled, and nothing but a count is announced.
 */
import { toVillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import {
  JOBS_LIMITS,
  JOBS_PROTOCOL,
  JOBS_TOPIC,
  JobsAnnounce,
  WorkerFrame,
} from '../../mesh/protocols/jobs.ts'
import { workerFrame } from './worker-stream.ts'

interface Components {
  readonly mesh: Pick<Mesh, 'subscribe' | 'publish' | 'open' | 'peers' | 'onPeerChange'>
  readonly log: Log
}

interface Init {
  readonly now: () => number
  /** Tasks of this node's jobs that are not done. */
  readonly openTasks: () => number
  /** Peers that work for this node already. */
  readonly isWorking: (peer: string) => boolean
  /** An owner has work. */
  readonly announced: (owner: string) => void
}

export interface Recruiting {
  start(): void
  /** Says at once that there is work, and again every ten seconds while there is. */
  announce(): void
  stop(): Promise<void>
}

const REPEAT_MS = 10_000
/** Older announcements are echoes of gossip; clocks of members may differ by this much. */
const MAX_AGE_MS = 120_000
const DIRECT_TIMEOUT_MS = 10_000
/** Connected peers that are told directly when a job is submitted; the others hear it by gossip. */
const MAX_DIRECT = 16

export function createRecruiting(components: Components, init: Init): Recruiting {
  const { mesh, log } = components
  const stopping = new AbortController()
  const telling = new Map<string, Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let unsubscribe = () => {}
  let announcedMs = Number.NEGATIVE_INFINITY

  mesh.subscribe(JOBS_TOPIC, {
    maxBytes: JOBS_LIMITS.maxAnnounceBytes,
    validate(bytes) {
      try {
        const { timeMs } = JobsAnnounce.decode(bytes)
        return Math.abs(init.now() - timeMs) <= MAX_AGE_MS ? 'accept' : 'ignore'
      } catch {
        return 'reject'
      }
    },
    handle: (_bytes, from) => init.announced(from),
  })

  const message = () => ({ openTasks: Math.min(init.openTasks(), 2 ** 32 - 1), timeMs: init.now() })

  async function tell(peer: string): Promise<void> {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(DIRECT_TIMEOUT_MS)])
    try {
      const stream = await mesh.open(peer, JOBS_PROTOCOL, { signal })
      await stream.send(WorkerFrame, workerFrame({ announce: message() }), { signal })
      await stream.close()
    } catch (error) {
      // The next announcement reaches it, or it has gone.
      log.debug({ err: toVillageError(error), peer }, 'peer not told of work')
    }
  }

  function tellOnce(peer: string): void {
    if (telling.has(peer) || init.isWorking(peer) || stopping.signal.aborted) return
    telling.set(
      peer,
      tell(peer).finally(() => telling.delete(peer)),
    )
  }

  function announce(): void {
    if (init.openTasks() === 0 || stopping.signal.aborted) return
    announcedMs = init.now()
    mesh
      .publish(JOBS_TOPIC, JobsAnnounce.encode(message()))
      .catch((error: unknown) => log.debug({ err: error }, 'work not announced'))
    const idle = mesh.peers().filter(({ peer }) => !init.isWorking(peer))
    for (const { peer } of idle.slice(0, MAX_DIRECT)) tellOnce(peer)
  }

  return {
    start() {
      unsubscribe = mesh.onPeerChange(({ peer, connected }) => {
        if (connected && init.openTasks() > 0) tellOnce(peer)
      })
      timer = setInterval(() => {
        if (init.now() - announcedMs >= REPEAT_MS) announce()
      }, REPEAT_MS).unref()
    },
    announce,
    async stop() {
      stopping.abort()
      clearInterval(timer)
      unsubscribe()
      await Promise.allSettled(telling.values())
    },
  }
}
