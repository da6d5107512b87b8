/** The directory of a holder of replicas: segments that were adopted, deletions that their owner announced, no writer. */
import { VillageError } from '../../../errors.ts'
import { openSegment } from '../segment/open-segment.ts'
import { syncDirectory } from './durable-files.ts'
import { collectLeftovers } from './index-files.ts'
import type { Manifest, ManifestSegment } from './manifest.ts'
import { writeManifest } from './manifest-file.ts'
import { bitsOf, countBits, hasBit, writeTombstones } from './tombstones.ts'

/**
 * Replaces the manifest: `deletions` are the deleted chunks by segment, from which the rows get their counts and the name of the file
 * with them. Segments that it does not name are removed, really. Durable when it returns. Throws INVALID_ARGUMENT for a chunk that a
 * segment does not have, SEGMENT_CORRUPT for a segment that is not there, DISK_FULL, DATA_DIR_READ_ONLY.
 */
export function writeReplicaManifest(
  directory: string,
  manifest: Manifest,
  deletions: ReadonlyMap<string, readonly number[]>,
): Manifest {
  const segments = manifest.segments.map((entry) =>
    withDeletions(directory, entry, deletions.get(entry.id) ?? []),
  )
  if (segments.length > 0) syncDirectory(directory)
  const filled = { ...manifest, segments }
  writeManifest(directory, filled)
  collectLeftovers(directory, segments)
  return filled
}

function withDeletions(
  directory: string,
  entry: ManifestSegment,
  chunks: readonly number[],
): ManifestSegment {
  const segment = openSegment(directory, entry.id)
  try {
    const { header } = segment
    if (chunks.length === 0) return { ...entry, deletedChunks: 0, deletedDocuments: 0, tombstones: null }
    if (chunks.some((chunk) => !Number.isInteger(chunk) || chunk < 0 || chunk >= header.chunks))
      throw new VillageError('INVALID_ARGUMENT', 'A deleted chunk is none of its segment.')
    const deleted = bitsOf(header.chunks, chunks)
    let deletedDocuments = 0
    for (let document = 0; document < header.documents; document++) {
      let chunk = segment.firstChunk(document)
      const end = segment.firstChunk(document + 1)
      while (chunk < end && hasBit(deleted, chunk)) chunk++
      if (chunk === end) deletedDocuments++
    }
    const tombstones = writeTombstones(directory, deleted)
    return { ...entry, deletedChunks: countBits(deleted), deletedDocuments, tombstones }
  } finally {
    segment.close()
  }
}
