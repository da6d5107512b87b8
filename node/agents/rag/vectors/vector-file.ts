/**
 * The vectors of a segment: chunks × dims half-precision numbers, row by row, little-endian, read when they are needed and never kept:
 * the system's file cache holds them, and memory stays bounded however large an index is. A row of zeros is no vector.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import { corrupt, VECTORS_FILE } from '../segment/segment-format.ts'

export interface VectorFile {
  readonly chunks: number
  readonly dims: number
  /**
   * `count` rows from `first` on as the bits of their halves; `into` holds at least count × dims. Throws SEGMENT_CORRUPT for a file
   * that ends too early.
   */
  read(first: number, count: number, into: Uint16Array): void
  close(): void
}

/** Opens the file at its first read. */
export function openVectorFile(
  directory: string,
  segment: string,
  size: { chunks: number; dims: number },
): VectorFile {
  const { chunks, dims } = size
  const file = path.join(directory, segment, VECTORS_FILE)
  let fd: number | null = null

  const open = (): number => {
    try {
      return openSync(file, 'r')
    } catch (error) {
      throw corrupt('The vectors of a segment cannot be opened.', error)
    }
  }

  return {
    chunks,
    dims,
    read(first, count, into) {
      fd ??= open()
      const bytes = new Uint8Array(into.buffer, into.byteOffset, count * dims * 2)
      for (let at = 0; at < bytes.length; ) {
        const got = readSync(fd, bytes, at, bytes.length - at, first * dims * 2 + at)
        if (got === 0) throw corrupt('The vectors of a segment end too early.')
        at += got
      }
    },
    close() {
      if (fd !== null) closeSync(fd)
      fd = null
    },
  }
}
