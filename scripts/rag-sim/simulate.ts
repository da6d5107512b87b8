/** The whole simulation: how much of a central ranking is kept when few peers are asked, and what that costs. */

import { buildLexical } from '../../node/agents/rag/query/build-lexical.ts'
import type { LexicalQuery, SearchOutcome } from '../../node/agents/rag/search-types.ts'
import { ndcg } from '../../node/compute/evaluate/ranking-measures.ts'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import type { Allocation } from './allocate.ts'
import { type Asking, askPeers, CANDIDATES } from './ask-peers.ts'
import { type CommunityInit, createCommunity } from './community.ts'
import type { JudgedQuestion, JudgedSet } from './judged-set.ts'

export interface SimulationInit extends CommunityInit {
  /** Numbers of peers to ask. */
  readonly contacted: readonly number[]
}

export interface SimulationRow {
  readonly contacted: number
  readonly choice: Asking['choice']
  readonly statistics: Asking['statistics']
  readonly ndcg: number
  /** Of the central nDCG@10. */
  readonly share: number
  /** Of the ten best of the central index, those that are among the ten best here. */
  readonly overlap: number
  /** Means by query. */
  readonly peers: number
  readonly messages: number
  readonly bytes: number
}

export interface SimulationReport {
  readonly set: string
  readonly documents: number
  readonly queries: number
  readonly peers: number
  readonly segments: number
  readonly replicas: number
  readonly allocation: Allocation
  readonly seed: number
  readonly centralNdcg: number
  /** Means by peer, of the sketches of what it owns. */
  readonly sketchBytes: number
  readonly largestSketchBytes: number
  readonly bytesByTerm: number
  readonly rows: readonly SimulationRow[]
}

const SHOWN = 10

export function simulate(set: JudgedSet, directory: string, init: SimulationInit): SimulationReport {
  const community = createCommunity(set, directory, init)
  try {
    const questions = set.queries.map(({ text, relevant }) => ({ relevant, lexical: lexicalOf(text) }))
    const central = questions.map(({ lexical }) =>
      documentsOf(community.central.search({ lexical, vector: null, filters: [], limit: CANDIDATES }, null)),
    )
    const centralNdcg = meanNdcg(questions, central)
    const few = [...new Set(init.contacted)].filter((contacted) => contacted < init.peers)
    const asking = (choice: Asking['choice'], statistics: Asking['statistics']) =>
      few.map((contacted) => ({ contacted, choice, statistics }))
    const all = { contacted: init.peers, choice: 'sketches', statistics: 'all' } as const
    const askings = [
      ...asking('sketches', 'all'),
      all,
      ...asking('sketches', 'own'),
      ...asking('random', 'all'),
    ]
    const rows = askings.map((row): SimulationRow => {
      const random = seededRandom(init.seed + 1)
      const answers = questions.map(({ lexical }) => askPeers(community, lexical, { ...row, random }))
      const ranked = answers.map(({ outcome }) => documentsOf(outcome))
      const found = meanNdcg(questions, ranked)
      return {
        ...row,
        ndcg: found,
        share: found / centralNdcg,
        overlap: mean(ranked.map((list, at) => overlapOf(list, central[at]!))),
        peers: mean(answers.map(({ peers }) => peers)),
        messages: mean(answers.map(({ messages }) => messages)),
        bytes: mean(answers.map(({ bytes }) => bytes)),
      }
    })
    const terms = community.segments.reduce((sum, { sketch }) => sum + sketch.terms, 0)
    return {
      set: set.name,
      documents: set.documents.length,
      queries: questions.length,
      peers: init.peers,
      segments: community.segments.length,
      replicas: init.replicas,
      allocation: init.allocation,
      seed: init.seed,
      centralNdcg,
      sketchBytes: mean(community.sketchBytes),
      largestSketchBytes: Math.max(...community.sketchBytes),
      bytesByTerm: community.sketchBytes.reduce((sum, bytes) => sum + bytes, 0) / terms,
      rows,
    }
  } finally {
    community.close()
  }
}

/** As a search does with plain words. */
function lexicalOf(text: string): LexicalQuery {
  return buildLexical({ parts: [{ text, role: 'ranks', field: null }], warnings: [] }, ['en']).lexical
}

const documentsOf = ({ lexical }: SearchOutcome): string[] => lexical.map(({ document }) => document)

function meanNdcg(
  questions: readonly Pick<JudgedQuestion, 'relevant'>[],
  rankings: readonly (readonly string[])[],
): number {
  return mean(questions.map(({ relevant }, at) => ndcg(rankings[at]!, relevant)))
}

function overlapOf(ranked: readonly string[], central: readonly string[]): number {
  const best = central.slice(0, SHOWN)
  const found = new Set(ranked.slice(0, SHOWN))
  return best.length === 0 ? 1 : best.filter((document) => found.has(document)).length / best.length
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
