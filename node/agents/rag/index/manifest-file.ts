/**
 * The file `manifest.json` of an index: two lines, the manifest as canonical JSON and the SHA-256 of that line. It is the one file
 * of an index that is ever replaced, and what it names is on the disk before it is.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { toVillageError, VillageError } from '../../../errors.ts'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../../../json.ts'
import { makeDirectory, replaceDurably } from './durable-files.ts'
import type { IndexSettings, Manifest, ManifestSegment } from './manifest.ts'

export const MANIFEST_FILE = 'manifest.json'
export const MANIFEST_VERSION = 1
/** Of a segment's id, of a hash. */
const HEX_64 = /^[0-9a-f]{64}$/
const TOMBSTONES_NAME = /^[0-9a-f]{64}\.tombstones$/
const MAX_MANIFEST_BYTES = 64 * 2 ** 20
/** As of a segment. */
export const MAX_DIMS = 4096

const corrupt = (directory: string, what: string) =>
  new VillageError('INDEX_CORRUPT', `The manifest of an index is not valid: ${what}.`, {
    fields: { directory, file: MANIFEST_FILE },
  })

const isCount = (value: JsonValue | undefined): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

function settingsOf(value: JsonValue | undefined): IndexSettings | null {
  if (!isJsonObject(value)) return null
  const { maxSegmentChunks, dims } = value
  if (!isCount(maxSegmentChunks) || maxSegmentChunks === 0) return null
  if (dims !== null && !(isCount(dims) && dims >= 1 && dims <= MAX_DIMS)) return null
  return { maxSegmentChunks, dims }
}

function segmentOf(value: JsonValue): ManifestSegment | null {
  if (!isJsonObject(value)) return null
  const {
    id,
    chunks,
    documents,
    totalLength,
    sizeBytes,
    deletedChunks,
    deletedDocuments,
    tombstones,
    isAway,
  } = value
  if (typeof id !== 'string' || !HEX_64.test(id)) return null
  if (!isCount(chunks) || !isCount(documents) || !isCount(totalLength) || !isCount(sizeBytes)) return null
  if (!isCount(deletedChunks) || deletedChunks > chunks || typeof isAway !== 'boolean') return null
  if (!isCount(deletedDocuments) || deletedDocuments > documents) return null
  if (tombstones !== null && !(typeof tombstones === 'string' && TOMBSTONES_NAME.test(tombstones)))
    return null
  return {
    id,
    chunks,
    documents,
    totalLength,
    sizeBytes,
    deletedChunks,
    deletedDocuments,
    tombstones,
    isAway,
  }
}

/** A manifest from JSON; `directory` only names it in errors. Throws INDEX_CORRUPT, INDEX_VERSION_UNSUPPORTED. */
export function checkManifest(directory: string, value: JsonValue): Manifest {
  if (!isJsonObject(value)) throw corrupt(directory, 'it is not an object')
  const { version, generation, segments } = value
  if (isCount(version) && version > MANIFEST_VERSION)
    throw new VillageError('INDEX_VERSION_UNSUPPORTED', undefined, { fields: { directory, version } })
  if (version !== MANIFEST_VERSION || !isCount(generation)) throw corrupt(directory, 'version or generation')
  const settings = settingsOf(value.settings)
  if (settings === null) throw corrupt(directory, 'its settings')
  if (!Array.isArray(segments)) throw corrupt(directory, 'its segments')
  const checked = (segments as readonly JsonValue[]).map((one) => {
    const segment = segmentOf(one)
    if (segment === null) throw corrupt(directory, 'a segment')
    return segment
  })
  if (new Set(checked.map((segment) => segment.id)).size !== checked.length)
    throw corrupt(directory, 'a segment is named twice')
  return { version: MANIFEST_VERSION, generation, settings, segments: checked }
}

export function encodeManifest(manifest: Manifest): Buffer {
  const { version, generation, settings, segments } = manifest
  const plain: JsonObject = {
    version,
    generation,
    settings: { ...settings },
    segments: segments.map((one) => ({ ...one })),
  }
  const line = canonicalJson(plain)
  return Buffer.from(`${line}\n${createHash('sha256').update(line).digest('hex')}\n`)
}

/** Throws INDEX_CORRUPT, INDEX_VERSION_UNSUPPORTED. */
export function decodeManifest(directory: string, bytes: Buffer): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw corrupt(directory, 'its size')
  const [line, hash, rest, ...more] = bytes.toString('utf8').split('\n')
  if (line === undefined || rest !== '' || more.length > 0) throw corrupt(directory, 'it is cut short')
  if (createHash('sha256').update(line).digest('hex') !== hash) throw corrupt(directory, 'its hash')
  let value: JsonValue
  try {
    value = JSON.parse(line) as JsonValue
  } catch (error) {
    throw new VillageError('INDEX_CORRUPT', 'The manifest of an index is not JSON.', {
      cause: error,
      fields: { directory },
    })
  }
  return checkManifest(directory, value)
}

/** Throws INDEX_MISSING, INDEX_CORRUPT, INDEX_VERSION_UNSUPPORTED. */
export function readManifest(directory: string): Manifest {
  let bytes: Buffer
  try {
    bytes = readFileSync(path.join(directory, MANIFEST_FILE))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new VillageError('INDEX_MISSING', undefined, { cause: error, fields: { directory } })
    throw toVillageError(error)
  }
  return decodeManifest(directory, bytes)
}

/**
 * Replaces the manifest of a directory whose segments are there (adoptSegment) and that no writer has open: what a holder of replicas
 * uses. Durable when it returns. Throws DISK_FULL, DATA_DIR_READ_ONLY.
 */
export function writeManifest(directory: string, manifest: Manifest): void {
  makeDirectory(directory)
  replaceDurably(path.join(directory, MANIFEST_FILE), encodeManifest(manifest))
}

/** Makes the directory with an empty manifest. Throws INVALID_ARGUMENT, INDEX_EXISTS, DISK_FULL, DATA_DIR_READ_ONLY. */
export function createIndex(directory: string, settings: IndexSettings): Manifest {
  const checked = settingsOf({ ...settings })
  if (checked === null) throw new VillageError('INVALID_ARGUMENT', 'The settings of an index are not valid.')
  const manifest: Manifest = { version: MANIFEST_VERSION, generation: 0, settings: checked, segments: [] }
  try {
    readManifest(directory)
  } catch (error) {
    if (!(error instanceof VillageError) || error.code !== 'INDEX_MISSING') throw error
    writeManifest(directory, manifest)
    return manifest
  }
  throw new VillageError('INDEX_EXISTS', undefined, { fields: { directory } })
}
