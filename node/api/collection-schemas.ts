/** JSON Schemas of collections and of runs of indexing. */
import { COLLECTION_ACCESS } from '../agents/rag/collections/collection.ts'
import type { IndexRun } from '../agents/rag/collections/index-run.ts'
import { DUPLICATE } from '../agents/rag/collections/read-documents.ts'
import { ERRORS, isErrorCode } from '../errors.ts'
import { amount, anyText, flag, integer, listOf, object, oneOf, orNull } from './schemas.ts'

const PROBLEM = orNull(object({ code: anyText, message: anyText }))

export const COLLECTION = object({
  id: anyText,
  name: anyText,
  owner: anyText,
  access: oneOf(...COLLECTION_ACCESS),
  replicas: integer(),
  keepsCopy: flag,
  weight: amount,
  feedback: flag,
  candidates: orNull(integer(1)),
  encoder: orNull(anyText),
  segmentChunks: integer(),
  createdAtMs: amount,
  documents: integer(),
  chunks: integer(),
  sizeBytes: amount,
  generation: integer(),
  languages: listOf(anyText),
  roots: listOf(object({ path: anyText, prefix: anyText })),
  watched: listOf(anyText),
  problem: PROBLEM,
})

/** A collection of this node of which nothing is known but that it is there, and why. */
export const UNREADABLE_COLLECTION = object({
  id: anyText,
  name: orNull(anyText),
  problem: object({ code: anyText, message: anyText }),
})

/** A collection of this node or of another member, as the village knows it. */
export const KNOWN_COLLECTION = object({
  id: anyText,
  name: anyText,
  label: anyText,
  owner: anyText,
  /** What the owner goes by in the village. */
  ownerName: orNull(anyText),
  isOwn: flag,
  access: oneOf(...COLLECTION_ACCESS),
  encoder: orNull(anyText),
  languages: listOf(anyText),
  weight: amount,
  documents: integer(),
  chunks: integer(),
  sizeBytes: amount,
  segments: integer(),
  replicas: integer(),
  holdersPresent: integer(),
  missingSegments: integer(),
  localSegments: integer(),
  updatedAtMs: amount,
  problem: PROBLEM,
})

const REPORT = object({
  added: integer(),
  changed: integer(),
  unchanged: integer(),
  removed: integer(),
  skipped: integer(),
  skippedSources: listOf(object({ source: anyText, code: anyText, message: anyText, fix: anyText })),
  warnings: listOf(object({ source: anyText, message: anyText })),
  chunks: integer(),
  nearDuplicates: integer(),
  left: object({
    hidden: integer(),
    excluded: integer(),
    unsupported: listOf(object({ extension: anyText, files: integer() })),
  }),
})

export const INDEX_RUN = object({
  id: anyText,
  collection: anyText,
  name: anyText,
  trigger: oneOf('request', 'watch', 'start'),
  paths: listOf(anyText),
  state: oneOf('waiting', 'running', 'done', 'failed', 'cancelled'),
  startedAtMs: amount,
  finishedAtMs: orNull(amount),
  files: integer(),
  isCounted: flag,
  doneFiles: integer(),
  totalBytes: amount,
  doneBytes: amount,
  embedded: integer(),
  report: REPORT,
  error: PROBLEM,
})

const DUPLICATE_FIX = 'Nothing to do: the other one is found.'

const fixOf = (code: string): string =>
  code === DUPLICATE ? DUPLICATE_FIX : isErrorCode(code) ? ERRORS[code].fix : ''

/** With what to do about each file that was left out. */
export function indexRunView(run: IndexRun): object {
  const skippedSources = run.report.skippedSources.map((one) => ({ ...one, fix: fixOf(one.code) }))
  return { ...run, report: { ...run.report, skippedSources } }
}
