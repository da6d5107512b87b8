/**
 * The neighbour graph of a segment's vectors (usearch, HNSW: arXiv 1603.09320), a cache beside the segment: `<id>.graph` and, with what
 * vouches for it, `<id>.graph.json`. It is made on this machine from the segment's own vectors, never travels, and is read only if
 * its hash is the one that was written down: the library that maps it into memory trusts it.
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Index } from 'usearch'
import { VillageError } from '../../../errors.ts'
import { isJsonObject, type JsonValue } from '../../../json.ts'

/** Loading it costs 10 ms and a few megabytes: only who has a graph does. */
const usearch = () => createRequire(import.meta.url)('usearch') as typeof import('usearch')

export const GRAPH_SUFFIX = '.graph'
const NOTE_SUFFIX = '.graph.json'
/** Raised when parameters or the library's format change: an old graph is made again. */
const GRAPH_VERSION = 1
const HASH_BYTES = 1024 * 1024

export const graphFile = (directory: string, segment: string): string =>
  path.join(directory, `${segment}${GRAPH_SUFFIX}`)
export const graphNoteFile = (directory: string, segment: string): string =>
  path.join(directory, `${segment}${NOTE_SUFFIX}`)

export interface GraphNote {
  readonly version: number
  /** Rows with a vector. */
  readonly rows: number
  readonly sizeBytes: number
  /** Of the graph file, hexadecimal. */
  readonly sha256: string
}

export function encodeNote(note: Omit<GraphNote, 'version'>): Buffer {
  return Buffer.from(`${JSON.stringify({ version: GRAPH_VERSION, ...note })}\n`)
}

/** What was written down of a graph; null where there is none, or one of another version. */
export function readNote(directory: string, segment: string): GraphNote | null {
  try {
    const value = JSON.parse(readFileSync(graphNoteFile(directory, segment), 'utf8')) as JsonValue
    if (!isJsonObject(value)) return null
    const { version, rows, sizeBytes, sha256 } = value
    if (version !== GRAPH_VERSION || typeof rows !== 'number' || typeof sizeBytes !== 'number') return null
    if (typeof sha256 !== 'string' || statSync(graphFile(directory, segment)).size !== sizeBytes) return null
    return { version, rows, sizeBytes, sha256 }
  } catch {
    // Absent, cut short or not JSON: a cache that is not there.
    return null
  }
}

export function hashFile(file: string): string {
  const hash = createHash('sha256')
  const fd = openSync(file, 'r')
  try {
    const buffer = Buffer.allocUnsafe(HASH_BYTES)
    for (;;) {
      const got = readSync(fd, buffer, 0, buffer.length, null)
      if (got === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, got))
    }
  } finally {
    closeSync(fd)
  }
}

export function removeGraph(directory: string, segment: string): void {
  rmSync(graphNoteFile(directory, segment), { force: true })
  rmSync(graphFile(directory, segment), { force: true })
}

/** Parameters were measured on clustered vectors of 512 numbers: `npm run bench -- rag --only large`. */
export function createGraphIndex(dims: number): Index {
  const { Index: GraphIndex, MetricKind, ScalarKind } = usearch()
  return new GraphIndex({
    dimensions: dims,
    metric: MetricKind.IP,
    quantization: ScalarKind.F16,
    connectivity: 32,
    expansion_add: 128,
    expansion_search: 64,
    multi: false,
  })
}

export interface Graph {
  readonly rows: number
  /** About the `count` nearest chunks, best first, with cosines in half precision: off by less than COSINE_ERROR. */
  search(query: Float32Array, count: number): { chunk: number; cosine: number }[]
}

/** A query rounded to halves and products added up in float32: some thousandths at worst. */
export const COSINE_ERROR = 0.01

/** Hashes the file and maps it into memory; null where it is absent or not what was written. */
export function openGraph(directory: string, segment: string, dims: number): Graph | null {
  const note = readNote(directory, segment)
  if (note === null) return null
  const file = graphFile(directory, segment)
  if (hashFile(file) !== note.sha256) return null
  const index = createGraphIndex(dims)
  index.view(file)
  if (index.size() !== note.rows)
    throw new VillageError('INTERNAL', 'A graph of vectors does not hold what was put into it.', {
      fields: { segment, rows: note.rows, found: index.size() },
    })
  return {
    rows: note.rows,
    search(query, count) {
      const { keys, distances } = index.search(query, count, 1)
      return Array.from(keys, (key, at) => ({ chunk: Number(key), cosine: 1 - distances[at]! }))
    },
  }
}
