/**
 * Questions to peers over streams that stay open between them: a new stream costs several times a round trip. A stream has one
 * question at a time, so two at once take two streams; who stops waiting leaves the stream to finish by itself.
 */
import { isErrorCode, toVillageError, VillageError } from '../../../errors.ts'
import type { FramedStream } from '../../../mesh/framed-stream.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import { SEARCH_PROTOCOL, SearchRequestFrame, SearchResponseFrame } from '../../../mesh/protocols/search.ts'

export interface PeerLinks {
  /** Throws the code that the peer answered, what the stream throws, and the signal's reason. */
  ask(peer: string, request: SearchRequestFrame, signal: AbortSignal): Promise<SearchResponseFrame>
  /** Expected time of an answer by the last ones: the nine-tenths quantile. Before there is any, null. */
  latencyMs(peer: string): number | null
  /** Questions that it has not answered yet. */
  load(peer: string): number
  /** Closes what is open to a peer, or to all. */
  close(peer?: string): Promise<void>
}

const MAX_IDLE_BY_PEER = 4
/** An unused stream is given up before the other side ends it. */
const IDLE_MS = 60_000
/** A question that nobody waits for any more may still be answered, so that its stream can be used again. */
const LINGER_MS = SEARCH_PROTOCOL.frameTimeoutMs
const SAMPLES = 32

interface IdleStream {
  readonly stream: FramedStream
  readonly sinceMs: number
}

export function createPeerLinks(
  components: { mesh: Pick<Mesh, 'open'> },
  init: { now: () => number },
): PeerLinks {
  const { mesh } = components
  const idle = new Map<string, IdleStream[]>()
  const samples = new Map<string, number[]>()
  const asking = new Map<string, number>()
  let stopping = new AbortController()

  function takeIdle(peer: string): FramedStream | null {
    const streams = idle.get(peer) ?? []
    while (streams.length > 0) {
      const { stream, sinceMs } = streams.pop()!
      if (init.now() - sinceMs < IDLE_MS) return stream
      stream.abort(new VillageError('ABORTED'))
    }
    return null
  }

  function giveBack(peer: string, stream: FramedStream): void {
    const streams = idle.get(peer) ?? []
    if (streams.length >= MAX_IDLE_BY_PEER || stopping.signal.aborted) {
      stream.close().catch(() => undefined) // it is of no use to anybody
      return
    }
    streams.push({ stream, sinceMs: init.now() })
    idle.set(peer, streams)
  }

  function remember(peer: string, tookMs: number): void {
    const list = samples.get(peer) ?? []
    list.push(tookMs)
    if (list.length > SAMPLES) list.shift()
    samples.set(peer, list)
  }

  async function exchange(
    peer: string,
    stream: FramedStream,
    request: SearchRequestFrame,
    signal: AbortSignal,
  ): Promise<SearchResponseFrame> {
    try {
      await stream.send(SearchRequestFrame, request, { signal })
      const response = await stream.expect(SearchResponseFrame, { signal })
      giveBack(peer, stream)
      return response
    } catch (error) {
      stream.abort(toVillageError(error))
      throw error
    }
  }

  /** A stream that lay idle may have been ended by the other side meanwhile: then a new one gets the same question. */
  async function run(
    peer: string,
    request: SearchRequestFrame,
    signal: AbortSignal,
  ): Promise<SearchResponseFrame> {
    const kept = takeIdle(peer)
    if (kept !== null) {
      try {
        return await exchange(peer, kept, request, signal)
      } catch (error) {
        const { code } = toVillageError(error)
        if (signal.aborted || (code !== 'PEER_DISCONNECTED' && code !== 'PROTOCOL_UNEXPECTED_END'))
          throw error
      }
    }
    const stream = await mesh.open(peer, SEARCH_PROTOCOL, { signal })
    return await exchange(peer, stream, request, signal)
  }

  return {
    async ask(peer, request, signal) {
      signal.throwIfAborted()
      const startedMs = performance.now()
      asking.set(peer, (asking.get(peer) ?? 0) + 1)
      const own = AbortSignal.any([stopping.signal, AbortSignal.timeout(LINGER_MS)])
      const running = run(peer, request, own).finally(() => {
        const rest = (asking.get(peer) ?? 1) - 1
        if (rest > 0) asking.set(peer, rest)
        else asking.delete(peer)
      })
      running.then(() => remember(peer, performance.now() - startedMs)).catch(() => undefined) // thrown to who waits
      const aborted = Promise.withResolvers<never>()
      const onAbort = () => aborted.reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        const response = await Promise.race([running, aborted.promise])
        if (response.code === '') return response
        throw new VillageError(isErrorCode(response.code) ? response.code : 'PROTOCOL_MALFORMED', undefined, {
          fields: { peer },
        })
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },
    latencyMs(peer) {
      const list = samples.get(peer)
      if (list === undefined) return null
      return list.toSorted((a, b) => a - b)[Math.floor(list.length * 0.9)] ?? null
    },
    load: (peer) => asking.get(peer) ?? 0,
    async close(peer) {
      if (peer === undefined) {
        stopping.abort(new VillageError('SHUTTING_DOWN'))
        stopping = new AbortController()
      }
      for (const [each, streams] of idle) {
        if (peer !== undefined && each !== peer) continue
        for (const { stream } of streams) stream.abort(new VillageError('ABORTED'))
        idle.delete(each)
      }
      if (peer === undefined) samples.clear()
    },
  }
}
