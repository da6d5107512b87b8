/**
 * Answers searches of other members in the segments that lie here. A peer sees segments of collections that its role may see, and
 * of the others learns as little as of those that never were; it may ask so much in a minute, and so many questions are worked on at
 * once. Nothing of a query is logged above debug.
 */
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { FramedStream } from '../../../mesh/framed-stream.ts'
import type { Role, StreamContext } from '../../../mesh/mesh.ts'
import {
  type ChunkMessage,
  SEARCH_LIMITS,
  SEARCH_PROTOCOL,
  SearchRequestFrame,
  SearchResponseFrame,
} from '../../../mesh/protocols/search.ts'
import { createRateLimit } from '../../../mesh/rate-limit.ts'
import type { IndexHost } from '../index/index-host.ts'
import { mergeOutcomes } from '../routing/merge-outcomes.ts'
import type { Candidate, ChunkReference, SearchOutcome } from '../search-types.ts'
import { encodeChunk, encodeOutcome, encodeStatisticsAnswer, NO_ANSWER } from './answer-wire.ts'
import { byCollection, type LocalSegment, localChunks, localStatistics, outcomeIn } from './local-segments.ts'
import { decodeReferences, decodeSearch, type SearchQuestion, segmentIds } from './query-wire.ts'
import { requestFor } from './search-local.ts'
import { segmentKey } from './segment-key.ts'

export interface SearchServerStats {
  served: number
  refused: number
}

interface Components {
  readonly host: Pick<IndexHost, 'statistics' | 'search' | 'chunks'>
  /** A segment of this node, by key, that a peer of that role may search now. */
  readonly find: (segment: string, role: Role) => LocalSegment | null
  readonly log: Log
}

interface Init {
  /** Requests that one member may make in a minute; a guest has a tenth. */
  readonly requestsByMinute: number
  readonly now: () => number
}

/** A stream on which nothing is asked for this long ends. */
const IDLE_MS = 120_000
/** Requests worked on at once, of all peers: more wait their turn at the index, and that many of one peer are enough. */
const MAX_AT_ONCE = 32
const MAX_AT_ONCE_BY_PEER = 8
const GUEST_SHARE = 10
/** An answer stops short of the largest frame. */
const MAX_CHUNKS_BYTES = SEARCH_PROTOCOL.maxFrameBytes - 512 * 1024

