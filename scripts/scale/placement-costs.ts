/** Who holds what and who is asked: real rendezvous hashing and routing over virtual members. */
import { createHash } from 'node:crypto'
import { createDraws, type Draw, placeReplicas } from '../../node/agents/rag/routing/placement.ts'
import { readSketch } from '../../node/agents/rag/routing/read-sketch.ts'
import { choosePeers, type SegmentHolder } from '../../node/agents/rag/routing/route.ts'
import { buildSketch } from '../../node/agents/rag/routing/sketch.ts'
import {
  encodeOutcome,
  encodeStatisticsAnswer,
  NO_ANSWER,
} from '../../node/agents/rag/village/answer-wire.ts'
import { encodeSearch, encodeStatisticsRequest } from '../../node/agents/rag/village/query-wire.ts'
import { SearchRequestFrame, SearchResponseFrame } from '../../node/mesh/protocols/search.ts'
import type { CostCase, CostRow } from './cost.ts'
import { countFrame, createTally } from './virtual-streams.ts'

const REPLICAS = 2
const ASKED = 8
const QUERY = ['trellis', 'codec', 'error', 'weights', 'groups']
const CANDIDATES = 100
/** 16 of the collection and 32 of the segment. */
const keyOf = (index: number) =>
  `${'ab'.repeat(16)}${createHash('sha256').update(`segment ${index}`).digest('hex')}`

interface Laid {
  readonly segments: readonly string[]
  readonly holders: ReadonlyMap<string, readonly string[]>
}

function layOut(peers: readonly string[], segments: number, draws: Draw): Laid {
  const members = peers.map((peer) => ({ peer, weight: 1 }))
  const keys = Array.from({ length: segments }, (_, index) => keyOf(index))
  return {
    segments: keys,
    holders: new Map(keys.map((key) => [key, placeReplicas(key, members, REPLICAS, undefined, draws)])),
  }
}

function loads(peers: readonly string[], { holders }: Laid): number[] {
  const counts = new Map(peers.map((peer) => [peer, 0]))
  for (const list of holders.values()) for (const peer of list) counts.set(peer, counts.get(peer)! + 1)
  return [...counts.values()]
}

/** A village where member i writes about word i of a list, and everybody now and then about the words of the query. */
function route(laid: Laid) {
  const sketches = laid.segments.map((segment, index) => {
    const common = QUERY.flatMap((term, at) =>
      (index + at) % 3 === 0
        ? [{ term, df: 1 + ((index * 7 + at) % 40), maxFrequency: 1 + (index % 5), minLength: 60 }]
        : [],
    )
    const own = Array.from({ length: 50 }, (_, word) => ({
      term: `word ${index} ${word}`,
      df: 4,
      maxFrequency: 2,
      minLength: 80,
    }))
    return {
      segment,
      sketch: readSketch(buildSketch([...common, ...own], { chunks: 400, totalLength: 40_000 })),
    }
  })
  const held = new Map<string, string[]>()
  for (const [segment, list] of laid.holders)
    for (const peer of list) held.set(peer, [...(held.get(peer) ?? []), segment])
  const holders = [...held].map(
    ([peer, segments]): SegmentHolder => ({ peer, segments, latencyMs: 20, load: 0, isLocal: false }),
  )
  const lexical = {
    terms: QUERY.map((term) => ({ term, weight: 1, field: null })),
    required: [],
    excluded: [],
  }
  return { lexical, ...choosePeers(sketches, holders, { lexical, hasVector: false }, { maxPeers: ASKED }) }
}

function queryCost(laid: Laid) {
  const { ask, lexical } = route(laid)
  const tally = createTally()
  const documentFrequency = new Map(QUERY.map((term) => [term, 1_000]))
  const statistics = { chunks: 400_000, totalLength: 40_000_000, documentFrequency }
  const request = { lexical, vector: null, filters: [], limit: CANDIDATES }
  let segments = 0
  for (const { segments: asked } of ask) {
    segments += asked.length
    countFrame(tally, SearchRequestFrame.encode(encodeStatisticsRequest(asked, QUERY)))
    const said = asked.map((segment) => ({ segment, chunks: 400, totalLength: 40_000, documentFrequency }))
    countFrame(
      tally,
      SearchResponseFrame.encode({ ...NO_ANSWER, ...encodeStatisticsAnswer(asked, QUERY, said) }),
    )
    countFrame(
      tally,
      SearchRequestFrame.encode(encodeSearch({ segments: asked, request, statistics, texts: 0 })),
    )
    const found = Array.from({ length: CANDIDATES }, (_, index) => ({
      segment: asked[index % asked.length]!,
      chunk: index,
      document: createHash('sha256').update(`${index}`).digest('hex').slice(0, 32),
      ordinal: index % 4,
      lexical: 30 - index / 10,
      cosine: null,
    }))
    countFrame(
      tally,
      SearchResponseFrame.encode({ ...NO_ANSWER, ...encodeOutcome(asked, { lexical: found, vectors: [] }) }),
    )
  }
  return { tally, peers: ask.length, segments }
}

export const placementCosts: CostCase = {
  name: 'knowledge',
  run(peers): CostRow[] {
    const ids = Array.from({ length: peers }, (_, index) => `peer ${index}`)
    const draws = createDraws({ maxDraws: 3 * peers * peers })
    const laid = layOut(ids, 2 * peers, draws)
    const load = loads(ids, laid)
    const mean = (2 * peers * REPLICAS) / peers
    const gone = ids[0]!
    const after = layOut(ids.slice(1), 2 * peers, draws)
    let moved = 0
    for (const [segment, list] of laid.holders)
      for (const peer of after.holders.get(segment)!) if (!list.includes(peer)) moved += 1
    const held = [...laid.holders.values()].filter((list) => list.includes(gone)).length
    const { tally, peers: asked, segments } = queryCost(laid)
    return [
      {
        cost: 'copies that move when a member leaves',
        peers,
        unit: 'copies',
        measured: moved,
        formula: held,
        tolerance: 0,
      },
      {
        cost: 'most copies on one member',
        peers,
        unit: 'copies',
        measured: Math.max(...load),
        // The largest of n Poisson numbers: mean + √(2 · mean · ln n), and a third of ln n.
        formula: mean + Math.sqrt(2 * mean * Math.log(peers)) + Math.log(peers) / 3,
        tolerance: 0.35,
      },
      {
        cost: 'messages of a query',
        peers,
        unit: 'messages',
        measured: tally.messages,
        formula: 4 * Math.min(ASKED, asked),
        tolerance: 0.15,
      },
      {
        cost: 'bytes of a query',
        peers,
        unit: 'bytes',
        measured: tally.bytes,
        formula: asked * 30 * QUERY.length + 110 * segments + asked * 33 * CANDIDATES,
        tolerance: 0.25,
      },
    ]
  },
}
