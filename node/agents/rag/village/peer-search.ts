/** Questions about segments that lie with others: asked of the peers of a route, hedged, and checked before they are believed. */
import { type ErrorCode, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { SEARCH_LIMITS } from '../../../mesh/protocols/search.ts'
import { checkOutcome, checkStatistics, type FailedCheck } from '../routing/check-answer.ts'
import type { Route, SegmentHolder } from '../routing/route.ts'
import type {
  Candidate,
  ChunkReference,
  SearchOutcome,
  SearchRequest,
  SegmentStatistics,
  Statistics,
  StoredChunk,
} from '../search-types.ts'
import { decodeAbsent, decodeChunk, decodeOutcome, decodeStatisticsAnswer } from './answer-wire.ts'
import { type Assignment, afterDelay, type Gathered, gather, type Reply } from './gather.ts'
import type { PeerLinks } from './peer-links.ts'
import { encodeChunksRequest, encodeSearch, encodeStatisticsRequest } from './query-wire.ts'
import type { ScopeSegment } from './scope.ts'

type Scope = ReadonlyMap<string, ScopeSegment>
type Missing = ReadonlyMap<string, ErrorCode>

export interface PeerSearch {
  /** Members that can be asked now, with the segments that they say they hold. */
  holders(): readonly SegmentHolder[]
  statistics(
    route: Route,
    scope: Scope,
    terms: readonly string[],
    signal: AbortSignal,
  ): Promise<{ answers: readonly SegmentStatistics[]; missing: Missing }>
  search(
    route: Route,
    scope: Scope,
    question: { request: SearchRequest; statistics: Statistics },
    signal: AbortSignal,
  ): Promise<Gathered<PeerOutcome>>
  /** `vouchers`: who answered for a segment before, and is asked first. `check`: what is wrong with a passage, or null. */
  chunks(
    references: readonly ChunkReference[],
    vouchers: ReadonlyMap<string, ReadonlySet<string>>,
    check: (chunk: StoredChunk) => FailedCheck | null,
    signal: AbortSignal,
  ): Promise<{ value: readonly StoredChunk[]; missing: Missing }>
}

export interface PeerOutcome {
  readonly outcome: SearchOutcome
  /** Passages of the best, where the peer is too far for another round trip. */
  readonly chunks: readonly StoredChunk[]
}

interface Components {
  readonly links: PeerLinks
  readonly holders: () => readonly SegmentHolder[]
  /** An answer of the peer was right, or what was wrong with it. */
  readonly judge: (peer: string, failed: FailedCheck | null) => void
  readonly log: Log
}

/** Of a peer that has not answered anything yet. */
export const UNKNOWN_LATENCY_MS = 50
const MIN_HEDGE_MS = 40
const MAX_HEDGE_MS = 700
/** From here on a third round trip costs more than the passages that travel in vain. */
const FAR_MS = 60
const FAR_TEXTS = 10

export function createPeerSearch({ links, holders, judge, log }: Components): PeerSearch {
  /** Twice what nine of ten answers take: few are hedged for nothing, and a peer that hangs costs little. */
  const hedgeMs = (peer: string) =>
    Math.min(MAX_HEDGE_MS, Math.max(MIN_HEDGE_MS, 2 * (links.latencyMs(peer) ?? UNKNOWN_LATENCY_MS)))

  function believe(peer: string, failed: FailedCheck | null): void {
    judge(peer, failed)
    if (failed === null) return
    log.warn({ peer, check: failed.check }, 'a peer answered a search with what cannot be true')
    throw new VillageError('ANSWER_IMPLAUSIBLE', undefined, { fields: { peer, check: failed.check } })
  }

  function run<T>(
    plan: { assignments: readonly Assignment[]; standby: ReadonlyMap<string, readonly string[]> },
    ask: (assignment: Assignment, signal: AbortSignal) => Promise<Reply<T>>,
    signal: AbortSignal,
  ): Promise<Gathered<T>> {
    return gather({ ...plan, ask, hedgeMs, signal, after: afterDelay })
  }

  const planOf = ({ ask, standby }: Route) => ({
    assignments: ask.map(({ peer, segments }) => ({ peer, parts: segments })),
    standby,
  })

  const sketchesOf = (scope: Scope, ids: readonly string[], absent: readonly string[]) =>
    new Map(ids.filter((id) => !absent.includes(id)).map((id) => [id, scope.get(id)!.sketch]))

  async function askStatistics(
    { peer, parts }: Assignment,
    scope: Scope,
    terms: readonly string[],
    signal: AbortSignal,
  ): Promise<Reply<readonly SegmentStatistics[]>> {
    const response = await links.ask(peer, encodeStatisticsRequest(parts, terms), signal)
    const absent = decodeAbsent(parts, response)
    const value = decodeStatisticsAnswer(parts, terms, response)
    believe(peer, checkStatistics(sketchesOf(scope, parts, absent), terms, value))
    return { value, absent }
  }

  async function askSearch(
    { peer, parts }: Assignment,
    scope: Scope,
    { request, statistics }: { request: SearchRequest; statistics: Statistics },
    signal: AbortSignal,
  ): Promise<Reply<PeerOutcome>> {
    const isFar = (links.latencyMs(peer) ?? 0) >= FAR_MS
    const question = { segments: parts, request, statistics, texts: isFar ? FAR_TEXTS : 0 }
    const response = await links.ask(peer, encodeSearch(question), signal)
    const absent = decodeAbsent(parts, response)
    const outcome = decodeOutcome(parts, response)
    believe(peer, checkOutcome(sketchesOf(scope, parts, absent), request, statistics, outcome))
    return { value: { outcome, chunks: textsOf(outcome, response.chunks.map(decodeChunk)) }, absent }
  }

  return {
    holders,
    async statistics(route, scope, terms, signal) {
      const { answers, missing } = await run(
        planOf(route),
        (assignment, abort) => askStatistics(assignment, scope, terms, abort),
        signal,
      )
      // A part that two peers answered counts once: by who came first.
      const value = answers.flatMap(({ parts, value }) =>
        value.filter(({ segment }) => parts.includes(segment)),
      )
      return { answers: value, missing }
    },
    search: (route, scope, question, signal) =>
      run(planOf(route), (assignment, abort) => askSearch(assignment, scope, question, abort), signal),
    async chunks(references, vouchers, check, signal) {
      const bySegment = Map.groupBy(references, ({ segment }) => segment)
      const standby = new Map<string, readonly string[]>()
      const able = holders().toSorted((a, b) => a.latencyMs - b.latencyMs)
      const first = new Map<string, string[]>()
      const missing = new Map<string, ErrorCode>()
      for (const segment of bySegment.keys()) {
        const known = vouchers.get(segment) ?? new Set()
        const peers = able.filter(({ segments }) => segments.includes(segment)).map(({ peer }) => peer)
        const ordered = [
          ...peers.filter((peer) => known.has(peer)),
          ...peers.filter((peer) => !known.has(peer)),
        ]
        const [best, ...others] = ordered
        if (best === undefined) {
          missing.set(segment, 'PEER_UNREACHABLE')
          continue
        }
        first.set(best, [...(first.get(best) ?? []), segment])
        standby.set(segment, others)
      }
      const askChunks = async ({ peer, parts }: Assignment, abort: AbortSignal) => {
        const wanted = parts.flatMap((id) => bySegment.get(id)!).slice(0, SEARCH_LIMITS.maxChunks)
        const response = await links.ask(peer, encodeChunksRequest(wanted), abort)
        const value = pickAsked(wanted, response.chunks.map(decodeChunk))
        believe(peer, value.map(check).find((failed) => failed !== null) ?? null)
        const found = new Set(value.map(({ segment }) => segment))
        return { value, absent: parts.filter((id) => !found.has(id)) }
      }
      const assignments = [...first].map(([peer, parts]) => ({ peer, parts }))
      const gathered = await run({ assignments, standby }, askChunks, signal)
      for (const [id, reason] of gathered.missing) missing.set(id, reason)
      return { value: gathered.answers.flatMap(({ value }) => value), missing }
    },
  }
}

const keyOf = ({ segment, chunk }: ChunkReference) => `${segment}/${chunk}`

function pickAsked(wanted: readonly ChunkReference[], chunks: readonly StoredChunk[]): StoredChunk[] {
  const keys = new Set(wanted.map(keyOf))
  return chunks.filter((chunk) => keys.delete(keyOf(chunk)))
}

/** Of the chunks that came along, those that are what a candidate says. */
function textsOf({ lexical, vectors }: SearchOutcome, chunks: readonly StoredChunk[]): StoredChunk[] {
  const candidates = new Map(
    [...lexical, ...vectors].map((candidate): [string, Candidate] => [keyOf(candidate), candidate]),
  )
  return chunks.filter((chunk) => {
    const candidate = candidates.get(keyOf(chunk))
    return candidate?.document === chunk.document && candidate.ordinal === chunk.ordinal
  })
}
