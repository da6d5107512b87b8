/** Reads an archive as it comes, in pieces of whatever size; holds little more than one of them. */
import { archiveInvalid } from './archive-format.ts'

export interface ArchiveReader {
  /** Exactly so many bytes. Throws COLLECTION_ARCHIVE_INVALID where the archive ends before. */
  take(count: number): Promise<Buffer>
  /** The same, in the pieces in which they come. */
  pieces(count: number): AsyncGenerator<Buffer>
  /** Throws COLLECTION_ARCHIVE_INVALID where anything but zeros follows. */
  end(): Promise<void>
}

export function createArchiveReader(content: AsyncIterable<Uint8Array>): ArchiveReader {
  const source = content[Symbol.asyncIterator]()
  let rest = Buffer.alloc(0)

  /** False at the end. */
  async function more(): Promise<boolean> {
    const next = await source.next()
    if (next.done === true) return false
    const { buffer, byteOffset, byteLength } = next.value
    rest = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
    return true
  }

  async function* pieces(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (rest.byteLength === 0 && !(await more())) throw archiveInvalid('it is cut short')
      const piece = rest.subarray(0, left)
      rest = rest.subarray(piece.byteLength)
      left -= piece.byteLength
      if (piece.byteLength > 0) yield piece
    }
  }

  return {
    pieces,
    async take(count) {
      const parts: Buffer[] = []
      for await (const piece of pieces(count)) parts.push(piece)
      return Buffer.concat(parts)
    },
    async end() {
      do {
        if (rest.some((byte) => byte !== 0)) throw archiveInvalid('something follows its end')
        rest = Buffer.alloc(0)
      } while (await more())
    },
  }
}
