/** The header of a segment in a directory, held against the id. */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import { corrupt, decodeHeader, HEADER_FILE, MAX_HEADER_BYTES, type SegmentHeader } from './segment-format.ts'

/** Throws SEGMENT_CORRUPT (also when it is not there), SEGMENT_VERSION_UNSUPPORTED. */
export function readHeader(directory: string, id: string): SegmentHeader {
  if (!/^[0-9a-f]{64}$/.test(id)) throw corrupt('The name of a segment is not a SHA-256.')
  const bytes = readSmallFile(path.join(directory, id, HEADER_FILE))
  if (createHash('sha256').update(bytes).digest('hex') !== id)
    throw corrupt('The header of a segment is not the one that its name stands for.')
  return decodeHeader(bytes)
}

function readSmallFile(file: string): Uint8Array {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    throw corrupt('A segment has no header that can be read.', error)
  }
  try {
    const size = fstatSync(fd).size
    if (size > MAX_HEADER_BYTES) throw corrupt('The header of a segment is too long.')
    const bytes = new Uint8Array(size)
    if (readSync(fd, bytes, 0, size, 0) !== size)
      throw corrupt('The header of a segment changed while it was read.')
    return bytes
  } finally {
    closeSync(fd)
  }
}