export function createSearchServer({ host, find, log }: Components, init: Init) {
  const stats: SearchServerStats = { served: 0, refused: 0 }
  const memberRate = createRateLimit({ byMinute: init.requestsByMinute })
  const guestRate = createRateLimit({
    byMinute: Math.max(1, Math.floor(init.requestsByMinute / GUEST_SHARE)),
  })
  const working = new Map<string, number>()
  let total = 0

  function refusalFor({ peer, role }: StreamContext): string | null {
    const rate = role === 'guest' ? guestRate : memberRate
    if (!rate.take(peer, init.now())) return 'PEER_RATE_LIMITED'
    if (total >= MAX_AT_ONCE || (working.get(peer) ?? 0) >= MAX_AT_ONCE_BY_PEER) return 'PEER_BUSY'
    return null
  }

  /** In the order asked for; what the peer may not see is as absent as what is not here. */
  function present(ids: readonly string[], role: Role): LocalSegment[] {
    return ids.flatMap((id) => find(id, role) ?? [])
  }

  async function chunksOf(
    references: readonly ChunkReference[],
    { peer, role, signal }: StreamContext,
  ): Promise<ChunkMessage[]> {
    const here = (key: string) => find(key, role)
    const messages: ChunkMessage[] = []
    let sizeBytes = 0
    for (const chunk of await localChunks(host, here, references, { peer, signal })) {
      const message = encodeChunk(chunk)
      if (message === null) continue
      sizeBytes += message.content.byteLength
      if (sizeBytes > MAX_CHUNKS_BYTES) return messages
      messages.push(message)
    }
    return messages
  }

  function bestOf(outcome: SearchOutcome, texts: number): ChunkReference[] {
    const best = new Map<string, Candidate>()
    for (const list of [outcome.lexical, outcome.vectors])
      for (const candidate of list.slice(0, texts))
        best.set(`${candidate.segment}/${candidate.chunk}`, candidate)
    return [...best.values()].slice(0, SEARCH_LIMITS.maxChunks)
  }

  async function search(question: SearchQuestion, context: StreamContext) {
    const { peer, role, signal } = context
    const { segments, request, statistics, texts } = question
    const here = present(segments, role)
    const outcomes: SearchOutcome[] = []
    const all = here.reduce((sum, { segment }) => sum + segment.chunks, 0)
    for (const { collection, directory, encoder, ids, chunks } of byCollection(here)) {
      const asked = requestFor(request, encoder)
      if (asked === null) continue
      // However many indexes it asks, it costs no more than one.
      const asker = { segments: ids, peer, signal, share: chunks / Math.max(1, all) }
      const outcome = await host.search(directory, asked, statistics, asker)
      outcomes.push(outcomeIn(collection, outcome))
    }
    const outcome = mergeOutcomes(outcomes, request.limit)
    const found = new Set(here.map(({ collection, segment }) => segmentKey(collection, segment.id)))
    return {
      ...NO_ANSWER,
      ...encodeOutcome(segments, outcome),
      chunks: texts === 0 ? [] : await chunksOf(bestOf(outcome, texts), context),
      absent: segments.flatMap((id, position) => (found.has(id) ? [] : position)),
    }
  }

  async function answer(frame: SearchRequestFrame, context: StreamContext): Promise<SearchResponseFrame> {
    const asked = [frame.statistics, frame.search, frame.chunks].filter((part) => part !== undefined)
    if (asked.length !== 1)
      throw new VillageError('PROTOCOL_MALFORMED', 'A query asks for not exactly one thing')
    if (frame.search !== undefined) return await search(decodeSearch(frame.search), context)
    if (frame.chunks !== undefined)
      return { ...NO_ANSWER, chunks: await chunksOf(decodeReferences(frame.chunks.references), context) }
    const { segments, terms } = frame.statistics!
    const ids = segmentIds(segments)
    const found = await localStatistics(host, present(ids, context.role), terms, context)
    return { ...NO_ANSWER, ...encodeStatisticsAnswer(ids, terms, found) }
  }

  async function work(frame: SearchRequestFrame, context: StreamContext): Promise<SearchResponseFrame> {
    const { peer } = context
    const refusal = refusalFor(context)
    if (refusal !== null) {
      stats.refused += 1
      return { ...NO_ANSWER, code: refusal }
    }
    total += 1
    working.set(peer, (working.get(peer) ?? 0) + 1)
    try {
      const response = await answer(frame, context)
      stats.served += 1
      return response
    } catch (error) {
      const { code } = toVillageError(error)
      // A peer that does not keep to the protocol loses its stream; what goes wrong here it is told by a code.
      if (code === 'PROTOCOL_MALFORMED' || context.signal.aborted) throw error
      // Whoever wants to can make these as often as the limits let him.
      if (code === 'SEARCH_TOO_COSTLY') log.debug({ err: error, peer }, 'a peer asked for too much')
      else log.warn({ err: error, peer }, 'a search of a peer failed')
      return { ...NO_ANSWER, code }
    } finally {
      total -= 1
      const rest = (working.get(peer) ?? 1) - 1
      if (rest > 0) working.set(peer, rest)
      else working.delete(peer)
    }
  }

  return {
    stats,
    /** Answers one stream to its end. */
    async serve(stream: FramedStream, context: StreamContext): Promise<void> {
      const receive = () => stream.receive(SearchRequestFrame, { signal: context.signal, timeoutMs: IDLE_MS })
      let next = receive()
      for (;;) {
        const frame = await next
        if (frame === null) return
        // The next frame is awaited already: a stream that is cut ends the work on the question before.
        const cut = new AbortController()
        next = receive()
        next.catch((error: unknown) => cut.abort(error)) // and thrown above
        const signal = AbortSignal.any([context.signal, cut.signal])
        await stream.send(SearchResponseFrame, await work(frame, { ...context, signal }), { signal })
      }
    },
  }
}
