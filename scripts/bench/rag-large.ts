/**
 * An index of 200,000 generated chunks with vectors of 512 numbers: what it takes to fill, to open and to search it, as a collection has it by
 * default (segments of 10,000 chunks, every vector looked at) and with segments of 50,000, which are searched by graphs.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createIndexHost } from '../../node/agents/rag/index/index-host.ts'
import { createIndexWriter } from '../../node/agents/rag/index/index-writer.ts'
import { openLiveSegment } from '../../node/agents/rag/index/live-segment.ts'
import { readManifest } from '../../node/agents/rag/index/manifest-file.ts'
import { exactNearest } from '../../node/agents/rag/vectors/exact-search.ts'
import { createNearest } from '../../node/agents/rag/vectors/nearest.ts'
import { createLog } from '../../node/log.ts'
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../run.js'
import type { BenchContext } from './bench.ts'
import type { RagCase } from './rag.ts'
import { createGenerator, type Generator } from './rag-generated.ts'
import type { QueryFigures } from './rag-large-queries.ts'
import { CHUNKS, GENERATED } from './rag-large-settings.ts'

const BATCH_DOCUMENTS = 100
const QUERIES = 300
const LIMIT = 100
const QUERY_PROCESS = fileURLToPath(new URL('./rag-large-queries.ts', import.meta.url))

interface Variant {
  readonly name: string
  readonly maxSegmentChunks: number
  /** The bars are for a collection as it is by default. */
  readonly hasBars: boolean
}

/** Seconds that the index took, without the making of the documents. */
async function fill(
  directory: string,
  maxSegmentChunks: number,
  generator: Generator,
  signal: AbortSignal,
): Promise<number> {
  const host = createIndexHost({ log: createLog({ level: 'warn' }) })
  let spentMs = 0
  const timed = async (work: () => Promise<unknown>): Promise<void> => {
    const start = performance.now()
    await work()
    spentMs += performance.now() - start
  }
  try {
    await host.create(directory, { maxSegmentChunks, dims: GENERATED.dims })
    const documents = CHUNKS / GENERATED.chunksPerDocument
    for (let first = 0; first < documents; first += BATCH_DOCUMENTS) {
      signal.throwIfAborted()
      const batch = Array.from({ length: BATCH_DOCUMENTS }, (_, at) => generator.document(first + at))
      await timed(() => host.add(directory, batch))
    }
    await timed(() => host.commit(directory))
  } finally {
    await host.stop()
  }
  return spentMs / 1_000
}

/** Merges and graphs, which a daemon makes when it has nothing else to do. */
function maintain(directory: string, { log, signal }: BenchContext): number {
  const start = performance.now()
  const writer = createIndexWriter(directory, {
    onFailure: (error, what) => log(`${what}: ${String(error)}`),
  })
  try {
    while (writer.maintain()) signal.throwIfAborted()
  } finally {
    writer.close()
  }
  return (performance.now() - start) / 1_000
}

async function query(directory: string, signal: AbortSignal): Promise<QueryFigures> {
  const child = spawn(
    process.execPath,
    [...NODE_FLAGS, QUERY_PROCESS, directory, String(QUERIES), String(LIMIT)],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...NODE_ENVIRONMENT }, signal },
  )
  let output = ''
  for await (const text of child.stdout.setEncoding('utf8')) output += text
  return JSON.parse(output) as QueryFigures
}

/** Share of the truly nearest that were found, of the first ten and of all. */
function recallOf(
  directory: string,
  nearest: QueryFigures['nearest'],
  generator: Generator,
): { ten: number; all: number } {
  const segments = readManifest(directory).segments.map((entry) => openLiveSegment(directory, entry))
  let [ten, all] = [0, 0]
  for (const [number, found] of nearest.entries()) {
    const best = createNearest(LIMIT, (a, b) => a.segment - b.segment || a.chunk - b.chunk)
    const { vector } = generator.query(number)
    for (const [at, { vectors }] of segments.entries()) exactNearest(vectors!, vector, null, at, best)
    const exact = best.sorted().map(({ segment, chunk }) => `${segments[segment]!.entry.id}/${chunk}`)
    ten += exact.slice(0, 10).filter((key) => found.includes(key)).length / 10
    all += exact.filter((key) => found.includes(key)).length / LIMIT
  }
  for (const segment of segments) segment.close()
  return { ten: ten / nearest.length, all: all / nearest.length }
}

async function measure(context: BenchContext, { name, maxSegmentChunks, hasBars }: Variant): Promise<void> {
  const { report, log, signal } = context
  const generator = createGenerator(GENERATED)
  const directory = mkdtempSync(path.join(tmpdir(), 'village-bench-large-'))
  const figure = (
    what: string,
    value: number,
    unit: string,
    better: 'higher' | 'lower',
    bar: number | null,
  ) => report({ case: `${name}: ${what}`, value, unit, better, bar: hasBars ? bar : null })
  try {
    const seconds = await fill(directory, maxSegmentChunks, generator, signal)
    figure('indexing, vectors given', CHUNKS / seconds, 'chunks/s', 'higher', 2_000)
    const { segments } = readManifest(directory)
    const sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
    figure('on the disk', sizeBytes / 1e6, 'MB', 'lower', null)
    figure('merges and graphs, when idle', maintain(directory, context), 's', 'lower', null)
    log(`${readManifest(directory).segments.length} segments`)
    const queried = await query(directory, signal)
    const { openMs, firstMs, hybrid, lexical, vectors, rssBytes, nearest } = queried
    figure('open', openMs, 'ms', 'lower', 1_000)
    figure('first query', firstMs, 'ms', 'lower', null)
    figure('hybrid p50', hybrid.p50Ms, 'ms', 'lower', null)
    figure('hybrid p95', hybrid.p95Ms, 'ms', 'lower', 50)
    figure('lexical p95', lexical.p95Ms, 'ms', 'lower', null)
    figure('vectors p95', vectors.p95Ms, 'ms', 'lower', null)
    figure('memory of the process', rssBytes / 1e6, 'MB', 'lower', 500)
    const { ten, all } = recallOf(directory, nearest, generator)
    figure('nearest vectors found of 10', ten, 'share', 'higher', null)
    figure(`nearest vectors found of ${LIMIT}`, all, 'share', 'higher', null)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export const large: RagCase = {
  name: 'large',
  title: '200,000 generated chunks: indexing, opening, searching, memory',
  run: (context) => measure(context, { name: 'large', maxSegmentChunks: 10_000, hasBars: true }),
}

export const graphs: RagCase = {
  name: 'graphs',
  title: 'the same in segments of 50,000 chunks, whose vectors are searched by graphs: takes ten minutes',
  run: (context) => measure(context, { name: 'graphs', maxSegmentChunks: 50_000, hasBars: false }),
}
