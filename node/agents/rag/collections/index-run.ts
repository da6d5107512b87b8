/** A run of indexing: what was asked, how far it is, and what came of it. */

export type IndexRunState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'

/** Why a file is not in the index: `code` is an error code or DUPLICATE. */
export interface SkippedSource {
  readonly source: string
  readonly code: string
  readonly message: string
}

export interface IndexReport {
  /** Documents. */
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly removed: number
  /** Files that could not be read, or hold what another one holds. */
  readonly skipped: number
  /** The first of them: at most MAX_LISTED. */
  readonly skippedSources: readonly SkippedSource[]
  /** Warnings of parsers, at most MAX_LISTED. */
  readonly warnings: readonly { readonly source: string; readonly message: string }[]
  /** Chunks written. */
  readonly chunks: number
  /** Of the documents written: those that nearly repeat another one, which their field `nearDuplicateOf` names. */
  readonly nearDuplicates: number
  readonly left: LeftOut
}

/** What was not looked at, and is no problem. */
export interface LeftOut {
  /** Names that begin with a dot, and folders such as node_modules. */
  readonly hidden: number
  /** By a .gitignore, or by what was asked. */
  readonly excluded: number
  /** Files of formats that are not read, by extension. */
  readonly unsupported: readonly { readonly extension: string; readonly files: number }[]
}

export interface IndexRun {
  readonly id: string
  readonly collection: string
  readonly name: string
  /** `request`: by the API; `watch`: something has changed; `start`: what has changed while the daemon was off. */
  readonly trigger: 'request' | 'watch' | 'start'
  /** What is indexed, for people. */
  readonly paths: readonly string[]
  readonly state: IndexRunState
  readonly startedAtMs: number
  readonly finishedAtMs: number | null
  /** Files found so far, and whether these are all. */
  readonly files: number
  readonly isCounted: boolean
  /** Files dealt with. */
  readonly doneFiles: number
  readonly totalBytes: number
  readonly doneBytes: number
  /** Passages that have their vectors; `report` counts those that are written. */
  readonly embedded: number
  readonly report: IndexReport
  readonly error: { readonly code: string; readonly message: string } | null
}

/** Most entries of each list of a report; the counts are of all. */
export const MAX_LISTED = 1_000

export const EMPTY_REPORT: IndexReport = {
  added: 0,
  changed: 0,
  unchanged: 0,
  removed: 0,
  skipped: 0,
  skippedSources: [],
  warnings: [],
  chunks: 0,
  nearDuplicates: 0,
  left: { hidden: 0, excluded: 0, unsupported: [] },
}
