import { type DataType, dataTypeByCode } from './data-types.ts'
import { checkExternalRange, parseExternalEntry, resolveExternalFile } from './external-data.ts'
import { TENSOR_FIELD, type TensorInfo, type TensorStorage } from './model.ts'
import {
  type ByteRange,
  WIRE_BYTES,
  WIRE_FIXED32,
  WIRE_FIXED64,
  WIRE_VARINT,
  type WireCursor,
} from './wire.ts'

const MAX_RANK = 64
/** DataLocation.EXTERNAL of onnx.proto. */
const EXTERNAL = 1

/** Resolves external files once: a model names the same file for each of its tensors. */
export type ExternalResolver = (tensor: string, location: string) => { path: string; sizeBytes: number }

export function createExternalResolver(modelPath: string): ExternalResolver {
  const known = new Map<string, { path: string; sizeBytes: number }>()
  return (tensor, location) => {
    const file = known.get(location) ?? resolveExternalFile(modelPath, tensor, location)
    known.set(location, file)
    return file
  }
}

/** The typed fields: which wire type one number has, and which element types may use it (onnx.proto). */
const TYPED: Readonly<
  Record<number, { encoding: 'varint' | 'fixed32' | 'fixed64'; wire: number; raw: string }>
> = {
  [TENSOR_FIELD.floatData]: { encoding: 'fixed32', wire: WIRE_FIXED32, raw: 'float32' },
  [TENSOR_FIELD.doubleData]: { encoding: 'fixed64', wire: WIRE_FIXED64, raw: 'float64' },
  [TENSOR_FIELD.int32Data]: { encoding: 'varint', wire: WIRE_VARINT, raw: '' },
  [TENSOR_FIELD.int64Data]: { encoding: 'varint', wire: WIRE_VARINT, raw: '' },
  [TENSOR_FIELD.uint64Data]: { encoding: 'varint', wire: WIRE_VARINT, raw: '' },
}

interface TypedData {
  field: number
  segments: ByteRange[]
}

/** Reads a TensorProto without its elements: type, dims, and where the elements lie. */
export function parseTensor(cursor: WireCursor, message: ByteRange, external: ExternalResolver): TensorInfo {
  cursor.countItem()
  cursor.position = message.start
  const { end } = message
  const dims: number[] = []
  const pairs = new Map<string, string>()
  let name = ''
  let typeCode = 0
  let location = 0
  let raw: ByteRange | undefined
  let typed: TypedData | undefined
  let hasStrings = false
  for (let tag = cursor.tag(end); tag !== undefined; tag = cursor.tag(end)) {
    const { field, wire } = tag
    if (field === TENSOR_FIELD.dims) parseDims(cursor, wire, end, dims)
    else if (field === TENSOR_FIELD.dataType) {
      cursor.expect(wire, WIRE_VARINT, 'a tensor type')
      typeCode = cursor.uint(end, 'a tensor type')
    } else if (field === TENSOR_FIELD.name) {
      cursor.expect(wire, WIRE_BYTES, 'a tensor name')
      name = cursor.string(end, 'a tensor name')
    } else if (field === TENSOR_FIELD.rawData) {
      cursor.expect(wire, WIRE_BYTES, 'raw_data')
      raw = cursor.range(end, 'raw_data')
      cursor.position = raw.end
    } else if (field === TENSOR_FIELD.externalData) {
      cursor.expect(wire, WIRE_BYTES, 'external_data')
      parsePair(cursor, cursor.range(end, 'external_data'), pairs)
    } else if (field === TENSOR_FIELD.dataLocation) {
      cursor.expect(wire, WIRE_VARINT, 'data_location')
      location = cursor.uint(end, 'data_location')
    } else if (TYPED[field] !== undefined) typed = parseTyped(cursor, field, wire, end, typed)
    else {
      hasStrings ||= field === TENSOR_FIELD.stringData
      cursor.skip(wire, end, 'a tensor field')
    }
  }
  const type = dataTypeByCode(typeCode)
  if (type === undefined) throw cursor.malformed(`tensor "${name}" has the unknown element type ${typeCode}`)
  const elements = countElements(cursor, name, dims)
  const sizeBytes = Math.ceil((elements * type.bits) / 8)
  if (!Number.isSafeInteger(sizeBytes)) throw cursor.malformed(`tensor "${name}" has dims that are too large`)
  const storage = chooseStorage()
  return { name, type, dims, elements, storage, message }

  function chooseStorage(): TensorStorage {
    if (location === EXTERNAL) {
      const entry = parseExternalEntry(name, pairs)
      const file = external(name, entry.location)
      checkExternalRange(name, entry, sizeBytes, file.sizeBytes)
      return { kind: 'raw', file: file.path, offset: entry.offset, sizeBytes }
    }
    if (hasStrings || type!.bits === 0) return { kind: 'opaque' }
    if (raw !== undefined) return rawStorage(raw)
    if (typed !== undefined) return typedStorage(cursor, name, type!, elements, typed)
    if (elements > 0) throw cursor.malformed(`tensor "${name}" has no data for its ${elements} elements`)
    return { kind: 'raw', file: null, offset: message.start, sizeBytes: 0 }
  }

  function rawStorage(range: ByteRange): TensorStorage {
    const found = range.end - range.start
    if (found !== sizeBytes)
      throw cursor.malformed(
        `tensor "${name}" has ${found} bytes of raw_data where its dims need ${sizeBytes}`,
      )
    return { kind: 'raw', file: null, offset: range.start, sizeBytes }
  }
}

