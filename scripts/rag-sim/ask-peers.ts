/** One query over virtual peers by the real routing, statistics, checks and merging; counts what it would send. */

import { checkOutcome, checkStatistics } from '../../node/agents/rag/routing/check-answer.ts'
import { combineStatistics } from '../../node/agents/rag/routing/combine-statistics.ts'
import { mergeOutcomes } from '../../node/agents/rag/routing/merge-outcomes.ts'
import { choosePeers, type Question } from '../../node/agents/rag/routing/route.ts'
import type { LexicalQuery, SearchOutcome, SearchRequest } from '../../node/agents/rag/search-types.ts'
import {
  encodeOutcome,
  encodeStatisticsAnswer,
  NO_ANSWER,
} from '../../node/agents/rag/village/answer-wire.ts'
import { encodeSearch, encodeStatisticsRequest } from '../../node/agents/rag/village/query-wire.ts'
import { SearchRequestFrame, SearchResponseFrame } from '../../node/mesh/protocols/search.ts'
import type { Community } from './community.ts'

export interface Asking {
  readonly contacted: number
  /** `random`: any peers, to compare with. */
  readonly choice: 'sketches' | 'random'
  /** `own`: each peer scores by its own statistics, to compare with. */
  readonly statistics: 'all' | 'own'
  readonly random: () => number
}

export interface AskedPeers {
  readonly outcome: SearchOutcome
  readonly peers: number
  readonly segments: number
  readonly missingSegments: number
  /** Requests and answers. */
  readonly messages: number
  readonly bytes: number
}

export const CANDIDATES = 100

export function askPeers(community: Community, lexical: LexicalQuery, asking: Asking): AskedPeers {
  const { index, segments } = community
  const route = choosePeers(
    segments,
    candidatesOf(community, asking),
    { lexical, hasVector: false },
    { maxPeers: asking.contacted },
  )
  const sketches = new Map(segments.map(({ segment, sketch }) => [segment, sketch]))
  const asked = new Set(route.ask.flatMap((question) => question.segments))
  const terms = lexical.terms.map(({ term }) => term)
  let bytes = 0
  let messages = 0
  const count = (...frames: Uint8Array[]) => {
    messages += frames.length
    for (const frame of frames) bytes += frame.length
  }

  const parts = route.ask.flatMap((question) => {
    const said = index.statistics(terms, question.segments)
    refuse(checkStatistics(sketchesOf(question, sketches), terms, said))
    count(
      SearchRequestFrame.encode(encodeStatisticsRequest(question.segments, terms)),
      SearchResponseFrame.encode({
        ...NO_ANSWER,
        ...encodeStatisticsAnswer(question.segments, terms, said),
      }),
    )
    return said
  })
  const others = segments.filter(({ segment }) => !asked.has(segment)).map(({ sketch }) => sketch)
  const statistics = combineStatistics(terms, parts, others)

  const request: SearchRequest = { lexical, vector: null, filters: [], limit: CANDIDATES }
  const outcomes = route.ask.map((question) => {
    const own = parts.filter(({ segment }) => question.segments.includes(segment))
    const used = asking.statistics === 'all' ? statistics : combineStatistics(terms, own)
    const outcome = index.search(request, used, question.segments)
    refuse(checkOutcome(sketchesOf(question, sketches), request, used, outcome))
    const wire = { segments: question.segments, request, statistics: used, texts: 0 }
    count(
      SearchRequestFrame.encode(encodeSearch(wire)),
      SearchResponseFrame.encode({ ...NO_ANSWER, ...encodeOutcome(question.segments, outcome) }),
    )
    return outcome
  })
  return {
    outcome: mergeOutcomes(outcomes, CANDIDATES),
    peers: route.ask.length,
    segments: asked.size,
    missingSegments: route.skipped.length + route.missing.length,
    messages,
    bytes,
  }
}

function candidatesOf({ holders }: Community, { choice, contacted, random }: Asking) {
  if (choice === 'sketches') return holders
  const order = holders.map((holder) => ({ holder, key: random() })).sort((a, b) => a.key - b.key)
  return order.slice(0, contacted).map(({ holder }) => holder)
}

function sketchesOf<T>({ segments }: Question, sketches: ReadonlyMap<string, T>): Map<string, T> {
  return new Map(segments.map((id) => [id, sketches.get(id)!]))
}

/** Virtual peers are honest: an accusation is a mistake of the checks. */
function refuse(failed: { check: string } | null): void {
  if (failed !== null) throw new Error(`an honest answer failed the check "${failed.check}"`)
}
