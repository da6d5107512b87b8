/** Holds the bytes of a segment against its hashes: for what came from another member, and for `doctor`. */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import { readHeader } from './read-header.ts'
import { corrupt, RECORD_FILES, SEGMENT_FILES, type SegmentHeader } from './segment-format.ts'

const READ_BYTES = 1_048_576

/**
 * Reads every file once. Throws SEGMENT_CORRUPT when a byte differs from what the id stands for. `recordsOnly`: of a
 * segment whose chunks are away, only the files that are left.
 */
export function verifySegment(
  directory: string,
  id: string,
  { recordsOnly = false }: { recordsOnly?: boolean } = {},
): SegmentHeader {
  const header = readHeader(directory, id)
  for (const name of recordsOnly ? RECORD_FILES : SEGMENT_FILES) {
    const entry = header.files[name]
    if (entry === undefined) continue
    if (hashFile(path.join(directory, id, name), entry.sizeBytes) !== entry.sha256)
      throw corrupt(`\`${name}\` of a segment is not what its header says.`)
  }
  return header
}

/** Null when the size is another one; the bytes are then not read. */
function hashFile(file: string, sizeBytes: number): string | null {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    throw corrupt('A file of a segment cannot be opened.', error)
  }
  try {
    if (fstatSync(fd).size !== sizeBytes) return null
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(1, sizeBytes)))
    for (let at = 0; at < sizeBytes; ) {
      const count = readSync(fd, buffer, 0, buffer.length, at)
      if (count === 0) return null
      hash.update(buffer.subarray(0, count))
      at += count
    }
    return hash.digest('hex')
  } finally {
    closeSync(fd)
  }
}
