/** Questions about segments that lie with others: asked of the peers of a route, hedged, and checked before they are believed. */
import { type ErrorCode, toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { SEARCH_LIMITS, type SearchRequestFrame } from '../../../mesh/protocols/search.ts'
import { inSpan } from '../../../tracing.ts'
import { checkOutcome, checkStatistics, type FailedCheck } from '../routing/check-answer.ts'
import { checkOmission } from '../routing/check-omission.ts'
import type { Sketch } from '../routing/read-sketch.ts'
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
import type { PeerBook } from './peer-book.ts'
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
    question: PeerQuestion,
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

export interface PeerQuestion {
  readonly request: SearchRequest
  readonly statistics: Statistics
  /** Exact frequencies of all its terms in a segment; null: not known. */
  readonly frequenciesOf: (segment: string) => ReadonlyMap<string, number> | null
}

export interface PeerOutcome {
  readonly outcome: SearchOutcome
  /** Passages of the best, where the peer is too far for another round trip. */
  readonly chunks: readonly StoredChunk[]
}

interface Components {
  readonly links: PeerLinks
  readonly book: Pick<PeerBook, 'holders' | 'judge' | 'doubt' | 'refused'>
  /** From 0 to 1. */
  readonly random: () => number
  readonly log: Log
}

/** Of a peer that has not answered anything yet. */
export const UNKNOWN_LATENCY_MS = 50
const MIN_HEDGE_MS = 40
const MAX_HEDGE_MS = 700
/** From here on a third round trip costs more than the passages that travel in vain. */
const FAR_MS = 60
const FAR_TEXTS = 10
/** Of what nothing can be said by a sketch (a search with filters), so much is asked of a second holder. */
const WITNESS_SHARE = 1 / 8
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['PEER_BUSY', 'PEER_RATE_LIMITED'])

export function createPeerSearch({ links, book, random, log }: Components): PeerSearch {
  /** Twice what nine of ten answers take: few are hedged for nothing, and a peer that hangs costs little. */
  const hedgeMs = (peer: string) =>
    Math.min(MAX_HEDGE_MS, Math.max(MIN_HEDGE_MS, 2 * (links.latencyMs(peer) ?? UNKNOWN_LATENCY_MS)))

  /** Of an answer about the segments. */
  function believe(peer: string, segments: readonly string[], failed: FailedCheck | null): void {
    book.judge(peer, failed, segments)
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
    new Map(
      ids.filter((id) => !absent.includes(id)).map((id): [string, Sketch] => [id, scope.get(id)!.sketch!]),
    )

  async function send(peer: string, request: SearchRequestFrame, signal: AbortSignal) {
    try {
      const attributes = { 'village.peer': peer, 'village.search.question': questionOf(request) }
      return await inSpan('ask member', { kind: 'client', attributes }, () =>
        links.ask(peer, request, signal),
      )
    } catch (error) {
      if (REFUSALS.has(toVillageError(error).code)) book.refused(peer)
      throw error
    }
  }

  /** What of an answer needs another's word. Throws where it is proven that something is left out. */
  function doubtsOf(
    peer: string,
    ids: readonly string[],
    scope: Scope,
    { request, statistics, frequenciesOf }: PeerQuestion,
    outcome: SearchOutcome,
  ): Map<string, ErrorCode | null> {
    // The owner of a collection says what is in it, and knows first what was deleted.
    const others = ids.map((id) => scope.get(id)!).filter(({ owner }) => owner !== peer)
    const { vector, encoder } = request
    const known = others.map((segment) => ({
      segment: segment.id,
      sketch: segment.sketch!,
      deletedChunks: segment.deletions.size,
      hasVectors: segment.dims === vector?.length && (encoder === undefined || encoder === segment.encoder),
      frequencies: frequenciesOf(segment.id),
    }))
    const { failed, doubted, isSilent } = checkOmission(known, request, statistics, outcome)
    if (failed !== null) believe(peer, ids, failed)
    if (doubted.length > 0) book.doubt(peer, doubted)
    const doubts = new Map<string, ErrorCode | null>()
    for (const id of doubted) doubts.set(id, 'ANSWER_UNCONFIRMED')
    if (isSilent && random() < WITNESS_SHARE) for (const { id } of others) doubts.set(id, null)
    return doubts
  }

  async function askStatistics(
    { peer, parts }: Assignment,
    scope: Scope,
    terms: readonly string[],
    signal: AbortSignal,
  ): Promise<Reply<readonly SegmentStatistics[]>> {
    const response = await send(peer, encodeStatisticsRequest(parts, terms), signal)
    const absent = decodeAbsent(parts, response)
    const value = decodeStatisticsAnswer(parts, terms, response)
    believe(peer, parts, checkStatistics(sketchesOf(scope, parts, absent), terms, value))
    return { value, absent }
  }

  async function askSearch(
    { peer, parts }: Assignment,
    scope: Scope,
    asked: PeerQuestion,
    signal: AbortSignal,
  ): Promise<Reply<PeerOutcome>> {
    const { request, statistics } = asked
    const isFar = (links.latencyMs(peer) ?? 0) >= FAR_MS
    const question = { segments: parts, request, statistics, texts: isFar ? FAR_TEXTS : 0 }
    const response = await send(peer, encodeSearch(question), signal)
    const absent = decodeAbsent(parts, response)
    const outcome = decodeOutcome(parts, response)
    const sketches = sketchesOf(scope, parts, absent)
    const failed = checkOutcome(sketches, request, statistics, outcome)
    if (failed !== null) believe(peer, parts, failed)
    const doubted = doubtsOf(peer, [...sketches.keys()], scope, asked, outcome)
    if (doubted.size === 0) believe(peer, parts, null)
    return { value: { outcome, chunks: textsOf(outcome, response.chunks.map(decodeChunk)) }, absent, doubted }
  }

  /** The owner's word settles a doubt. */
  const ownerFirst = (route: Route, scope: Scope): Route => ({
    ...route,
    standby: new Map(
      [...route.standby].map(([id, peers]) => {
        const { owner } = scope.get(id)!
        return [id, peers.includes(owner) ? [owner, ...peers.filter((peer) => peer !== owner)] : peers]
      }),
    ),
  })

  return {
    holders: book.holders,
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
      run(
        planOf(ownerFirst(route, scope)),
        (assignment, abort) => askSearch(assignment, scope, question, abort),
        signal,
      ),
    async chunks(references, vouchers, check, signal) {
      const bySegment = Map.groupBy(references, ({ segment }) => segment)
      const standby = new Map<string, readonly string[]>()
      const able = book.holders().toSorted((a, b) => a.latencyMs - b.latencyMs)
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
        const response = await send(peer, encodeChunksRequest(wanted), abort)
        const value = pickAsked(wanted, response.chunks.map(decodeChunk))
        believe(peer, parts, value.map(check).find((failed) => failed !== null) ?? null)
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

const questionOf = ({ statistics, search }: SearchRequestFrame) =>
  statistics !== undefined ? 'statistics' : search !== undefined ? 'candidates' : 'passages'

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
