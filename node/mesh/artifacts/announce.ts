/** Tells the DHT which pinned artifacts this node holds: when one comes to be held, and again every 12 hours. */
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Mesh } from '../mesh.ts'
import { parseCid } from './cids.ts'

/** Provider records live for 48 hours in kad-dht; half of them may be lost to churn without harm at this pace. */
const REPEAT_MS = 12 * 3_600_000
const CHECK_MS = 60_000
const AT_ONCE = 3
const TIMEOUT_MS = 60_000

export interface Announcer {
  add(cid: string): void
  remove(cid: string): void
  start(): void
  stop(): Promise<void>
}

export function createAnnouncer(
  components: { mesh: Pick<Mesh, 'provide' | 'peers' | 'onPeerChange'>; log: Log },
  init: {
    now: () => number
    /** Looked at each time that a root is due: one that comes to be shared is announced within CHECK_MS. */
    mayAnnounce: (cid: string) => boolean
  },
): Announcer {
  const { mesh, log } = components
  /** When each root is due, in the order in which they came. */
  const dueAtMs = new Map<string, number>()
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let endPeerChange: (() => void) | undefined

  async function announce(cid: string): Promise<void> {
    // Not due again while it runs; a failure brings it back at the next check.
    dueAtMs.set(cid, init.now() + REPEAT_MS)
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(TIMEOUT_MS)])
      await mesh.provide(parseCid(cid), { signal })
    } catch (error) {
      if (stopping.signal.aborted) return
      log.debug({ err: error, cid }, 'artifact not announced')
      if (dueAtMs.has(cid)) dueAtMs.set(cid, init.now() + CHECK_MS)
    }
  }

  function fill(): void {
    if (timer === undefined || stopping.signal.aborted || mesh.peers().length === 0) return
    for (const [cid, due] of dueAtMs) {
      if (running.size >= AT_ONCE) return
      if (due > init.now() || !init.mayAnnounce(cid)) continue
      const work: Promise<void> = announce(cid).finally(() => {
        running.delete(work)
        fill()
      })
      running.add(work)
    }
  }

  return {
    add(cid) {
      if (!dueAtMs.has(cid)) dueAtMs.set(cid, 0)
      fill()
    },
    remove: (cid) => dueAtMs.delete(cid),
    start() {
      timer = setInterval(fill, CHECK_MS)
      timer.unref()
      endPeerChange = mesh.onPeerChange(({ connected }) => {
        if (connected) fill()
      })
      fill()
    },
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      clearInterval(timer)
      endPeerChange?.()
      await Promise.all(running)
    },
  }
}
