/** Adds content from this node: bytes, streams, files and directories. */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import { buildFile, LEAF_BYTES, type PutBlock } from './build.ts'
import { cidOf, DAG_PB_CODEC } from './cids.ts'
import type { Library, Put } from './library.ts'
import { type Child, encodeDirectoryNode } from './nodes.ts'
import type { ArtifactInfo } from './records.ts'

export interface AddOptions {
  name?: string
  pin?: string
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

async function addTree(source: string, put: PutBlock, init: BuildInit, depth: number): Promise<Child> {
  init.signal?.throwIfAborted()
  const stats = await stat(source)
  if (stats.isFile())
    return buildFile(createReadStream(source, { highWaterMark: LEAF_BYTES }), { put, ...init })
  if (!stats.isDirectory())
    throw new VillageError('ARTIFACT_UNSUPPORTED_FILE', `${source} is neither a file nor a directory`)
  if (depth >= MAX_DEPTH)
    throw new VillageError(
      'ARTIFACT_UNSUPPORTED_FILE',
      `${source} is over ${MAX_DEPTH} directories deep; a link may lead in a circle`,
    )
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

const optionsOf = ({ name, pin }: AddOptions) => ({
  ...(name === undefined ? {} : { name }),
  ...(pin === undefined ? {} : { pin }),
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
 * A file or a whole directory tree; links are followed. Throws NOT_FOUND, ARTIFACT_UNSUPPORTED_FILE (sockets, names that are not
 * portable), DISK_FULL, ABORTED.
 */
export function addPath(
  library: Library,
  source: string,
  init: BuildInit,
  options: AddOptions,
): Promise<ArtifactInfo> {
  return library.adding(async (put) => {
    try {
      const { cid } = await addTree(source, blockWriter(put), init, 0)
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
