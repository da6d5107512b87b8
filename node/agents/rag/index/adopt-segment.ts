/** Takes a segment that was made elsewhere into the directory of an index: what a holder of replicas and an import do. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs'
import path from 'node:path'
import { toVillageError, VillageError } from '../../../errors.ts'
import { HEADER_FILE, SEGMENT_FILES } from '../segment/segment-format.ts'
import { verifySegment } from '../segment/verify-segment.ts'
import { UNFINISHED_PREFIX } from '../segment/write-segment.ts'
import { makeDirectory, syncDirectory } from './durable-files.ts'
import type { ManifestSegment } from './manifest.ts'

/** Over the border of a file system too. */
function moveFile(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    copyFileSync(from, to)
    rmSync(from)
  }
  const fd = openSync(to, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** What a segment consists of and nothing else: a directory from elsewhere may hold links and files of any name. */
function moveFiles(source: string, target: string): void {
  makeDirectory(target)
  for (const name of [HEADER_FILE, ...SEGMENT_FILES]) {
    const file = path.join(source, name)
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === true) moveFile(file, path.join(target, name))
  }
  syncDirectory(target)
}

/** Puts the files of a whole segment into `<directory>/<id>`, which may have those of its records already. */
export function fillSegment(directory: string, source: string, id: string): void {
  const target = path.join(directory, id)
  if (!existsSync(target)) renameSync(source, target)
  else {
    moveFiles(source, target)
    rmSync(source, { recursive: true, force: true })
  }
  syncDirectory(directory)
}

/**
 * Checks every hash of the segment directory `sourcePath` (named as it likes) and gives its row of the manifest, without deletions; the
 * segment is at `<directory>/<id>` then, and the manifest itself is not touched. `sourcePath` is gone in any case. Throws
 * SEGMENT_CORRUPT (also where its id is not `expectedId`), SEGMENT_VERSION_UNSUPPORTED, DISK_FULL, DATA_DIR_READ_ONLY.
 */
export function adoptSegment(directory: string, sourcePath: string, expectedId: string): ManifestSegment {
  if (!/^[0-9a-f]{64}$/.test(expectedId))
    throw new VillageError('INVALID_ARGUMENT', 'The id of a segment is 64 hexadecimal digits.')
  const staging = path.join(directory, `${UNFINISHED_PREFIX}${expectedId}`)
  try {
    rmSync(staging, { recursive: true, force: true })
    moveFiles(sourcePath, path.join(staging, expectedId))
    const header = verifySegment(staging, expectedId)
    const { chunks, documents, totalLength, files } = header
    const headerBytes = lstatSync(path.join(staging, expectedId, HEADER_FILE)).size
    const sizeBytes = Object.values(files).reduce((sum, file) => sum + file.sizeBytes, headerBytes)
    fillSegment(directory, path.join(staging, expectedId), expectedId)
    return {
      id: expectedId,
      chunks,
      documents,
      totalLength,
      sizeBytes,
      deletedChunks: 0,
      deletedDocuments: 0,
      tombstones: null,
      isAway: false,
    }
  } catch (error) {
    throw toVillageError(error)
  } finally {
    rmSync(staging, { recursive: true, force: true })
    rmSync(sourcePath, { recursive: true, force: true })
  }
}
