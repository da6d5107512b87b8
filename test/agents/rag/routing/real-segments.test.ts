/** The pure parts over real segments: peers together give the central ranking, and honest answers pass every check. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IndexedDocument } from '../../../../node/agents/rag/document.ts'
import { createIndexReader, type IndexReader } from '../../../../node/agents/rag/index/index-reader.ts'
import { writeManifest } from '../../../../node/agents/rag/index/manifest-file.ts'
import { checkOutcome, checkStatistics } from '../../../../node/agents/rag/routing/check-answer.ts'
import { checkText } from '../../../../node/agents/rag/routing/check-text.ts'
import { combineStatistics } from '../../../../node/agents/rag/routing/combine-statistics.ts'
import { mergeOutcomes } from '../../../../node/agents/rag/routing/merge-outcomes.ts'
import { readSketch } from '../../../../node/agents/rag/routing/read-sketch.ts'
import { choosePeers } from '../../../../node/agents/rag/routing/route.ts'
import type { LexicalQuery, SearchOutcome, SearchRequest } from '../../../../node/agents/rag/search-types.ts'
import { writeSegment } from '../../../../node/agents/rag/segment/write-segment.ts'
import { seededRandom } from '../../../../node/compute/evaluate/seeded-random.ts'
import { randomDocuments } from '../../../helpers/random-documents.ts'

const test = suite('routing over real segments')
const VOCABULARY = 300

let folder = ''
test.before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'village-routing-'))
})
test.after(() => rmSync(folder, { recursive: true, force: true }))

function indexOf(name: string, parts: readonly (readonly IndexedDocument[])[]): IndexReader {
  const directory = path.join(folder, name)
  const segments = parts.map((documents) => {
    const { id, header, sizeBytes } = writeSegment(directory, documents)
    const { chunks, documents: count, totalLength } = header
    const live = { deletedChunks: 0, deletedDocuments: 0, tombstones: null, isAway: false }
    return { id, chunks, documents: count, totalLength, sizeBytes, ...live }
  })
  const settings = { maxSegmentChunks: 10_000, dims: null }
  writeManifest(directory, { version: 1, generation: 1, settings, segments })
  return createIndexReader(directory)
}

/** Words anywhere and in a field, at times with one that must and one that must not occur. */
function randomQuery(random: () => number): LexicalQuery {
  const word = () => `w${Math.floor(VOCABULARY ** random()) - 1}`
  const phrase = () => ({ alternatives: [[word()]], field: null })
  const fields = [null, null, null, 'title', 'body'] as const
  return {
    terms: Array.from({ length: 1 + Math.floor(random() * 5) }, () => ({
      term: word(),
      weight: 1 + Math.floor(random() * 2),
      field: fields[Math.floor(random() * fields.length)]!,
    })),
    required: random() < 0.2 ? [phrase()] : [],
    excluded: random() < 0.2 ? [phrase()] : [],
  }
}

const ranks = ({ lexical }: SearchOutcome) =>
  lexical.map(({ document, ordinal, lexical: score }) => `${document} ${ordinal} ${score}`)

for (const seed of [1, 2, 3])
  test(`sixty queries over four peers, seed ${seed}`, () => {
    const random = seededRandom(seed)
    const documents = randomDocuments(seed, 120, VOCABULARY)
    const parts: IndexedDocument[][] = [[], [], [], []]
    for (const document of documents) parts[Math.floor(random() * parts.length)]!.push(document)
    const central = indexOf(`central-${seed}`, [documents])
    const spread = indexOf(`spread-${seed}`, parts)
    try {
      const segments = spread
        .manifest()
        .segments.map(({ id }) => ({ segment: id, sketch: readSketch(spread.sketch(id)) }))
      const sketches = new Map(segments.map(({ segment, sketch }) => [segment, sketch]))
      const holders = segments.map(({ segment }, at) => ({
        peer: `peer-${at}`,
        segments: [segment],
        latencyMs: 10,
        load: 0,
        isLocal: false,
      }))
      for (let round = 0; round < 60; round++) {
        const lexical = randomQuery(random)
        const request: SearchRequest = {
          lexical,
          vector: null,
          filters: [],
          limit: 1 + Math.floor(random() * 30),
        }
        const terms = lexical.terms.map(({ term }) => term)
        const said = spread.statistics(terms)
        assert.is(checkStatistics(sketches, terms, said), null)
        const statistics = combineStatistics(terms, said)

        const { ask } = choosePeers(segments, holders, { lexical, hasVector: false }, { maxPeers: 4 })
        const outcomes = ask.map(({ segments: asked }) => {
          const outcome = spread.search(request, statistics, asked)
          const own = new Map(asked.map((id) => [id, sketches.get(id)!]))
          assert.is(checkOutcome(own, request, statistics, outcome), null)
          return outcome
        })
        const merged = mergeOutcomes(outcomes, request.limit)
        assert.equal(ranks(merged), ranks(central.search(request, null)))
        for (const [at, text] of spread.chunks(merged.lexical).entries())
          assert.is(checkText(merged.lexical[at]!, text!, request, statistics), null)
      }
    } finally {
      central.close()
      spread.close()
    }
  })

test.run()
