/** The nearest vectors of a segment, with and without a graph, held against every cosine worked out one by one. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cosinesOf, exactNearest } from '../../../../node/agents/rag/vectors/exact-search.ts'
import {
  type Graph,
  graphFile,
  graphNoteFile,
  openGraph,
} from '../../../../node/agents/rag/vectors/graph-file.ts'
import { createGraphMaker, type GraphSegment } from '../../../../node/agents/rag/vectors/graph-maker.ts'
import { createNearest, type ScoredRow } from '../../../../node/agents/rag/vectors/nearest.ts'
import { searchVectors } from '../../../../node/agents/rag/vectors/search-vectors.ts'
import { openVectorFile, type VectorFile } from '../../../../node/agents/rag/vectors/vector-file.ts'
import { fromHalfBits, toHalfBits } from '../../../../node/compute/reference/f16.ts'
import { unitVector } from '../../../helpers/index-documents.ts'
import { seededRandom } from '../../../helpers/rag-documents.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const test = suite('search-vectors')
const DIMS = 16
const ID = 'a'.repeat(64)
/** A graph of so few is made in a moment. */
const GRAPH_CHUNKS = 3_000
let directory = ''
let opened: VectorFile[] = []
test.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-vectors-'))
})
test.after.each(() => {
  for (const file of opened) file.close()
  opened = []
  rmSync(directory, { recursive: true })
})

/** Rows of a segment in this directory; null: a chunk without a vector. */
function write(rows: readonly (Float32Array | null)[], id = ID): VectorFile {
  mkdirSync(path.join(directory, id))
  const halves = Uint16Array.from(
    rows.flatMap((row) => Array.from(row ?? new Float32Array(DIMS), toHalfBits)),
  )
  writeFileSync(path.join(directory, id, 'vectors.bin'), halves)
  const file = openVectorFile(directory, id, { chunks: rows.length, dims: DIMS })
  opened.push(file)
  return file
}

const byChunk = (a: ScoredRow, b: ScoredRow): number => a.segment - b.segment || a.chunk - b.chunk

/** Sums of another order: equal but for the last bits. */
function naive(rows: readonly (Float32Array | null)[], query: Float32Array): (number | null)[] {
  return rows.map((row) =>
    row === null
      ? null
      : row.reduce((sum, value, at) => sum + fromHalfBits(toHalfBits(value)) * query[at]!, 0),
  )
}

