/** Reading artifacts that are on this node: whole, by range, as a stream, and by path inside a directory. */
import { VillageError } from '../../errors.ts'
import type { BlockStore } from './blocks.ts'
import { parseArtifactPath } from './cids.ts'
import type { Holds } from './holds.ts'
import type { Library } from './library.ts'
import type { ManifestFile, Part } from './manifest.ts'
import { decodeNode, invalidManifest } from './nodes.ts'

export interface ReadComponents {
  blocks: BlockStore
  library: Library
  holds: Holds
}

/** The most that read() returns at once; larger content has to be streamed. */
const MAX_READ_BYTES = 2 ** 31 - 1

export async function readPart(blocks: BlockStore, part: Part): Promise<Uint8Array> {
  const bytes = await blocks.get(part.key)
  if (!part.inline) return bytes
  const node = decodeNode(bytes)
  if (node.type !== 'inline') throw invalidManifest('a leaf turned out to be a node')
  return node.data
}

async function findFile(
  components: ReadComponents,
  reference: string,
): Promise<{ file: ManifestFile; root: string }> {
  const { cid, path } = parseArtifactPath(reference)
  const manifest = await components.library.complete(cid)
  const file = manifest.files.find((candidate) => candidate.path === path)
  if (file === undefined)
    throw new VillageError(
      'NOT_FOUND',
      path === ''
        ? `${cid} is a directory; name a file in it`
        : `There is no file ${JSON.stringify(path)} in ${cid}`,
    )
  return { file, root: cid.toString() }
}

/** The stretch of each part that lies within [offset, offset + length). */
function* overlaps(
  file: ManifestFile,
  offset: number,
  length: number,
): Generator<{ part: Part; from: number; to: number }> {
  let position = 0
  for (const part of file.parts) {
    const sizeBytes = part.sizeBytes ?? file.sizeBytes
    const from = Math.max(0, offset - position)
    const to = Math.min(sizeBytes, offset + length - position)
    if (from < to) yield { part, from, to }
    position += sizeBytes
    if (position >= offset + length) return
  }
}

function checkRange(range: { offset: number; length: number }): void {
  for (const [name, value] of Object.entries(range))
    if (!Number.isSafeInteger(value) || value < 0)
      throw new VillageError('INVALID_ARGUMENT', `The ${name} of a range must be a whole number of bytes`)
}

/**
 * Bytes of a file; a range past its end is cut there.
 * Throws ARTIFACT_MISSING, NOT_FOUND (no such path), ARTIFACT_TOO_LARGE (over 2 GiB at once), ARTIFACT_CORRUPT.
 */
export async function readRange(
  components: ReadComponents,
  reference: string,
  range?: { offset: number; length: number },
): Promise<Uint8Array> {
  if (range !== undefined) checkRange(range)
  const { file, root } = await findFile(components, reference)
  const offset = Math.min(range?.offset ?? 0, file.sizeBytes)
  const length = Math.min(range?.length ?? file.sizeBytes, file.sizeBytes - offset)
  if (length > MAX_READ_BYTES)
    throw new VillageError('ARTIFACT_TOO_LARGE', `${length} bytes are too many to read at once; stream them`)
  const release = components.holds.root(root)
  try {
    const out = Buffer.alloc(length)
    let filled = 0
    for (const { part, from, to } of overlaps(file, offset, length)) {
      out.set((await readPart(components.blocks, part)).subarray(from, to), filled)
      filled += to - from
    }
    return out
  } finally {
    release()
  }
}

/** The bytes of a file, block by block, with the next block read ahead. */
export async function* streamFile(
  components: ReadComponents,
  reference: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { file, root } = await findFile(components, reference)
  const release = components.holds.root(root)
  let ahead: Promise<Uint8Array> | undefined
  const start = (part: Part | undefined) => {
    const reading = part === undefined ? undefined : readPart(components.blocks, part)
    reading?.catch(() => {
      // Thrown when it is awaited; a consumer that stops early never does.
    })
    return reading
  }
  try {
    ahead = start(file.parts[0])
    for (let index = 0; ahead !== undefined; index++) {
      const bytes = await ahead
      signal?.throwIfAborted()
      ahead = start(file.parts[index + 1])
      if (bytes.byteLength > 0) yield bytes
    }
  } finally {
    await ahead?.catch(() => {
      // As above.
    })
    release()
  }
}