function parseDims(cursor: WireCursor, wire: number, end: number, dims: number[]): void {
  let until = end
  if (wire === WIRE_BYTES) until = cursor.range(end, 'dims').end
  else cursor.expect(wire, WIRE_VARINT, 'dims')
  do {
    if (wire === WIRE_BYTES && cursor.position === until) return
    if (dims.length === MAX_RANK) throw cursor.malformed(`a tensor has more than ${MAX_RANK} dims`)
    const dim = cursor.int64(until, 'dims')
    if (dim < 0n || dim > BigInt(Number.MAX_SAFE_INTEGER)) throw cursor.malformed(`${dim} is not a valid dim`)
    dims.push(Number(dim))
  } while (wire === WIRE_BYTES)
}

function countElements(cursor: WireCursor, name: string, dims: readonly number[]): number {
  // A zero anywhere makes the tensor empty, whatever the other dims say.
  if (dims.includes(0)) return 0
  let elements = 1
  for (const dim of dims) elements *= dim
  if (!Number.isSafeInteger(elements)) throw cursor.malformed(`tensor "${name}" has dims that are too large`)
  return elements
}

function parsePair(cursor: WireCursor, range: ByteRange, pairs: Map<string, string>): void {
  let key = ''
  let value = ''
  for (let tag = cursor.tag(range.end); tag !== undefined; tag = cursor.tag(range.end)) {
    if (tag.field === 1 && tag.wire === WIRE_BYTES) key = cursor.string(range.end, 'an external_data key')
    else if (tag.field === 2 && tag.wire === WIRE_BYTES)
      value = cursor.string(range.end, 'an external_data value')
    else cursor.skip(tag.wire, range.end, 'external_data')
  }
  pairs.set(key, value)
}

function parseTyped(
  cursor: WireCursor,
  field: number,
  wire: number,
  end: number,
  before: TypedData | undefined,
): TypedData {
  if (before !== undefined && before.field !== field)
    throw cursor.malformed('a tensor has data in two typed fields')
  const data = before ?? { field, segments: [] }
  cursor.countItem()
  const start = cursor.position
  if (wire === WIRE_BYTES) {
    const range = cursor.range(end, 'tensor data')
    data.segments.push(range)
    cursor.position = range.end
  } else {
    cursor.expect(wire, TYPED[field]!.wire, 'tensor data')
    cursor.skip(wire, end, 'tensor data')
    data.segments.push({ start, end: cursor.position })
  }
  return data
}

function typedStorage(
  cursor: WireCursor,
  name: string,
  type: DataType,
  elements: number,
  typed: TypedData,
): TensorStorage {
  const { encoding, raw } = TYPED[typed.field]!
  const total = typed.segments.reduce((sum, segment) => sum + segment.end - segment.start, 0)
  const [only] = typed.segments
  if (encoding !== 'varint') {
    const width = encoding === 'fixed32' ? 4 : 8
    const wanted = elements * width * (type.name.startsWith('complex') ? 2 : 1)
    if (total !== wanted)
      throw cursor.malformed(
        `tensor "${name}" has ${total} bytes of typed data where its dims need ${wanted}`,
      )
    // A packed float field has the same bytes as raw_data.
    if (typed.segments.length === 1 && type.name === raw)
      return { kind: 'raw', file: null, offset: only!.start, sizeBytes: total }
  } else if (elements > total * (type.bits < 8 ? 8 / type.bits : 1)) {
    // A varint takes a byte or more, so that dims cannot promise more elements than there are bytes.
    throw cursor.malformed(`tensor "${name}" has ${total} bytes of typed data for ${elements} elements`)
  }
  return { kind: 'typed', encoding, segments: typed.segments }
}