test('the nearest rows of several segments are those with the largest cosines, in order', () => {
  let run = 0
  fc.assert(
    fc.property(
      fc.array(fc.nat(40), { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.integer({ min: 1, max: 12 }),
      (sizes, seed, limit) => {
        const random = seededRandom(seed)
        const query = unitVector(DIMS, random)
        const segments = sizes.map((size) =>
          Array.from({ length: size }, () => (random() < 0.1 ? null : unitVector(DIMS, random))),
        )
        const accept = (chunk: number): boolean => chunk % 3 !== 1
        const nearest = createNearest(limit, byChunk)
        const expected: ScoredRow[] = []
        for (const [segment, rows] of segments.entries()) {
          exactNearest(write(rows, `${run++}`.padStart(64, '0')), query, accept, segment, nearest)
          for (const [chunk, cosine] of naive(rows, query).entries())
            if (cosine !== null && accept(chunk)) expected.push({ segment, chunk, cosine })
        }
        expected.sort((a, b) => b.cosine - a.cosine)
        const found = nearest.sorted()
        assert.equal(
          found.map(({ segment, chunk }) => [segment, chunk]),
          expected.slice(0, limit).map(({ segment, chunk }) => [segment, chunk]),
        )
        for (const [at, row] of found.entries()) assert.ok(Math.abs(row.cosine - expected[at]!.cosine) < 1e-6)
      },
    ),
    { numRuns: 60 },
  )
})

test('equal rows come in their order, and the first of them are kept', () => {
  const random = seededRandom(3)
  const [twin, query] = [unitVector(DIMS, random), unitVector(DIMS, random)]
  const file = write([...Array.from({ length: 20 }, () => twin), unitVector(DIMS, random)])
  const nearest = createNearest(5, (a, b) => b.chunk - a.chunk)
  exactNearest(file, query, (chunk) => chunk < 20, 0, nearest)
  assert.equal(
    nearest.sorted().map(({ chunk }) => chunk),
    [19, 18, 17, 16, 15],
  )
})

test('a row of zeros, of NaN or of too large numbers is no vector; one at a right angle is', () => {
  const axis = (at: number, value = 1): Float32Array =>
    Float32Array.from({ length: DIMS }, (_, col) => (col === at ? value : 0))
  const broken = Float32Array.from({ length: DIMS }, () => Number.NaN)
  const file = write([axis(0), null, axis(1), broken, axis(0, 60_000)])
  assert.equal(cosinesOf(file, axis(0), [4, 3, 2, 1, 0]), [null, null, 0, null, 1])
  const nearest = createNearest(9, byChunk)
  exactNearest(file, axis(0), null, 0, nearest)
  assert.equal(
    nearest.sorted().map(({ chunk }) => chunk),
    [0, 2],
  )
})

test('a file that is cut short, or not there, is damage', () => {
  const file = write([unitVector(DIMS, seededRandom(1)), unitVector(DIMS, seededRandom(2))])
  truncateSync(path.join(directory, ID, 'vectors.bin'), DIMS * 3)
  throwsCode(() => cosinesOf(file, new Float32Array(DIMS), [1]), 'SEGMENT_CORRUPT')
  const absent = openVectorFile(directory, 'b'.repeat(64), { chunks: 1, dims: DIMS })
  throwsCode(() => cosinesOf(absent, new Float32Array(DIMS), [0]), 'SEGMENT_CORRUPT')
})

const entryOf = (chunks: number): GraphSegment => ({
  entry: {
    id: ID,
    chunks,
    documents: chunks,
    totalLength: 0,
    sizeBytes: 0,
    deletedChunks: 0,
    deletedDocuments: 0,
    tombstones: null,
    isAway: false,
  },
  segment: {
    header: {
      version: 1,
      analyzer: 1,
      chunks,
      documents: chunks,
      totalLength: 0,
      terms: 0,
      languages: [],
      dims: DIMS,
      files: {},
    },
  },
})

/** Steps until there is nothing left to do. */
function makeGraph(chunks: number): number {
  const failures: unknown[] = []
  const maker = createGraphMaker(directory, {
    onFailure: (error) => failures.push(error),
    minChunks: GRAPH_CHUNKS,
  })
  let steps = 0
  while (maker.step([entryOf(chunks)])) steps++
  maker.close()
  assert.equal(failures, [])
  return steps
}

test('a large segment is searched by its graph, and as well as without where that is asked of it', () => {
  const random = seededRandom(5)
  const rows = Array.from({ length: GRAPH_CHUNKS }, () => unitVector(DIMS, random))
  const vectors = write(rows)
  assert.is(makeGraph(GRAPH_CHUNKS - 1), 0, 'none for a small segment')
  assert.ok(makeGraph(GRAPH_CHUNKS) > 10)
  assert.is(makeGraph(GRAPH_CHUNKS), 1, 'a look at it is enough once it is there')
  const graph = openGraph(directory, ID, DIMS)!
  let asked = 0
  const counted: Graph = {
    rows: graph.rows,
    search(query, count) {
      asked++
      return graph.search(query, count)
    },
  }
  const find = (
    query: Float32Array,
    accept: ((chunk: number) => boolean) | null,
    accepted: number,
    from: Graph | null,
  ) => {
    const nearest = createNearest(10, byChunk)
    searchVectors({ vectors, graph: () => from }, query, { accept, accepted }, 0, 10, nearest)
    return nearest.sorted()
  }
  let hits = 0
  const queries = Array.from({ length: 20 }, () => unitVector(DIMS, random))
  for (const query of queries) {
    const exact = find(query, null, rows.length, null)
    const found = find(query, null, rows.length, counted)
    assert.is(found.length, 10)
    for (const row of found)
      if (exact.some(({ chunk, cosine }) => chunk === row.chunk && cosine === row.cosine)) hits++
  }
  assert.is(asked, queries.length)
  assert.ok(hits >= 190, `${hits} of 200`)

  const few = (chunk: number): boolean => chunk % 300 === 7
  assert.equal(find(queries[0]!, few, 10, counted), find(queries[0]!, few, 10, null), 'a narrow filter')
  assert.is(asked, queries.length, 'the graph was not asked')
  assert.equal(
    find(queries[0]!, few, rows.length, counted),
    find(queries[0]!, few, 10, null),
    'a condition unforeseen',
  )
  assert.is(asked, queries.length + 1, 'it was asked, and found too few')
})

test('a graph that is not what was written is never opened, and made again', () => {
  const random = seededRandom(6)
  write(Array.from({ length: GRAPH_CHUNKS }, () => unitVector(DIMS, random)))
  makeGraph(GRAPH_CHUNKS)
  const file = graphFile(directory, ID)
  const damage: (() => void)[] = [
    () => appendFileSync(file, 'x'),
    () => truncateSync(file, 1_000),
    () => writeFileSync(file, Buffer.alloc(4_096, 0xff)),
    () => rmSync(file),
    () => writeFileSync(graphNoteFile(directory, ID), '{"version":1,"rows":1,"sizeBytes":'),
  ]
  const kept = [file, graphNoteFile(directory, ID)].map((name) => ({ name, bytes: readFileSync(name) }))
  for (const [at, harm] of damage.entries()) {
    for (const { name, bytes } of kept) writeFileSync(name, bytes)
    assert.ok(openGraph(directory, ID, DIMS) !== null)
    harm()
    assert.is(openGraph(directory, ID, DIMS), null, `damage ${at}`)
  }
  assert.ok(makeGraph(GRAPH_CHUNKS) > 10)
  assert.ok(openGraph(directory, ID, DIMS) !== null)
})

test.run()
