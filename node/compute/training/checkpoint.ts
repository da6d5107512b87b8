/**
 * Checkpoints of a training: one file with all that the next step depends on. Layout, little-endian:
 *
 *   4 bytes   "VTRN"
 *   u32       version, 1
 *   u32       length of the header
 *   header    JSON: what the loop knows, the run that it belongs to, and name and element counts of the tensors
 *   zeros     up to a multiple of 4
 *   float32   the tensors one after another: parameters, then their moments
 *   32 bytes  SHA-256 of everything before
 *
 * A file appears whole or not at all, and replaces the one before.
 */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { TrainerState } from './trainer.ts'

const MAGIC = 0x4e525456
const VERSION = 1
const HEAD_BYTES = 12
const HASH_BYTES = 32
const MAX_HEADER_BYTES = 64 * 2 ** 20
const CHUNK_BYTES = 4 * 2 ** 20

interface StoredTensor extends JsonObject {
  readonly name: string
  readonly elements: number
  /** Moments of the optimiser, each of as many elements. */
  readonly moments: number
}

function damaged(what: string): VillageError {
  return new VillageError('TRAIN_CHECKPOINT_INVALID', `The checkpoint is not valid: ${what}`)
}

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** `facts` are small and plain: they come back as they are. Without `moments` it can be read, but not be gone on from. */
export function writeCheckpoint(
  file: string,
  state: TrainerState,
  facts: JsonObject,
  init: { moments: boolean },
): void {
  const tensors = [...state.parameters].map(([name, values]): StoredTensor => {
    const moments = init.moments ? (state.moments.get(name)?.length ?? 0) : 0
    return { name, elements: values.length, moments }
  })
  const text = Buffer.from(JSON.stringify({ step: state.step, facts, tensors }))
  const head = Buffer.alloc(HEAD_BYTES + Math.ceil(text.length / 4) * 4)
  head.writeUInt32LE(MAGIC, 0)
  head.writeUInt32LE(VERSION, 4)
  head.writeUInt32LE(text.length, 8)
  text.copy(head, HEAD_BYTES)
  const temporary = `${file}.tmp`
  const hash = createHash('sha256')
  const fd = openSync(temporary, 'w')
  const put = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
  }
  const write = (bytes: Uint8Array): void => {
    hash.update(bytes)
    put(bytes)
  }
  try {
    try {
      write(head)
      for (const values of state.parameters.values()) write(bytesOf(values))
      for (const { name, moments } of tensors)
        for (const values of (state.moments.get(name) ?? []).slice(0, moments)) write(bytesOf(values))
      put(hash.digest())
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, file)
    syncDirectory(path.dirname(file))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** The new name is on the disk too. Windows cannot open directories, and needs no such call. */
function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Null where there is none. Throws TRAIN_CHECKPOINT_INVALID. */
export function readCheckpoint(file: string): { state: TrainerState; facts: JsonObject } | null {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    return parse(fd, fstatSync(fd).size)
  } finally {
    closeSync(fd)
  }
}

function parse(fd: number, sizeBytes: number): { state: TrainerState; facts: JsonObject } {
  const hash = createHash('sha256')
  let at = 0
  const take = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(fd, bytes, done, Math.min(CHUNK_BYTES, bytes.length - done), at)
      if (read === 0) throw damaged('it is too short')
      hash.update(bytes.subarray(done, done + read))
      done += read
      at += read
    }
  }
  const head = Buffer.alloc(HEAD_BYTES)
  take(head)
  if (head.readUInt32LE(0) !== MAGIC) throw damaged('it is no checkpoint')
  if (head.readUInt32LE(4) !== VERSION) throw damaged('it is of another version')
  const headerBytes = head.readUInt32LE(8)
  if (headerBytes > Math.min(MAX_HEADER_BYTES, sizeBytes)) throw damaged('its header is too long')
  const text = Buffer.alloc(Math.ceil(headerBytes / 4) * 4)
  take(text)
  const { step, facts, tensors } = parseHeader(text.subarray(0, headerBytes))
  const floats = tensors.reduce((sum, { elements, moments }) => sum + elements * (1 + moments), 0)
  if (at + floats * 4 + HASH_BYTES !== sizeBytes) throw damaged('its size is not that of its tensors')
  const read = (elements: number): Float32Array => {
    const values = new Float32Array(elements)
    take(bytesOf(values))
    return values
  }
  const parameters = new Map(tensors.map(({ name, elements }) => [name, read(elements)]))
  const moments = new Map(
    tensors.map(({ name, elements, moments: count }) => [
      name,
      Array.from({ length: count }, () => read(elements)),
    ]),
  )
  const expected = hash.digest()
  const stored = Buffer.alloc(HASH_BYTES)
  readSync(fd, stored, 0, HASH_BYTES, at)
  if (!stored.equals(expected)) throw damaged('its hash is another')
  return { state: { step, parameters, moments }, facts }
}

function parseHeader(text: Buffer): { step: number; facts: JsonObject; tensors: StoredTensor[] } {
  let json: unknown
  try {
    json = JSON.parse(text.toString('utf8'))
  } catch {
    throw damaged('its header is not JSON')
  }
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  const isTensor = (value: JsonValue): value is StoredTensor =>
    isJsonObject(value) &&
    typeof value.name === 'string' &&
    isCount(value.elements) &&
    isCount(value.moments) &&
    value.moments <= 2
  if (!isJsonObject(json as JsonValue)) throw damaged('its header is no object')
  const { step, facts, tensors } = json as JsonObject
  if (!isCount(step) || !isJsonObject(facts ?? null) || !Array.isArray(tensors) || !tensors.every(isTensor))
    throw damaged('its header lacks a field')
  return { step, facts: facts as JsonObject, tensors }
}
