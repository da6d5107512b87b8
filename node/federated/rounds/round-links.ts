/**
 * One stream to each member that is spoken to, kept open: what is sent goes out in order, without waiting for an answer. What could not
 * be sent is dropped, never kept: the consensus and the authors of statements say again what is still of use.
 */
import { toVillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { ROUNDS_PROTOCOL, RoundsRequest } from '../../mesh/protocols/rounds.ts'
import type { Traffic } from './traffic.ts'

export interface RoundLinks {
  send(peer: string, run: string, request: RoundsRequest): void
  /** Ends all streams and waits for them. */
  stop(): Promise<void>
}

interface Waiting {
  readonly run: string
  readonly request: RoundsRequest
  readonly sizeBytes: number
}

interface Link {
  readonly queue: Waiting[]
  queuedBytes: number
  working: Promise<void> | null
  stream: FramedStream | null
}

const MAX_QUEUED_BYTES = 8 * 2 ** 20
/** Framing of a message on a stream. */
export const FRAME_OVERHEAD_BYTES = 3

export function createRoundLinks(components: {
  mesh: Pick<Mesh, 'open' | 'onPeerChange'>
  traffic: Traffic
  log: Log
}): RoundLinks {
  const { mesh, traffic, log } = components
  const links = new Map<string, Link>()
  const abort = new AbortController()
  const endChanges = mesh.onPeerChange(({ peer, connected }) => {
    const link = links.get(peer)
    if (connected || link === undefined) return
    // What is queued was for a connection that is gone.
    link.stream?.abort(new Error('the peer is gone'))
    link.stream = null
  })

  async function work(peer: string, link: Link): Promise<void> {
    const { signal } = abort
    while (link.queue.length > 0 && !signal.aborted) {
      const { run, request, sizeBytes } = link.queue.shift()!
      link.queuedBytes -= sizeBytes
      try {
        link.stream ??= await mesh.open(peer, ROUNDS_PROTOCOL, { signal })
        await link.stream.send(RoundsRequest, request, { signal })
        traffic.count(run, peer, 'out', sizeBytes)
      } catch (error) {
        log.debug({ err: toVillageError(error), peer }, 'a member could not be told of a run')
        link.stream?.abort(toVillageError(error))
        link.stream = null
        link.queue.length = 0
        link.queuedBytes = 0
      }
    }
  }

  return {
    send(peer, run, request) {
      if (abort.signal.aborted) return
      const link = links.get(peer) ?? { queue: [], queuedBytes: 0, working: null, stream: null }
      links.set(peer, link)
      const sizeBytes = RoundsRequest.encode(request).byteLength + FRAME_OVERHEAD_BYTES
      if (link.queuedBytes + sizeBytes > MAX_QUEUED_BYTES) {
        log.debug({ peer, queuedBytes: link.queuedBytes }, 'a member is too slow to be told of a run')
        return
      }
      link.queue.push({ run, request, sizeBytes })
      link.queuedBytes += sizeBytes
      link.working ??= work(peer, link).finally(() => {
        link.working = null
      })
    },
    async stop() {
      endChanges()
      abort.abort(new Error('the node is stopping'))
      await Promise.allSettled([...links.values()].map(({ working }) => working))
      for (const { stream } of links.values()) stream?.abort(new Error('the node is stopping'))
      links.clear()
    },
  }
}
