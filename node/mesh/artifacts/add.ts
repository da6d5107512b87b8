/** Adds content from this node: bytes, streams, files and directories. */
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, realpath } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import { buildFile, buildTree, LEAVES_IN_FLIGHT, type PutBlock } from './build.ts'
import { cidOf, DAG_PB_CODEC } from './cids.ts'
import type { Library, Put } from './library.ts'
import { type Child, encodeDirectoryNode } from './nodes.ts'
import type { ArtifactInfo } from './records.ts'

export interface AddOptions {
  name?: string
  pin?: string
  /** Announced and served to nobody, unless it is shared or lent; without effect on what is pinned in public already. */
  private?: boolean
  signal?: AbortSignal
}

interface BuildInit {
  leafBytes: number
  signal?: AbortSignal
}

const blockWriter =
  (put: Put): PutBlock =>
  async (codec, bytes) =>
    cidOf(codec, (await put(bytes)).digest)

const MAX_DEPTH = 32

function unsupported(source: string, reason: string, cause?: unknown): VillageError {
  return new VillageError('ARTIFACT_UNSUPPORTED_FILE', `${source} ${reason}`, { cause })
}

/**
 * Opens a file without following a link. A directory above it may have become a link since it was looked at: what was opened has
 * to be what lies at the path itself, link by link.
 */
async function openInside(source: string): Promise<FileHandle> {
  // Without O_NONBLOCK a pipe that has taken the place of the file would wait for a writer.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
  const handle = await open(source, flags).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ELOOP' ? unsupported(source, 'is a link', error) : error
  })
  try {
    const opened = await handle.stat({ bigint: true })
    const there = await lstat(source, { bigint: true })
    const isSame = opened.ino === there.ino && opened.dev === there.dev
    if (!opened.isFile() || !isSame || (await realpath(source)) !== source)
      throw unsupported(source, 'was replaced while it was read')
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * The leaves of a file, in a few buffers that are used in turn: a buffer for each would make the collector of garbage run
 * for every few megabytes. A leaf is good until LEAVES_IN_FLIGHT - 1 more were asked for; buildTree() has stored it by then.
 */
export async function* leavesOf(
  handle: Pick<FileHandle, 'stat' | 'read'>,
  leafBytes: number,
): AsyncGenerator<Uint8Array> {
  // Of a small file no more than it needs, and the byte that shows its end.
  const firstBytes = Math.min(leafBytes, (await handle.stat()).size + 1)
  const buffers: Buffer[] = []
  for (let count = 0, position = 0; ; count++) {
    const turn = count % LEAVES_IN_FLIGHT
    buffers[turn] ??= Buffer.allocUnsafeSlow(count === 0 ? firstBytes : leafBytes)
    let filled = 0
    while (filled < leafBytes) {
      const buffer = buffers[turn]
      const { bytesRead } = await handle.read(buffer, filled, buffer.byteLength - filled, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
      // It has grown since.
      if (filled === buffer.byteLength && filled < leafBytes)
        buffers[turn] = Buffer.concat([buffer], leafBytes)
    }
    position += filled
    if (filled > 0 || count === 0) yield buffers[turn].subarray(0, filled)
    if (filled < leafBytes) return
  }
}

/** `source` is a real path. */
async function addTree(source: string, put: PutBlock, init: BuildInit, depth: number): Promise<Child> {
  init.signal?.throwIfAborted()
  const stats = await lstat(source)
  if (stats.isSymbolicLink()) throw unsupported(source, 'is a link')
  if (stats.isFile()) {
    const handle = await openInside(source)
    try {
      const { leafBytes, ...tree } = init
      return await buildTree(leavesOf(handle, leafBytes), { put, ...tree })
    } finally {
      await handle.close()
    }
  }
  if (!stats.isDirectory()) throw unsupported(source, 'is neither a file nor a directory')
  if (depth >= MAX_DEPTH) throw unsupported(source, `is over ${MAX_DEPTH} directories deep`)
  const entries: (Child & { name: string })[] = []
  for (const name of (await readdir(source)).sort())
    entries.push({ name, ...(await addTree(path.join(source, name), put, init, depth + 1)) })
  const bytes = encodeDirectoryNode(entries)
  return {
    cid: await put(DAG_PB_CODEC, bytes),
    contentBytes: entries.reduce((sum, entry) => sum + entry.contentBytes, 0),
    dagBytes: entries.reduce((sum, entry) => sum + entry.dagBytes, bytes.byteLength),
  }
}

const optionsOf = ({ name, pin, private: isPrivate }: AddOptions) => ({
  ...(name === undefined ? {} : { name }),
  ...(pin === undefined ? {} : { pin }),
  ...(isPrivate === undefined ? {} : { private: isPrivate }),
})

/** Throws DISK_FULL, ABORTED and what the source throws; then nothing of it stays. */
export function addStream(
  library: Library,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  init: BuildInit,
  options: AddOptions,
): Promise<ArtifactInfo> {
  return library.adding(async (put) => {
    const { cid } = await buildFile(source, { put: blockWriter(put), ...init })
    return library.record(await library.manifest(cid), optionsOf(options))
  })
}

/**
 * A file or a whole directory tree. `source` itself may be a link; one inside the tree could take along what nobody meant to
 * share, and is refused. Throws NOT_FOUND, ARTIFACT_UNSUPPORTED_FILE (links, sockets, names that are not portable), DISK_FULL,
 * ABORTED.
 */
export function addPath(
  library: Library,
  source: string,
  init: BuildInit,
  options: AddOptions,
): Promise<ArtifactInfo> {
  return library.adding(async (put) => {
    try {
      const { cid } = await addTree(await realpath(source), blockWriter(put), init, 0)
      return await library.record(await library.manifest(cid), {
        name: path.basename(path.resolve(source)),
        ...optionsOf(options),
      })
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'ENOENT') throw new VillageError('NOT_FOUND', `${source} does not exist`, { cause: error })
      if (code === 'EACCES')
        throw new VillageError('ARTIFACT_UNSUPPORTED_FILE', `${source} may not be read`, { cause: error })
      throw toVillageError(error)
    }
  })
}
