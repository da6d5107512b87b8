/** Holds every byte of an index against its hashes: for `village doctor`, and after a disk had errors. */
import { type ErrorCode, toVillageError } from '../../../errors.ts'
import { openSegment } from '../segment/open-segment.ts'
import { verifySegment } from '../segment/verify-segment.ts'
import { readManifest } from './manifest-file.ts'
import { countBits, readTombstones } from './tombstones.ts'

export interface IndexProblem {
  /** Null: the index as a whole. */
  readonly segment: string | null
  readonly code: ErrorCode
  readonly message: string
}

/** Empty where all is well. A graph is no part of it: it is hashed whenever it is opened, and made again. */
export function checkIndex(directory: string): IndexProblem[] {
  const problems: IndexProblem[] = []
  const attempt = <T>(segment: string | null, read: () => T): T | null => {
    try {
      return read()
    } catch (error) {
      const { code, message } = toVillageError(error)
      problems.push({ segment, code, message })
      return null
    }
  }
  const manifest = attempt(null, () => readManifest(directory))
  for (const { id, tombstones, isAway, deletedChunks, ...row } of manifest?.segments ?? []) {
    const header = attempt(id, () => verifySegment(directory, id, { recordsOnly: isAway }))
    if (header === null) continue
    const { chunks, documents, totalLength } = header
    const deleted = attempt(id, () => readTombstones(directory, tombstones, chunks))
    const rowFits = chunks === row.chunks && documents === row.documents && totalLength === row.totalLength
    if (!rowFits || (deleted === null ? 0 : countBits(deleted)) !== deletedChunks)
      problems.push({
        segment: id,
        code: 'INDEX_CORRUPT',
        message: 'The manifest counts other chunks than the segment has.',
      })
    attempt(id, () => {
      const segment = openSegment(directory, id)
      for (const record of segment.documents()) void record
      segment.close()
    })
  }
  return problems
}
