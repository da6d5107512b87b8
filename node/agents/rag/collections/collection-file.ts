/** `collection.json`, by which a directory is a collection: written last when one is made, replaced as a whole. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { toVillageError, VillageError } from '../../../errors.ts'
import { isJsonObject, type JsonValue } from '../../../json.ts'
import { replaceDurably } from '../index/durable-files.ts'
import {
  COLLECTION_ACCESS,
  type CollectionAccess,
  checkCollectionName,
  collectionId,
  DEFAULT_SETTINGS,
  isCandidates,
  isCollectionId,
  type StoredCollection,
  type WatchedRoot,
} from './collection.ts'
import type { IndexedRoot } from './roots.ts'

export const COLLECTION_FILE = 'collection.json'
const VERSION = 1
const MAX_FILE_BYTES = 2 ** 20

const isText = (value: unknown): value is string => typeof value === 'string'
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value)
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText)
const isNumber = (value: unknown): value is number => Number.isFinite(value)
const isObjects = (value: unknown): value is Record<string, unknown>[] =>
  Array.isArray(value) && value.every(isJsonObject)

const isRoot = ({ path: at, prefix }: Record<string, unknown>) => isText(at) && isText(prefix)
const isWatched = ({ path: at, include, exclude, language }: Record<string, unknown>) =>
  isText(at) && isTexts(include) && isTexts(exclude) && isTextOrNull(language)
const watchedOf = ({ path: at, include, exclude, language }: Record<string, unknown>) =>
  ({ path: at, include, exclude, language }) as WatchedRoot

/** Null for what is no collection of this version. */
export function parseCollection(value: JsonValue): StoredCollection | null {
  if (!isJsonObject(value)) return null
  const { version, id, name, owner, encoder, segmentChunks, createdAtMs, documentBase } = value
  const { languages, roots, watched, unfinished } = value
  const { access, replicas, keepsCopy, weight } = value
  // Files of earlier versions have neither; one of the two alone is damage.
  const isEarlier = !Object.hasOwn(value, 'feedback') && !Object.hasOwn(value, 'candidates')
  const { feedback, candidates } = isEarlier ? DEFAULT_SETTINGS : value
  if (version !== VERSION || !isText(id) || !isText(name) || !isText(owner)) return null
  if (!isText(documentBase) || !isCollectionId(documentBase)) return null
  if (!isCollectionId(id) || id !== collectionId(owner, name)) return null
  if (!isTextOrNull(encoder) || !isNumber(segmentChunks) || !isNumber(createdAtMs)) return null
  if (!isTexts(languages) || !isObjects(roots) || !roots.every(isRoot)) return null
  if (!isObjects(watched) || !watched.every(isWatched)) return null
  if (!isObjects(unfinished) || !unfinished.every(isWatched)) return null
  if (!COLLECTION_ACCESS.some((one) => one === access) || !isNumber(replicas)) return null
  if (typeof keepsCopy !== 'boolean' || !isNumber(weight)) return null
  if (typeof feedback !== 'boolean' || !isCandidates(candidates)) return null
  return {
    ...{ version, id, name, owner, encoder, segmentChunks, createdAtMs, documentBase, languages },
    ...{ access: access as CollectionAccess, replicas, keepsCopy, weight, feedback, candidates },
    roots: roots.map(({ path: at, prefix }) => ({ path: at, prefix }) as IndexedRoot),
    watched: watched.map(watchedOf),
    unfinished: unfinished.map(watchedOf),
  }
}

/** Null where the directory has none. Throws COLLECTION_CORRUPT. */
export function readCollection(directory: string): StoredCollection | null {
  const file = path.join(directory, COLLECTION_FILE)
  let text: Buffer
  try {
    text = readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw toVillageError(error)
  }
  try {
    if (text.length > MAX_FILE_BYTES) throw new Error('it is too large')
    const collection = parseCollection(JSON.parse(text.toString('utf8')) as JsonValue)
    if (collection === null) throw new Error('a field is missing or wrong')
    return collection
  } catch (error) {
    throw new VillageError('COLLECTION_CORRUPT', `${file} cannot be used`, {
      cause: error,
      fields: { file },
    })
  }
}

/** Of one that cannot be read; null where not even this can be made out. */
export function readCollectionName(directory: string): string | null {
  try {
    const text = readFileSync(path.join(directory, COLLECTION_FILE), 'utf8')
    const value = JSON.parse(text) as JsonValue
    return isJsonObject(value) && isText(value.name) ? checkCollectionName(value.name) : null
  } catch {
    return null
  }
}

/** Durable when it returns. Throws DISK_FULL, DATA_DIR_READ_ONLY. */
export function writeCollection(directory: string, collection: StoredCollection): void {
  replaceDurably(
    path.join(directory, COLLECTION_FILE),
    Buffer.from(`${JSON.stringify(collection, null, 2)}\n`),
  )
}
