/**
 * One search over segments that lie here and with other members, as if they were one index: frequencies are added up over all,
 * every holder scores with the sum, and lists are merged. Peers are chosen by sketches, slow ones are hedged, and what has not
 * answered when the time is over is named. Two round trips, one where the frequencies are known from earlier queries.
 */
import type { ErrorCode } from '../../../errors.ts'
import { VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { inSpan, type Span } from '../../../tracing.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { FailedCheck } from '../routing/check-answer.ts'
import { checkText } from '../routing/check-text.ts'
import { combineStatistics } from '../routing/combine-statistics.ts'
import { mergeOutcomes } from '../routing/merge-outcomes.ts'
import { choosePeers } from '../routing/route.ts'
import type {
  BackendAnswer,
  Candidate,
  ChunkReference,
  MissingPart,
  SearchBackend,
  SearchOutcome,
  SearchRequest,
  SegmentStatistics,
  Statistics,
  StoredChunk,
} from '../search-types.ts'
import type { FrequencyCache } from './frequency-cache.ts'
import { localChunks, localStatistics } from './local-segments.ts'
import type { PeerSearch } from './peer-search.ts'
import { nameOnce } from './same-passages.ts'
import { canBeAskedFor, keyIn, onlyLive, type ScopeSegment } from './scope.ts'
import type { SearchCounts } from './search-counts.ts'
import { searchLocal } from './search-local.ts'

interface Components {
  readonly host: Pick<IndexHost, 'statistics' | 'search' | 'chunks'>
  readonly peers: PeerSearch
  readonly frequencies: FrequencyCache
  readonly counts: Pick<SearchCounts, 'asked'>
  readonly log: Log
}

interface Init {
  readonly scope: ReadonlyMap<string, ScopeSegment>
  /** Peer ID of this node. */
  readonly self: string
  /** From now on, for all that this backend is asked. */
  readonly deadlineMs: number
  readonly maxPeers: number
}

/** Shares of the time that is left: later steps must find some. */
const STATISTICS_SHARE = 0.35
const SEARCH_SHARE = 0.75
const CHUNKS_SHARE = 0.9

const key = ({ segment, chunk }: ChunkReference) => `${segment}/${chunk}`

function becauseOf(reason: ErrorCode, ids: readonly string[]): (readonly [string, ErrorCode])[] {
  return ids.map((id) => [id, reason])
}

export function createVillageBackend(
  { host, peers, frequencies, counts, log }: Components,
  init: Init,
): SearchBackend {
  const { scope, self, maxPeers } = init
  const startedMs = performance.now()
  /** Who answered for a segment. */
  const vouchers = new Map<string, Set<string>>()
  /** What was said of a chunk, and to what question: its text must bear it out. */
  const claims = new Map<string, { candidate: Candidate; request: SearchRequest; statistics: Statistics }>()
  const texts = new Map<string, StoredChunk>()
  const here = [...scope.values()].flatMap(({ local }) => local ?? [])
  const away = [...scope.values()].filter(canBeAskedFor)
  const sketchless = [...scope.values()].filter(({ local, sketch }) => local === null && sketch === null)

  function vouch(segments: Iterable<string>, peer: string): void {
    for (const segment of segments) {
      const known = vouchers.get(segment)
      if (known === undefined) vouchers.set(segment, new Set([peer]))
      else known.add(peer)
    }
  }

  function within(share: number, signal: AbortSignal): AbortSignal {
    const leftMs = init.deadlineMs - (performance.now() - startedMs)
    return AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, Math.ceil(leftMs * share)))])
  }

  function missingParts(missing: Iterable<readonly [string, ErrorCode]>): MissingPart[] {
    const parts = new Map<string, MissingPart>()
    for (const [id, reason] of missing) {
      const { collection, chunks, deletions } = scope.get(id)!
      const at = `${collection}\n${reason}`
      const known = parts.get(at) ?? { collection, segments: 0, chunks: 0, reason }
      parts.set(at, {
        ...known,
        segments: known.segments + 1,
        chunks: known.chunks + chunks - deletions.size,
      })
    }
    return [...parts.values()]
  }

  function checkClaim(chunk: StoredChunk): FailedCheck | null {
    const claim = claims.get(key(chunk))
    return claim === undefined ? null : checkText(claim.candidate, chunk, claim.request, claim.statistics)
  }

  function totalsOf({ id, chunks, totalLength }: ScopeSegment): SegmentStatistics {
    return { segment: id, chunks, totalLength, documentFrequency: new Map() }
  }

  /**
   * Exact where they are known or answered in time; by the sketch where not. What has no sketch here does not count: its totals
   * would be anybody's word.
   */
  async function remoteStatistics(terms: readonly string[], signal: AbortSignal) {
    const exact: SegmentStatistics[] = []
    const unknown = new Set<string>()
    const sketches = new Map(away.map(({ id, sketch }) => [id, sketch]))
    for (const segment of away) {
      const known = frequencies.get(segment.id, terms)
      if (known === null) unknown.add(segment.id)
      else exact.push({ ...totalsOf(segment), documentFrequency: known })
    }
    const lexical = {
      terms: terms.map((term) => ({ term, weight: 1, field: null })),
      required: [],
      excluded: [],
    }
    const route = choosePeers(
      [...unknown].map((id) => ({ segment: id, sketch: sketches.get(id)! })),
      peers.holders(),
      { lexical, hasVector: false },
      { maxPeers },
    )
    // A sketch never denies a term that is there.
    for (const id of route.irrelevant) {
      unknown.delete(id)
      exact.push(totalsOf(scope.get(id)!))
    }
    const { answers } = await peers.statistics(route, scope, terms, within(STATISTICS_SHARE, signal))
    for (const part of answers) {
      frequencies.set(part.segment, terms, part.documentFrequency)
      exact.push(part)
      unknown.delete(part.segment)
    }
    return { exact, estimated: [...unknown].map((id) => sketches.get(id)!) }
  }

  async function statistics(terms: readonly string[], signal: AbortSignal): Promise<Statistics> {
    const [local, remote] = await Promise.all([
      localStatistics(host, here, terms),
      remoteStatistics(terms, signal),
    ])
    return combineStatistics(terms, [...local, ...remote.exact], remote.estimated)
  }

  async function search(
    request: SearchRequest,
    statistics: Statistics,
    signal: AbortSignal,
    span: Span,
  ): Promise<BackendAnswer<SearchOutcome>> {
    const route = choosePeers(
      away.map(({ id, sketch }) => ({ segment: id, sketch })),
      peers.holders(),
      { lexical: request.lexical, hasVector: request.vector !== null },
      { maxPeers },
    )
    counts.asked(route.ask.length)
    const terms = [...new Set(request.lexical?.terms.map(({ term }) => term) ?? [])]
    const frequenciesOf = (segment: string) => frequencies.get(segment, terms)
    const [local, remote] = await Promise.all([
      searchLocal({ host, log }, { scope, request, statistics, signal }),
      peers.search(route, scope, { request, statistics, frequenciesOf }, within(SEARCH_SHARE, signal)),
    ])
    signal.throwIfAborted()
    vouch(local.segments, self)
    for (const { peer, parts } of remote.answers) vouch(parts, peer)
    for (const { value } of remote.answers) {
      for (const list of [value.outcome.lexical, value.outcome.vectors])
        for (const candidate of list) claims.set(key(candidate), { candidate, request, statistics })
      for (const chunk of value.chunks) if (checkClaim(chunk) === null) texts.set(key(chunk), chunk)
    }
    const missing = [
      ...remote.missing,
      ...local.missing,
      ...becauseOf(
        'SKETCH_UNKNOWN',
        sketchless.map(({ id }) => id),
      ),
      ...becauseOf('PEER_UNREACHABLE', route.missing),
      ...becauseOf('SEGMENT_UNPROMISING', route.skipped),
    ]
    // One that is not confirmed has been answered all the same.
    span.set({
      'village.search.segments': scope.size,
      'village.search.segments.local': local.segments.length,
      'village.search.segments.missing': missing.length,
      'village.search.peers': route.ask.map(({ peer }) => peer),
    })
    const unanswered = missing.filter(([, reason]) => reason !== 'ANSWER_UNCONFIRMED')
    const [failed] = local.missing
    // Nobody else was to answer: the reason lies here, and not with members.
    if (failed !== undefined && local.missing.length === scope.size)
      throw new VillageError(failed[1], 'The indexes of this node could not be searched')
    if (unanswered.length === scope.size && scope.size > 0)
      throw new VillageError('KNOWLEDGE_UNAVAILABLE', undefined, { fields: { reason: missing[0]![1] } })
    log.debug(
      {
        segments: scope.size,
        local: local.segments.length,
        peers: route.ask.length,
        missing: missing.length,
      },
      'segments were searched',
    )
    const others = remote.answers.map(({ value }) => onlyLive(scope, value.outcome))
    const ownerOf = (segment: string) => scope.get(segment)!.owner
    const value = mergeOutcomes(nameOnce([local.outcome], others, ownerOf), request.limit)
    return { value, missing: missingParts(missing) }
  }

  async function chunks(
    asked: readonly ChunkReference[],
    signal: AbortSignal,
  ): Promise<BackendAnswer<readonly (StoredChunk | null)[]>> {
    const references = asked.map(({ segment, chunk }) => ({ segment: keyIn(scope, segment), chunk }))
    const wanted = references.filter(
      ({ segment, chunk }) => scope.get(segment)?.deletions.has(chunk) === false,
    )
    const local = wanted.filter(({ segment }) => scope.get(segment)!.local !== null)
    const remote = wanted.filter(
      (reference) => scope.get(reference.segment)!.local === null && !texts.has(key(reference)),
    )
    const [own, others] = await Promise.all([
      localChunks(host, (segment) => scope.get(segment)!.local, local),
      peers.chunks(remote, vouchers, checkClaim, within(CHUNKS_SHARE, signal)),
    ])
    signal.throwIfAborted()
    for (const chunk of [...own, ...others.value]) texts.set(key(chunk), chunk)
    return {
      value: references.map((reference) => texts.get(key(reference)) ?? null),
      missing: missingParts(others.missing),
    }
  }

  return {
    statistics: async (terms, signal) => ({
      value: await inSpan('gather statistics', {}, () => statistics(terms, signal)),
      missing: [],
    }),
    search: (request, totals, signal) =>
      inSpan('gather candidates', {}, (span) => search(request, totals, signal, span)),
    chunks: (asked, signal) => inSpan('gather passages', {}, () => chunks(asked, signal)),
    origin(segment) {
      const collection = scope.get(segment)?.collection ?? ''
      return { collection, vouchedBy: [...(vouchers.get(segment) ?? [])] }
    },
  }
}
