/** Makes the graphs that the segments of an index lack, one after the other, in steps of some 20 ms. */
import type { ManifestSegment } from '../index/manifest.ts'
import type { Segment } from '../segment/segment.ts'
import { buildGraph } from './build-graph.ts'
import { graphFile, hashFile, readNote, removeGraph } from './graph-file.ts'
import { releaseGraphs } from './release-graphs.ts'
import { GRAPH_MIN_CHUNKS } from './search-vectors.ts'
import { openVectorFile, type VectorFile } from './vector-file.ts'

export interface GraphSegment {
  readonly entry: ManifestSegment
  readonly segment: Pick<Segment, 'header'>
}

export interface GraphMaker {
  /** One step of what is missing in these segments; false when nothing is. */
  step(segments: readonly GraphSegment[]): boolean
  close(): void
}

export interface GraphMakerOptions {
  readonly onFailure: (error: unknown, what: string) => void
  /** Of a segment that gets a graph. */
  readonly minChunks?: number
}

interface Work {
  readonly id: string
  readonly vectors: VectorFile
  readonly steps: Generator<void>
}

export function createGraphMaker(
  directory: string,
  { onFailure, minChunks = GRAPH_MIN_CHUNKS }: GraphMakerOptions,
): GraphMaker {
  /** Those that have a graph, or that cannot have one for now. */
  const settled = new Set<string>()
  let work: Work | null = null

  function end(): void {
    if (work === null) return
    work.vectors.close()
    work = null
    releaseGraphs()
  }

  function isWanting({ entry, segment }: GraphSegment): boolean {
    if (entry.isAway || segment.header.dims === null || settled.has(entry.id)) return false
    return entry.chunks - entry.deletedChunks >= minChunks
  }

  function begin({ entry, segment }: GraphSegment): void {
    const note = readNote(directory, entry.id)
    if (note !== null && hashFile(graphFile(directory, entry.id)) === note.sha256) {
      settled.add(entry.id)
      return
    }
    removeGraph(directory, entry.id)
    const { chunks, dims } = segment.header
    const vectors = openVectorFile(directory, entry.id, { chunks, dims: dims! })
    work = { id: entry.id, vectors, steps: buildGraph(directory, entry.id, vectors) }
  }

  return {
    step(segments) {
      if (work !== null && !segments.some(({ entry }) => entry.id === work!.id && !entry.isAway)) end()
      const wanting = work === null ? segments.find(isWanting) : undefined
      if (work === null && wanting === undefined) return false
      const id = work?.id ?? wanting!.entry.id
      try {
        if (wanting !== undefined) begin(wanting)
        else if (work!.steps.next().done === true) {
          settled.add(id)
          end()
        }
      } catch (error) {
        settled.add(id)
        end()
        onFailure(error, 'the graph of a segment could not be made: its vectors are searched one by one')
      }
      return true
    },
    close: end,
  }
}
