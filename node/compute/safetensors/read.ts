/** Reads a model of safetensors: one file, or shards with an index. Nothing but headers is in memory. */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import { dataTypeByCode, decodeElements } from '../onnx/data-types.ts'
import {
  floatTypeOf,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  malformed,
  parseHeader,
  type SafeTensor,
  type SafetensorsHeader,
} from './header.ts'

export const SAFETENSORS_FILE = 'model.safetensors'
const SAFETENSORS_INDEX_FILE = 'model.safetensors.index.json'

const MAX_INDEX_BYTES = 16 * 2 ** 20
const MAX_SHARDS = 1_000
/** A plain name of a file beside the index. */
export const SHARD_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.safetensors$/
const CHUNK_BYTES = 2 ** 20

/** One file of a model. */
export interface Shard {
  /** Beside the others. */
  readonly file: string
  readonly header: SafetensorsHeader
}

export interface SafetensorsModel extends Disposable {
  readonly shards: readonly Shard[]
  readonly sizeBytes: number
  /** In the order of shards and data. */
  readonly tensors: readonly SafeTensor[]
  /** Bytes of a tensor from `offset` on. */
  readBytes(tensor: SafeTensor, offset: number, target: Uint8Array): void
  /** Elements as float32; the tensor has to be F32, F16 or BF16. */
  readFloats(tensor: SafeTensor, start: number, count: number): Float32Array
}

interface OpenShard extends Shard {
  readonly fd: number
  readonly dataStart: number
  readonly sizeBytes: number
}

function readFully(fd: number, position: number, target: Uint8Array): void {
  for (let at = 0; at < target.length; ) {
    const read = readSync(fd, target, at, target.length - at, position + at)
    if (read === 0) throw malformed('it became shorter while it was read')
    at += read
  }
}

function openShard(directory: string, file: string): OpenShard {
  let fd: number
  try {
    // A link could lead to any file of this machine.
    fd = openSync(path.join(directory, file), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw malformed(`${file} is missing`)
    if (code === 'ELOOP') throw malformed(`${file} is a link; copy the model with what its links lead to`)
    throw error
  }
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile() || stats.size < LENGTH_BYTES) throw malformed(`${file} is no file or too short`)
    const length = new DataView(new ArrayBuffer(LENGTH_BYTES))
    readFully(fd, 0, new Uint8Array(length.buffer))
    const headerBytes = Number(length.getBigUint64(0, true))
    if (headerBytes > MAX_HEADER_BYTES || LENGTH_BYTES + headerBytes > stats.size)
      throw malformed(`${file} has a header that is too long`)
    const text = new Uint8Array(headerBytes)
    readFully(fd, LENGTH_BYTES, text)
    const dataStart = LENGTH_BYTES + headerBytes
    return { file, fd, dataStart, sizeBytes: stats.size, header: parseHeader(text, stats.size - dataStart) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Files of a model and the tensors that the index places in each; null where there is no index. */
function readIndex(directory: string): Map<string, string> | null {
  const file = path.join(directory, SAFETENSORS_INDEX_FILE)
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return null
  if (!stats.isFile() || stats.size > MAX_INDEX_BYTES) throw malformed('the index is no file or too long')
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    throw malformed('the index is not JSON')
  }
  if (!isJsonObject(json) || !isJsonObject(json.weight_map)) throw malformed('the index has no weight_map')
  const places = new Map<string, string>()
  for (const [name, shard] of Object.entries(json.weight_map)) {
    if (typeof shard !== 'string' || !SHARD_NAME.test(shard))
      throw malformed('the index names a file that it may not')
    places.set(name, shard)
  }
  return places
}

/** Files that make up the model in a directory; null where there is none. Throws MODEL_MALFORMED for a bad index. */
export function safetensorsFiles(directory: string): string[] | null {
  const places = readIndex(directory)
  if (places === null)
    return statSync(path.join(directory, SAFETENSORS_FILE), { throwIfNoEntry: false })?.isFile() === true
      ? [SAFETENSORS_FILE]
      : null
  const files = [...new Set(places.values())].sort()
  if (files.length === 0 || files.length > MAX_SHARDS)
    throw malformed(`the index names ${files.length} files`)
  return files
}

/** Opens single files by name: what safetensorsFiles says, or a part of a packed model. Throws MODEL_MALFORMED. */
export function openShards(directory: string, files: readonly string[]): SafetensorsModel {
  const shards: OpenShard[] = []
  const close = () => {
    for (const { fd } of shards) closeSync(fd)
  }
  const shardOf = new Map<string, OpenShard>()
  try {
    for (const file of files) {
      const shard = openShard(directory, file)
      shards.push(shard)
      for (const { name } of shard.header.tensors) {
        if (shardOf.has(name)) throw malformed('a tensor is in two files')
        shardOf.set(name, shard)
      }
    }
  } catch (error) {
    close()
    throw error
  }

  function readBytes(tensor: SafeTensor, offset: number, target: Uint8Array): void {
    if (offset < 0 || offset + target.length > tensor.sizeBytes)
      throw new VillageError('INVALID_ARGUMENT', 'The byte range lies outside the tensor.')
    const shard = shardOf.get(tensor.name)!
    readFully(shard.fd, shard.dataStart + tensor.offset + offset, target)
  }

  return {
    shards,
    sizeBytes: shards.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    tensors: shards.flatMap(({ header }) => header.tensors),
    readBytes,
    readFloats(tensor, start, count) {
      const type = dataTypeByCode(floatTypeOf(tensor.dtype) ?? 0)
      if (type === undefined)
        throw new VillageError('MODEL_UNSUPPORTED', `A tensor of ${tensor.dtype} cannot be read as numbers`)
      const elementBytes = type.bits / 8
      const target = new Float32Array(count)
      const step = CHUNK_BYTES / elementBytes
      const buffer = new Uint8Array(Math.min(count, step) * elementBytes)
      for (let at = 0; at < count; at += step) {
        const bytes = buffer.subarray(0, Math.min(step, count - at) * elementBytes)
        readBytes(tensor, (start + at) * elementBytes, bytes)
        decodeElements(type, bytes, target, at)
      }
      return target
    },
    [Symbol.dispose]: close,
  }
}

/** Throws NOT_FOUND where the directory has no safetensors, MODEL_MALFORMED for those that are not valid. */
export function openSafetensors(directory: string): SafetensorsModel {
  const files = safetensorsFiles(directory)
  if (files === null) throw new VillageError('NOT_FOUND', 'There is no such model file.')
  const model = openShards(directory, files)
  const places = readIndex(directory)
  const isPlaced = ({ file, header }: Shard) =>
    header.tensors.every(({ name }) => places === null || places.get(name) === file)
  if (model.shards.every(isPlaced) && (places === null || places.size === model.tensors.length)) return model
  model[Symbol.dispose]()
  throw malformed('the index and the files do not agree')
}
