/**
 * The archive of a backup: a POSIX ustar file (any tar reads it) of ordinary files, written and read as a stream. The reader takes
 * nothing but ordinary files under clean relative paths: no links, devices, `..`, no path twice.
 */
import { Header } from 'tar/header'
import { VillageError } from './errors.ts'

const BLOCK_BYTES = 512
/** One ustar number of twelve octal digits. */
const MAX_FILE_BYTES = 8 ** 11 - 1
const MAX_PATH_UNITS = 255
const MAX_ENTRIES = 5_000_000
/** Names that every system can have: what the daemon writes is among it. */
const SEGMENT = /^[^/\\\p{Cc}:*?"<>|]+$/u

export interface ArchiveFile {
  /** Relative, with `/`. */
  readonly path: string
  readonly sizeBytes: number
  /** Permission bits. */
  readonly mode: number
  readonly content: AsyncIterable<Uint8Array>
}

export const invalidBackup = (why: string): VillageError =>
  new VillageError('BACKUP_INVALID', `This is no whole backup: ${why}`)

/** Whether a path of an archive may be put into a data directory. */
export function isCleanPath(given: string): boolean {
  return (
    given.length <= MAX_PATH_UNITS &&
    given
      .split('/')
      .every((part) => SEGMENT.test(part) && part !== '.' && part !== '..' && !part.endsWith(' '))
  )
}

/** Whether a file of this path can be in an archive: ustar takes ASCII, 100 bytes in a name and 255 in all. */
export function isArchivable(path: string): boolean {
  const fields = { path, mode: 0o600, size: 0, type: 'File', mtime: new Date(0), uid: 0, gid: 0 } as const
  return isCleanPath(path) && !new Header(fields).encode(Buffer.alloc(BLOCK_BYTES), 0)
}

function readHeader(block: Buffer): Header {
  try {
    return new Header(block, 0)
  } catch {
    // A number that is none, or larger than any file.
    throw invalidBackup('a header is damaged')
  }
}

function headerOf({ path, sizeBytes, mode }: Omit<ArchiveFile, 'content'>): Buffer {
  if (!isCleanPath(path) || sizeBytes > MAX_FILE_BYTES)
    throw new VillageError(
      'BACKUP_FAILED',
      `${path} cannot be in a backup: its name or its size is too large`,
    )
  const block = Buffer.alloc(BLOCK_BYTES)
  const header = new Header({ path, mode, size: sizeBytes, type: 'File', mtime: new Date(0), uid: 0, gid: 0 })
  if (header.encode(block, 0))
    throw new VillageError(
      'BACKUP_FAILED',
      `${path} cannot be in a backup: its name is too long or has letters beyond ASCII`,
    )
  return block
}

const paddingOf = (sizeBytes: number): number => (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES

/** The bytes of one file of an archive. Throws BACKUP_FAILED where the content is not as long as was said. */
export async function* archiveFile(file: ArchiveFile): AsyncGenerator<Uint8Array> {
  yield headerOf(file)
  let sizeBytes = 0
  for await (const chunk of file.content) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > file.sizeBytes) break
    yield chunk
  }
  if (sizeBytes !== file.sizeBytes)
    throw new VillageError('BACKUP_FAILED', `${file.path} changed while it was read`)
  const padding = paddingOf(sizeBytes)
  if (padding > 0) yield Buffer.alloc(padding)
}

export const archiveEnd = (): Uint8Array => Buffer.alloc(2 * BLOCK_BYTES)

/** Bytes of a stream in pieces of the sizes that are asked for. */
function createPieces(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)

  async function fill(): Promise<boolean> {
    if (rest.byteLength > 0) return true
    const next = await iterator.next()
    if (next.done === true) return false
    rest = next.value
    return rest.byteLength > 0 || fill()
  }

  /** At most so many bytes; null at the end. */
  async function some(most: number): Promise<Uint8Array | null> {
    if (!(await fill())) return null
    const piece = rest.subarray(0, most)
    rest = rest.subarray(piece.byteLength)
    return piece
  }

  return {
    some,
    async exactly(sizeBytes: number): Promise<Buffer> {
      const pieces: Uint8Array[] = []
      for (let left = sizeBytes; left > 0; ) {
        const piece = await some(left)
        if (piece === null) throw invalidBackup('it is cut off')
        pieces.push(piece)
        left -= piece.byteLength
      }
      return Buffer.concat(pieces)
    },
    close: async () => void (await iterator.return?.()),
  }
}

/**
 * The files of an archive in their order; the content of each must be read before the next is asked for.
 * Throws BACKUP_INVALID for whatever `archiveFile` does not write.
 */
export async function* readArchive(source: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveFile> {
  const pieces = createPieces(source)
  const seen = new Set<string>()
  try {
    for (;;) {
      const block = await pieces.exactly(BLOCK_BYTES)
      const header = readHeader(block)
      if (header.nullBlock) break
      const { path = '', size: sizeBytes = -1, mode = 0, type } = header
      if (!header.cksumValid) throw invalidBackup('a header is damaged')
      if (type !== 'File') throw invalidBackup('it has something that is no ordinary file')
      if (!isCleanPath(path)) throw invalidBackup('it has a file outside the data directory')
      if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw invalidBackup('a size is no number')
      if (seen.has(path.toLowerCase())) throw invalidBackup('it has a file twice')
      if (seen.size >= MAX_ENTRIES) throw invalidBackup('it has too many files')
      seen.add(path.toLowerCase())
      let left = sizeBytes
      yield {
        ...{ path, sizeBytes, mode: mode & 0o777 },
        content: (async function* () {
          while (left > 0) {
            const piece = await pieces.some(left)
            if (piece === null) throw invalidBackup('it is cut off')
            left -= piece.byteLength
            yield piece
          }
        })(),
      }
      if (left > 0) throw invalidBackup('a file of it was not read')
      await pieces.exactly(paddingOf(sizeBytes))
    }
    if ((await pieces.exactly(BLOCK_BYTES)).some((byte) => byte !== 0))
      throw invalidBackup('its end is damaged')
    if ((await pieces.some(1)) !== null) throw invalidBackup('something follows its end')
  } finally {
    await pieces.close()
  }
}
