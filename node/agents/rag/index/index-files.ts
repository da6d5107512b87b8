/** What lies in the directory of an index, and what of it nobody names any more. */
import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { toVillageError } from '../../../errors.ts'
import { RECORD_FILES, SEGMENT_FILES } from '../segment/segment-format.ts'
import { UNFINISHED_PREFIX } from '../segment/write-segment.ts'
import { GRAPH_SUFFIX } from '../vectors/graph-file.ts'
import { TEMPORARY_SUFFIX } from './durable-files.ts'
import type { ManifestSegment } from './manifest.ts'
import { TOMBSTONES_SUFFIX } from './tombstones.ts'

const SEGMENT_NAME = /^[0-9a-f]{64}$/
const OWN_NAME = /^([0-9a-f]{64})\.(.+)$/

/** Removes a segment with its graph. */
export function removeSegment(directory: string, id: string): void {
  for (const name of readdirSync(directory))
    if (name === id || name.startsWith(`${id}${GRAPH_SUFFIX}`))
      rmSync(path.join(directory, name), { recursive: true, force: true })
}

/** Removes text, postings and vectors of a segment; its documents stay. */
export function removeChunks(directory: string, id: string): void {
  for (const name of SEGMENT_FILES)
    if (!RECORD_FILES.includes(name)) rmSync(path.join(directory, id, name), { force: true })
  for (const name of readdirSync(directory))
    if (name.startsWith(`${id}${GRAPH_SUFFIX}`)) rmSync(path.join(directory, name), { force: true })
}

/**
 * Removes whatever an index writes and `segments` do not name: what a crash left, what a commit replaced. Files with other names are
 * none of its business. `alsoKept` are segments that are written and not committed.
 */
export function collectLeftovers(
  directory: string,
  segments: readonly ManifestSegment[],
  alsoKept: ReadonlySet<string> = new Set(),
): void {
  const ids = new Map(segments.map((segment) => [segment.id, segment]))
  const tombstones = new Set(segments.map((segment) => segment.tombstones))
  const isKept = (name: string): boolean => {
    if (name.startsWith(UNFINISHED_PREFIX)) return false
    if (SEGMENT_NAME.test(name)) return ids.has(name) || alsoKept.has(name)
    const [, id, rest] = OWN_NAME.exec(name) ?? []
    if (id === undefined || rest === undefined) return !name.endsWith(TEMPORARY_SUFFIX)
    if (rest.endsWith(TEMPORARY_SUFFIX.slice(1))) return false
    if (`.${rest}` === TOMBSTONES_SUFFIX) return tombstones.has(name)
    if (`.${rest}`.startsWith(GRAPH_SUFFIX)) return ids.get(id)?.isAway === false
    return true
  }
  try {
    for (const name of readdirSync(directory))
      if (!isKept(name)) rmSync(path.join(directory, name), { recursive: true, force: true })
    for (const { id, isAway } of segments) if (isAway) removeChunks(directory, id)
  } catch (error) {
    throw toVillageError(error)
  }
}
