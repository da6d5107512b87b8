/**
 * The protocols that this node answers: who may open a stream, how many at once and in a minute, and what happens when
 * the handler fails. Handlers are registered before the host exists and outlive it (a village can be left and joined).
 */
import type { Connection, Stream } from '@libp2p/interface'
import { toVillageError, VillageError } from '../errors.ts'
import { createHistogram, type HistogramReading } from '../histogram.ts'
import type { Log } from '../log.ts'
import { createFramedStream, type FramedStream } from './framed-stream.ts'
import type { Host } from './host.ts'
import type { Role } from './membership/records.ts'
import type { ProtocolSpec } from './protocols/spec.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'

export interface StreamContext {
  /** Base58 peer ID, proven by the connection. */
  peer: string
  role: Role
  /** Aborts when the mesh stops, the peer is revoked or its connection ends. */
  signal: AbortSignal
}
export type StreamHandler = (stream: FramedStream, context: StreamContext) => Promise<void>

export interface Streams {
  register(spec: ProtocolSpec, handler: StreamHandler): void
  /** Answers every registered protocol on `host`. */
  attach(host: Host): Promise<void>
  /** Ends the streams of a peer (it was revoked), or all of them. */
  abort(reason: VillageError, peer?: string): void
  /** Resolves when no handler runs any more. */
  drained(): Promise<void>
  counts(): { protocol: string; open: number }[]
  /** Since the start, by protocol: how streams of peers ended, and how long they were served. */
  totals(): { ended: { protocol: string; result: StreamResult; count: number }[]; seconds: HistogramReading }
}

/** `failed`: for a reason of this node or of the peer. */
export type StreamResult = 'served' | 'failed' | 'refused'

interface Row {
  spec: ProtocolSpec
  handler: StreamHandler
  open: Map<string, number>
  rate: RateLimit
  readonly ended: Record<StreamResult, number>
}

export function mayOpen(spec: ProtocolSpec, role: Role | null): boolean {
  if (role === null) return false
  return role !== 'guest' || spec.access !== 'member'
}

export function createStreams(
  components: { log: Log },
  init: { roleOf: (peer: string) => Role | null; now?: () => number },
): Streams {
  const { log } = components
  const now = init.now ?? Date.now
  const rows = new Map<string, Row>()
  const seconds = createHistogram<'protocol'>()
  const running = new Map<Promise<void>, { peer: string; abort: AbortController }>()

  /** Throws the refusal that the peer gets as a reset of its stream. */
  function admit(row: Row, peer: string): Role {
    const role = init.roleOf(peer)
    if (role === null) throw new VillageError('MEMBER_UNKNOWN')
    if (!mayOpen(row.spec, role)) throw new VillageError('MEMBER_ACCESS')
    if (!row.rate.take(peer, now())) throw new VillageError('PEER_RATE_LIMITED')
    if ((row.open.get(peer) ?? 0) >= row.spec.maxStreamsByPeer) throw new VillageError('PEER_RATE_LIMITED')
    return role
  }

  async function serve(
    row: Row,
    stream: Stream,
    peer: string,
    role: Role,
    signal: AbortSignal,
  ): Promise<void> {
    const framed = createFramedStream({ stream, peer, spec: row.spec })
    const onAbort = () => framed.abort(toVillageError(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    row.open.set(peer, (row.open.get(peer) ?? 0) + 1)
    const startedMs = performance.now()
    let result: StreamResult = 'failed'
    try {
      await row.handler(framed, { peer, role, signal })
      await framed.close()
      result = 'served'
    } catch (error) {
      const reason = toVillageError(error)
      // A handler that fails for a reason of ours is worth knowing; what a peer did is not.
      if (reason.code === 'INTERNAL')
        log.error({ err: error, peer, protocol: row.spec.id }, 'a protocol handler failed')
      else log.debug({ err: error, peer, protocol: row.spec.id }, 'a stream of a peer ended early')
      framed.abort(reason)
    } finally {
      row.ended[result] += 1
      seconds.observe({ protocol: row.spec.id }, (performance.now() - startedMs) / 1000)
      signal.removeEventListener('abort', onAbort)
      const open = (row.open.get(peer) ?? 1) - 1
      if (open > 0) row.open.set(peer, open)
      else row.open.delete(peer)
    }
  }

  function onStream(row: Row, stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    let role: Role
    try {
      role = admit(row, peer)
    } catch (error) {
      log.debug({ err: error, peer, protocol: row.spec.id }, 'refused a stream')
      row.ended.refused += 1
      stream.abort(toVillageError(error))
      return
    }
    const abort = new AbortController()
    const onClose = () => abort.abort(new VillageError('PEER_DISCONNECTED'))
    connection.addEventListener('close', onClose, { once: true })
    const work = serve(row, stream, peer, role, abort.signal).finally(() => {
      running.delete(work)
      connection.removeEventListener('close', onClose)
    })
    running.set(work, { peer, abort })
  }

  return {
    register(spec, handler) {
      if (rows.has(spec.id)) throw new VillageError('INTERNAL', `The protocol ${spec.id} has two handlers`)
      rows.set(spec.id, {
        spec,
        handler,
        open: new Map(),
        rate: createRateLimit({ byMinute: spec.streamsByMinute }),
        ended: { served: 0, failed: 0, refused: 0 },
      })
    },
    async attach(host) {
      for (const row of rows.values())
        await host.handle(row.spec.id, (stream, connection) => onStream(row, stream, connection), {
          // Over all peers libp2p counts by connection; the limit by peer is enforced above.
          maxInboundStreams: row.spec.maxStreamsByPeer + 1,
          maxOutboundStreams: 1_024,
          runOnLimitedConnection: true,
        })
    },
    abort(reason, peer) {
      for (const entry of running.values())
        if (peer === undefined || entry.peer === peer) entry.abort.abort(reason)
    },
    async drained() {
      await Promise.allSettled(running.keys())
    },
    counts: () =>
      [...rows.values()].map((row) => ({
        protocol: row.spec.id,
        open: [...row.open.values()].reduce((sum, count) => sum + count, 0),
      })),
    totals: () => ({
      ended: [...rows.values()].flatMap(({ spec, ended }) =>
        (['served', 'failed', 'refused'] as const).map((result) => ({
          protocol: spec.id,
          result,
          count: ended[result],
        })),
      ),
      seconds: seconds.read(),
    }),
  }
}
