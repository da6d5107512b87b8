/** The owners that this node works for: one stream each, opened when they say that they have work. */
import { toVillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { JOBS_PROTOCOL } from '../../mesh/protocols/jobs.ts'
import type { Worker } from './worker.ts'
import { workFor } from './worker-stream.ts'

interface Components {
  readonly mesh: Pick<Mesh, 'open' | 'roleOf'>
  readonly worker: Worker
  readonly artifacts: Pick<Artifacts, 'addBytes' | 'unpin'>
  readonly log: Log
}

export interface OwnersWorkedFor {
  /** A peer says that it has work; members do not work for guests. */
  announced(owner: string): void
  stop(): Promise<void>
}

const OPEN_TIMEOUT_MS = 20_000
const FIRST_RETRY_MS = 1_000
const REFUSED_RETRY_MS = 600_000
/** Owners worked for at once. */
const MAX_OWNERS = 64

export function createOwnersWorkedFor(
  components: Components,
  init: { version: string; enabled: () => boolean; now: () => number },
): OwnersWorkedFor {
  const { mesh, worker, artifacts, log } = components
  const stopping = new AbortController()
  const streams = new Map<string, Promise<void>>()
  /** Owners that refused this node or could not be reached, and until when they are left alone. */
  const restingUntilMs = new Map<string, number>()

  async function work(owner: string): Promise<void> {
    const { signal } = stopping
    try {
      const opening = AbortSignal.any([signal, AbortSignal.timeout(OPEN_TIMEOUT_MS)])
      const stream = await mesh.open(owner, JOBS_PROTOCOL, { signal: opening })
      const code = await workFor({ worker, artifacts, log }, stream, { version: init.version, signal })
      if (code === '') return
      log.info({ owner, code }, 'owner ended the work')
      restingUntilMs.set(owner, init.now() + (code === 'SHUTTING_DOWN' ? FIRST_RETRY_MS : REFUSED_RETRY_MS))
    } catch (error) {
      if (signal.aborted) return
      log.debug({ err: toVillageError(error), owner }, 'work for an owner was cut off')
      restingUntilMs.set(owner, init.now() + FIRST_RETRY_MS)
    }
  }

  return {
    announced(owner) {
      if (!init.enabled() || stopping.signal.aborted || streams.has(owner) || streams.size >= MAX_OWNERS)
        return
      if (mesh.roleOf(owner) === 'guest') return
      if ((restingUntilMs.get(owner) ?? 0) > init.now()) return
      restingUntilMs.delete(owner)
      streams.set(
        owner,
        work(owner).finally(() => streams.delete(owner)),
      )
    },
    async stop() {
      stopping.abort()
      await Promise.allSettled(streams.values())
    },
  }
}
