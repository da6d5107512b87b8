/** Collections, documents and runs of indexing as the API answers with them: what the commands read of them. */

export interface CollectionView {
  readonly id: string
  readonly name: string
  readonly access: string
  readonly encoder: string | null
  readonly createdAtMs: number
  readonly documents: number
  readonly chunks: number
  readonly sizeBytes: number
  readonly languages: readonly string[]
  readonly replicas: number
  readonly keepsCopy: boolean
  readonly weight: number
  readonly feedback: boolean
  readonly candidates: number | null
  /** What was indexed, with the beginning of the sources that came of it. */
  readonly roots: readonly { readonly path: string; readonly prefix: string }[]
  readonly watched: readonly string[]
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** Of which nothing is known but that it is there. */
export interface UnreadableCollectionView {
  readonly id: string
  readonly name: string | null
  readonly problem: { readonly code: string; readonly message: string }
}

/** A collection of this node or of another member. */
export interface KnownCollectionView
  extends Pick<
    CollectionView,
    'id' | 'name' | 'access' | 'encoder' | 'documents' | 'chunks' | 'sizeBytes' | 'languages'
  > {
  /** `name` of an own one, `name@peer` of another's. */
  readonly label: string
  readonly owner: string
  /** Null where it has none, or shares it. */
  readonly ownerName: string | null
  readonly isOwn: boolean
  readonly segments: number
  readonly missingSegments: number
  /** Members that are here and hold the segment that the fewest have. */
  readonly holdersPresent: number
  /** Why the village does not learn what an own one is now. */
  readonly problem: { readonly code: string; readonly message: string } | null
}

export interface DocumentView {
  readonly id: string
  readonly source: string
  readonly title: string | null
  readonly language: string | null
  readonly mediaType: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

export interface DocumentPassageView {
  readonly text: string
  readonly start: number
  readonly end: number
}

export interface IndexRunView {
  readonly id: string
  readonly name: string
  readonly trigger: string
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'
  readonly startedAtMs: number
  readonly finishedAtMs: number | null
  readonly files: number
  /** Whether `files` are all. */
  readonly isCounted: boolean
  readonly doneFiles: number
  readonly totalBytes: number
  readonly doneBytes: number
  readonly embedded: number
  readonly report: {
    readonly added: number
    readonly changed: number
    readonly unchanged: number
    readonly removed: number
    readonly skipped: number
    readonly skippedSources: readonly {
      readonly source: string
      readonly code: string
      readonly message: string
    }[]
    readonly warnings: readonly { readonly source: string; readonly message: string }[]
    readonly chunks: number
    readonly nearDuplicates: number
    readonly left: {
      readonly hidden: number
      readonly excluded: number
      readonly unsupported: readonly { readonly extension: string; readonly files: number }[]
    }
  }
  readonly error: { readonly code: string; readonly message: string } | null
}
