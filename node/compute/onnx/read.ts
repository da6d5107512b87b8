import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { VillageError } from '../../errors.ts'
import { decodeElements, FLOAT32, isReadable } from './data-types.ts'
import { openExternalFile } from './external-data.ts'
import {
  type FieldRange,
  type GraphInfo,
  MODEL_FIELD,
  type OpsetImport,
  type TensorInfo,
  type TensorStorage,
} from './model.ts'
import { parseGraph, parseNode } from './parse-graph.ts'
import { createExternalResolver, type ExternalResolver } from './parse-tensor.ts'
import { readTypedElements } from './typed-data.ts'
import {
  type ByteRange,
  DEFAULT_WIRE_LIMITS,
  WIRE_BYTES,
  WIRE_VARINT,
  WireCursor,
  type WireLimits,
} from './wire.ts'

const CHUNK_BYTES = 1024 * 1024

/** A stretch of a tensor's elements in row-major order; the default is all of them. */
export interface ElementRange {
  readonly start?: number
  readonly count?: number
}

/**
 * An ONNX file (ModelProto of onnx.proto) that is open for reading. Only its structure is in memory: names,
 * dims, attributes and byte ranges. Close it after use (`using model = openModel(path)` does).
 */
export interface OnnxModel extends Disposable {
  readonly path: string
  readonly sizeBytes: number
  readonly irVersion: number
  readonly opsets: readonly OpsetImport[]
  readonly graph: GraphInfo
  readonly fields: readonly FieldRange[]
  /** External data files that tensors use. */
  readonly externalFiles: readonly string[]
  /** Tensors with external data, wherever they are: initializers, attributes, subgraphs, functions. */
  readonly externalTensors: number
  /**
   * Elements as float32. Types that float32 cannot hold exactly (int64 above 2^24) are rounded. `into`, of the length of the
   * range, is filled and returned instead of a new array: whoever reads many small ranges leaves no garbage.
   */
  readTensor(tensor: TensorInfo, range?: ElementRange, into?: Float32Array): Float32Array
  /** Bytes of raw storage from `offset` within the tensor; MODEL_UNSUPPORTED for typed storage. */
  readBytes(tensor: TensorInfo, offset: number, target: Uint8Array): void
  /** Bytes of the model file itself. */
  readFile(range: ByteRange, target: Uint8Array): void
  close(): void
}

/**
 * Opens an ONNX file without loading tensor data, in memory bounded by `limits` whatever the file says.
 * The calls are synchronous (a few reads of 64 KiB for the structure): use it in worker threads, or for small
 * models. Throws NOT_FOUND, MODEL_MALFORMED for bytes that are not a ModelProto, MODEL_EXTERNAL_DATA_INVALID
 * for external data that is missing, short, or outside the model's directory.
 */
export function openModel(path: string, limits: WireLimits = DEFAULT_WIRE_LIMITS): OnnxModel {
  const fd = openFile(path)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new VillageError('MODEL_MALFORMED', 'The ONNX file is not a plain file.')
    return createModel(path, fd, new WireCursor(fd, stat.size, limits))
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new VillageError('NOT_FOUND', 'There is no such model file.', { cause: error })
  }
}

function createModel(path: string, fd: number, cursor: WireCursor): OnnxModel {
  const externalFiles = new Set<string>()
  let externalTensors = 0
  const resolve = createExternalResolver(path)
  const parsed = parseModel(cursor, (tensor, location) => {
    const file = resolve(tensor, location)
    externalFiles.add(file.path)
    externalTensors++
    return file
  })
  const externalFds = new Map<string, number>()
  let closed = false

  function fdOf(file: string | null): number {
    if (closed) throw new VillageError('INVALID_ARGUMENT', 'The ONNX file was closed before it was read.')
    if (file === null) return fd
    const open = externalFds.get(file) ?? openExternalFile(file)
    externalFds.set(file, open)
    return open
  }

  function readRaw(
    storage: Extract<TensorStorage, { kind: 'raw' }>,
    offset: number,
    target: Uint8Array,
  ): void {
    if (offset < 0 || offset + target.length > storage.sizeBytes)
      throw new VillageError('INVALID_ARGUMENT', 'The byte range lies outside the tensor.')
    readFully(fdOf(storage.file), storage.offset + offset, target)
  }

  return {
    path,
    sizeBytes: cursor.sizeBytes,
    ...parsed,
    externalFiles: [...externalFiles],
    externalTensors,

    readTensor(tensor, range = {}, into) {
      const start = range.start ?? 0
      const count = range.count ?? tensor.elements - start
      if (!(Number.isInteger(start) && Number.isInteger(count) && start >= 0 && count >= 0))
        throw new VillageError('INVALID_ARGUMENT', 'The element range must be whole numbers of at least 0.')
      if (start + count > tensor.elements)
        throw new VillageError(
          'INVALID_ARGUMENT',
          `Elements ${start} to ${start + count} lie outside tensor "${tensor.name}" of ${tensor.elements}.`,
        )
      if (tensor.storage.kind === 'opaque' || !isReadable(tensor.type))
        throw new VillageError(
          'MODEL_UNSUPPORTED',
          `Tensor "${tensor.name}" has elements of type ${tensor.type.name}, which cannot be read as numbers.`,
        )
      if (into !== undefined && into.length !== count)
        throw new VillageError(
          'INVALID_ARGUMENT',
          'The array to read into has another length than the range.',
        )
      const target = into ?? new Float32Array(count)
      if (tensor.storage.kind === 'typed') {
        readTypedElements(tensor, tensor.storage, start, target, (at, bytes) =>
          readSync(fdOf(null), bytes, 0, bytes.length, at),
        )
        return target
      }
      const elementBytes = tensor.type.bits / 8
      // Every platform that Node and onnxruntime run on is little-endian: float32 needs no decoding.
      if (tensor.type.code === FLOAT32) {
        const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
        readRaw(tensor.storage, start * elementBytes, bytes)
        return target
      }
      const chunkElements = Math.floor(CHUNK_BYTES / elementBytes)
      const buffer = new Uint8Array(Math.min(count, chunkElements) * elementBytes)
      for (let at = 0; at < count; at += chunkElements) {
        const bytes = buffer.subarray(0, Math.min(chunkElements, count - at) * elementBytes)
        readRaw(tensor.storage, (start + at) * elementBytes, bytes)
        decodeElements(tensor.type, bytes, target, at)
      }
      return target
    },

    readBytes(tensor, offset, target) {
      if (tensor.storage.kind !== 'raw')
        throw new VillageError(
          'MODEL_UNSUPPORTED',
          `Tensor "${tensor.name}" does not store its elements as bytes.`,
        )
      readRaw(tensor.storage, offset, target)
    },

    readFile(range, target) {
      readFully(fdOf(null), range.start, target.subarray(0, range.end - range.start))
    },

    close() {
      if (closed) return
      closed = true
      closeSync(fd)
      for (const open of externalFds.values()) closeSync(open)
    },

    [Symbol.dispose]() {
      this.close()
    },
  }
}

