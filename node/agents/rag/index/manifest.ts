/** What an index consists of at a moment: segments that never change, and which of their chunks are deleted. */

export interface IndexSettings {
  /** A segment is cut at this many chunks, and no merge makes a larger one. */
  readonly maxSegmentChunks: number
  /** Length of a vector; null: the index has none. */
  readonly dims: number | null
}

export interface ManifestSegment {
  /** SHA-256 of its header file, which names the hashes of its other files; also the name of its directory. */
  readonly id: string
  readonly chunks: number
  readonly documents: number
  /** Terms in all its chunks. */
  readonly totalLength: number
  /** Of all files that travel with it. */
  readonly sizeBytes: number
  readonly deletedChunks: number
  /** Documents all of whose chunks are deleted. */
  readonly deletedDocuments: number
  /** Name of the file with the deleted chunks, or null. */
  readonly tombstones: string | null
  /** Only its documents are here; its chunks lie with other members (a collection that is spread). */
  readonly isAway: boolean
}

export interface Manifest {
  readonly version: 1
  /** Grows by one with each commit. */
  readonly generation: number
  readonly settings: IndexSettings
  readonly segments: readonly ManifestSegment[]
}
