/** Takes in a collection from one file, which anybody may have made: nothing of it is shown before all of it is checked. */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { toVillageError } from '../../../errors.ts'
import { ANALYZER_VERSION } from '../analysis/analyzer.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest, ManifestSegment } from '../index/manifest.ts'
import { readHeader } from '../segment/read-header.ts'
import {
  type ArchiveFile,
  type ArchiveHeader,
  archiveInvalid,
  BLOCK_BYTES,
  decodeEntry,
  decodeHeader,
  entryName,
  HEADER_NAME,
  MAX_HEADER_BYTES,
  paddedBytes,
} from './archive-format.ts'
import { type ArchiveReader, createArchiveReader } from './archive-reader.ts'

export const STAGING_PREFIX = '.import-'

/** An archive whose bytes all have the hashes that its header names, unpacked. */
export interface UnpackedArchive {
  readonly header: ArchiveHeader
  /** Has a directory by segment. */
  readonly directory: string
  remove(): Promise<void>
}

async function padding(reader: ArchiveReader, sizeBytes: number): Promise<void> {
  const rest = await reader.take(paddedBytes(sizeBytes) - sizeBytes)
  if (rest.some((byte) => byte !== 0)) throw archiveInvalid('an entry is malformed')
}

async function readHeaderEntry(reader: ArchiveReader): Promise<ArchiveHeader> {
  let entry: ReturnType<typeof decodeEntry>
  try {
    entry = decodeEntry(await reader.take(BLOCK_BYTES))
  } catch (error) {
    if (toVillageError(error).code !== 'COLLECTION_ARCHIVE_INVALID') throw error
    throw archiveInvalid('it is no archive of a collection', error)
  }
  const { name, sizeBytes } = entry
  if (name !== HEADER_NAME || sizeBytes > MAX_HEADER_BYTES)
    throw archiveInvalid('it is no archive of a collection')
  const header = decodeHeader(await reader.take(sizeBytes))
  await padding(reader, sizeBytes)
  return header
}

async function unpackFile(
  reader: ArchiveReader,
  segment: string,
  file: ArchiveFile,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const entry = decodeEntry(await reader.take(BLOCK_BYTES))
  if (entry.name !== entryName(segment, file.name) || entry.sizeBytes !== file.sizeBytes)
    throw archiveInvalid('it holds something else than its header says')
  const hash = createHash('sha256')
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const piece of reader.pieces(file.sizeBytes)) {
      hash.update(piece)
      yield piece
    }
  }
  await pipeline(Readable.from(hashed()), createWriteStream(target, { mode: 0o600, flags: 'wx' }), { signal })
  if (hash.digest('hex') !== file.sha256) throw archiveInvalid(`${file.name} of a segment is damaged`)
  await padding(reader, file.sizeBytes)
}

/** Throws COLLECTION_ARCHIVE_INVALID, DISK_FULL and the signal's reason, with nothing left behind. */
export async function unpackArchive(
  content: AsyncIterable<Uint8Array>,
  init: { readonly parent: string; readonly signal: AbortSignal },
): Promise<UnpackedArchive> {
  const { parent, signal } = init
  const directory = await mkdtemp(path.join(parent, STAGING_PREFIX))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const reader = createArchiveReader(content)
    const header = await readHeaderEntry(reader)
    for (const { id, files } of header.segments) {
      await mkdir(path.join(directory, id), { mode: 0o700 })
      for (const file of files)
        await unpackFile(reader, id, file, path.join(directory, id, file.name), signal)
    }
    await reader.end()
    return { header, directory, remove }
  } catch (error) {
    await remove()
    throw toVillageError(error)
  }
}

/** Makes the index of an archive in a directory that is not there yet. Throws COLLECTION_ARCHIVE_INVALID and what the index throws. */
export async function adoptArchive(
  components: { index: Pick<IndexHost, 'create' | 'adopt' | 'writeManifest' | 'close'> },
  archive: UnpackedArchive,
  directory: string,
): Promise<Manifest> {
  const { index } = components
  const { header } = archive
  const settings = { maxSegmentChunks: header.segmentChunks, dims: header.dims }
  const empty = await index.create(directory, settings)
  const segments: ManifestSegment[] = []
  for (const { id } of header.segments) {
    try {
      segments.push(await index.adopt(directory, path.join(archive.directory, id), id))
      const { dims, analyzer } = readHeader(directory, id)
      if (dims !== header.dims) throw archiveInvalid('the vectors of a segment have another length')
      if (analyzer !== ANALYZER_VERSION) throw archiveInvalid('its words were made by another version')
    } catch (error) {
      const known = toVillageError(error)
      if (known.code === 'SEGMENT_CORRUPT') throw archiveInvalid('a segment is damaged', error)
      throw known
    }
  }
  const manifest = await index.writeManifest(directory, { ...empty, generation: 1, segments }, new Map())
  // It was written as a holder of replicas does; from now on it is written to.
  await index.close(directory)
  return manifest
}
