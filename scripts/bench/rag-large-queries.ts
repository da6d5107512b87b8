/**
 * The process that the bench of a large index measures: `node rag-large-queries.ts DIRECTORY QUERIES LIMIT` opens the index, as a daemon does
 * with its threads, searches, and prints its figures as JSON.
 */
import { analyze } from '../../node/agents/rag/analysis/analyzer.ts'
import { createIndexHost } from '../../node/agents/rag/index/index-host.ts'
import type { SearchRequest } from '../../node/agents/rag/search-types.ts'
import { createLog } from '../../node/log.ts'
import { createGenerator } from './rag-generated.ts'
import { GENERATED } from './rag-large-settings.ts'

export interface QueryFigures {
  /** From the start of the threads to the first answer of the index. */
  readonly openMs: number
  readonly firstMs: number
  readonly hybrid: Times
  readonly lexical: Times
  readonly vectors: Times
  /** Of the whole process, after all queries. */
  readonly rssBytes: number
  /** Chunks that the nearest-vector search found, by query, as `segment/chunk`. */
  readonly nearest: readonly (readonly string[])[]
}

export interface Times {
  readonly p50Ms: number
  readonly p95Ms: number
}

const [directory = '', count = '', most = ''] = process.argv.slice(2)
const limit = Number(most)

/** The generator goes before the memory is measured: it is the bench's own. */
function makeRequests(): SearchRequest[] {
  const generator = createGenerator(GENERATED)
  return Array.from({ length: Number(count) }, (_, number) => {
    const { words, vector } = generator.query(number)
    const terms = new Set(words.flatMap((word) => analyze(word, 'en').map((token) => token.term)))
    const lexical = {
      terms: [...terms].map((term) => ({ term, weight: 1, field: null })),
      required: [],
      excluded: [],
    }
    return { lexical, vector, filters: [], limit }
  })
}

const requests = makeRequests()
const host = createIndexHost({ log: createLog({ level: 'warn' }) })
const nearest: string[][] = []

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function timesOf(change: (request: SearchRequest) => SearchRequest): Promise<Times> {
  const times: number[] = []
  for (const request of requests) times.push(await timed(() => host.search(directory, change(request), null)))
  times.sort((a, b) => a - b)
  return { p50Ms: times[Math.floor(times.length * 0.5)]!, p95Ms: times[Math.floor(times.length * 0.95)]! }
}

const openMs = await timed(() => host.manifest(directory))
const firstMs = await timed(() => host.search(directory, requests[0]!, null))
await timesOf((request) => request)
const hybrid = await timesOf((request) => request)
const lexical = await timesOf((request) => ({ ...request, vector: null }))
const vectors = await timesOf((request) => ({ ...request, lexical: null }))
const rssBytes = process.memoryUsage.rss()
for (const request of requests.slice(0, 50)) {
  const found = await host.search(directory, { ...request, lexical: null }, null)
  nearest.push(found.vectors.map(({ segment, chunk }) => `${segment}/${chunk}`))
}
await host.stop()
const figures: QueryFigures = { openMs, firstMs, hybrid, lexical, vectors, rssBytes, nearest }
process.stdout.write(`${JSON.stringify(figures)}\n`)