function readFully(fd: number, offset: number, target: Uint8Array): void {
  for (let at = 0; at < target.length; ) {
    const read = readSync(fd, target, at, target.length - at, offset + at)
    if (read === 0)
      throw new VillageError('MODEL_MALFORMED', 'The model file became shorter while it was read.')
    at += read
  }
}

interface ParsedModel {
  irVersion: number
  opsets: OpsetImport[]
  graph: GraphInfo
  fields: FieldRange[]
}

function parseModel(cursor: WireCursor, external: ExternalResolver): ParsedModel {
  const end = cursor.sizeBytes
  const opsets: OpsetImport[] = []
  const fields: FieldRange[] = []
  let irVersion = 0
  let graph: GraphInfo | undefined
  let start = 0
  for (let tag = cursor.tag(end); tag !== undefined; tag = cursor.tag(end)) {
    const { field, wire } = tag
    if (field === MODEL_FIELD.irVersion) {
      cursor.expect(wire, WIRE_VARINT, 'ir_version')
      irVersion = cursor.uint(end, 'ir_version')
    } else if (wire !== WIRE_BYTES) cursor.skip(wire, end, `model field ${field}`)
    else {
      const range = cursor.range(end, `model field ${field}`)
      if (field === MODEL_FIELD.graph) {
        if (graph !== undefined) throw cursor.malformed('it has two graphs')
        graph = parseGraph(cursor, range, external)
      } else if (field === MODEL_FIELD.opsetImport) opsets.push(parseOpset(cursor, range))
      else if (field === MODEL_FIELD.functions) parseFunction(cursor, range, external)
      cursor.position = range.end
    }
    cursor.countItem()
    fields.push({ field, name: '', start, end: cursor.position })
    start = cursor.position
  }
  if (graph === undefined) throw cursor.malformed('it has no graph')
  if (irVersion < 1) throw cursor.malformed('it has no ir_version')
  return { irVersion, opsets, graph, fields }
}

function parseOpset(cursor: WireCursor, range: ByteRange): OpsetImport {
  let domain = ''
  let version = 0
  for (let tag = cursor.tag(range.end); tag !== undefined; tag = cursor.tag(range.end)) {
    if (tag.field === 1 && tag.wire === WIRE_BYTES) domain = cursor.string(range.end, 'an opset domain')
    else if (tag.field === 2 && tag.wire === WIRE_VARINT) version = cursor.uint(range.end, 'an opset version')
    else cursor.skip(tag.wire, range.end, 'an opset')
  }
  return { domain: domain === 'ai.onnx' ? '' : domain, version }
}

/** A FunctionProto is only copied; its nodes are read so that tensors in their attributes are checked. */
function parseFunction(cursor: WireCursor, range: ByteRange, external: ExternalResolver): void {
  const FUNCTION_NODE = 7
  for (let tag = cursor.tag(range.end); tag !== undefined; tag = cursor.tag(range.end)) {
    if (tag.field === FUNCTION_NODE && tag.wire === WIRE_BYTES) {
      const node = cursor.range(range.end, 'a function node')
      parseNode(cursor, node, external, 0)
      cursor.position = node.end
    } else cursor.skip(tag.wire, range.end, 'a function')
  }
}
