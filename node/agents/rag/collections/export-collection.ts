/** Writes a collection as one file, of a moment: what is indexed meanwhile is not in it. */
import { createReadStream } from 'node:fs'
import { copyFile, link, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import { readHeader } from '../segment/read-header.ts'
import { HEADER_FILE, SEGMENT_FILES } from '../segment/segment-format.ts'
import {
  type ArchiveHeader,
  type ArchiveSegment,
  archiveBytes,
  BLOCK_BYTES,
  encodeEntry,
  encodeHeader,
  entryName,
  HEADER_NAME,
  paddedBytes,
} from './archive-format.ts'
import type { StoredCollection } from './collection.ts'

export interface ExportedCollection {
  /** Of the file. */
  readonly name: string
  readonly sizeBytes: number
  /** To be read once; ends what was kept for it when it ends or the signal aborts. */
  readonly content: AsyncIterable<Uint8Array>
}

export interface ExportInit {
  readonly collection: StoredCollection
  /** Of its index. */
  readonly directory: string
  /** Where a snapshot can be kept: on the same disk. */
  readonly snapshots: string
  readonly signal: AbortSignal
}

/** What begins so in the directory of snapshots is nobody's after a restart. */
export const SNAPSHOT_PREFIX = '.export-'

async function segmentOf(directory: string, id: string): Promise<ArchiveSegment> {
  const { files } = readHeader(directory, id)
  const { size } = await stat(path.join(directory, id, HEADER_FILE))
  return {
    id,
    files: [
      { name: HEADER_FILE, sizeBytes: size, sha256: id },
      ...SEGMENT_FILES.flatMap((name) => {
        const entry = files[name]
        return entry === undefined ? [] : [{ name, ...entry }]
      }),
    ],
  }
}

/** Links cost nothing, and a segment never changes; where the disk has none, they are copies. */
async function keep(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to))
}

async function snapshot(init: ExportInit, segments: readonly ArchiveSegment[]): Promise<string> {
  const kept = await mkdtemp(path.join(init.snapshots, SNAPSHOT_PREFIX))
  try {
    for (const { id, files } of segments) {
      await mkdir(path.join(kept, id))
      for (const { name } of files) await keep(path.join(init.directory, id, name), path.join(kept, id, name))
    }
    return kept
  } catch (error) {
    await rm(kept, { recursive: true, force: true })
    throw error
  }
}

async function* entry(name: string, sizeBytes: number, content: AsyncIterable<Uint8Array>) {
  yield encodeEntry(name, sizeBytes)
  yield* content
  const padding = paddedBytes(sizeBytes) - sizeBytes
  if (padding > 0) yield Buffer.alloc(padding)
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function* archive(
  header: ArchiveHeader,
  kept: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    const bytes = encodeHeader(header)
    yield* entry(HEADER_NAME, bytes.byteLength, one(bytes))
    for (const { id, files } of header.segments)
      for (const { name, sizeBytes } of files)
        yield* entry(entryName(id, name), sizeBytes, createReadStream(path.join(kept, id, name), { signal }))
    yield Buffer.alloc(2 * BLOCK_BYTES)
  } finally {
    await rm(kept, { recursive: true, force: true })
  }
}

/**
 * Nothing else may change the collection until this resolves; the content can be read afterwards. What was deleted is not in it.
 * Throws COLLECTION_SPREAD.
 */
export async function exportCollection(
  components: { index: Pick<IndexHost, 'compact'>; onCompacted: (manifest: Manifest) => void },
  init: ExportInit,
): Promise<ExportedCollection> {
  const { collection, directory, signal } = init
  const manifest = await components.index.compact(directory)
  components.onCompacted(manifest)
  if (manifest.segments.some(({ isAway }) => isAway))
    throw new VillageError('COLLECTION_SPREAD', undefined, { fields: { collection: collection.name } })
  const segments: ArchiveSegment[] = []
  for (const { id } of manifest.segments) segments.push(await segmentOf(directory, id))
  const { name, encoder, segmentChunks, languages, weight, documentBase } = collection
  const header: ArchiveHeader = {
    ...{ format: 'village-collection', version: 1, name, encoder, dims: manifest.settings.dims },
    ...{ segmentChunks, languages, weight, documentBase, segments },
  }
  signal.throwIfAborted()
  const kept = await snapshot(init, segments)
  // Content that nobody begins to read would keep the snapshot. What cannot be removed now, the next start clears.
  signal.addEventListener(
    'abort',
    () => void rm(kept, { recursive: true, force: true }).catch(() => undefined),
    {
      once: true,
    },
  )
  return {
    name: `${name}.collection.tar`,
    sizeBytes: archiveBytes(header),
    content: archive(header, kept, signal),
  }
}
