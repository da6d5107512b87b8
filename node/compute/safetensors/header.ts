/**
 * The header of a safetensors file (https://github.com/huggingface/safetensors, "Format"): 8 bytes with the length of the
 * header as u64 little-endian, the header as JSON, the data. The header maps names to dtype, shape and the range of the data;
 * `__metadata__` maps text to text. Ranges lie one after another without holes and without overlaps.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonValue } from '../../json.ts'
import { BFLOAT16, FLOAT16, FLOAT32 } from '../onnx/data-types.ts'

export interface SafeTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly elements: number
  /** Within the data of its file. */
  readonly offset: number
  readonly sizeBytes: number
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of their data. */
  readonly tensors: readonly SafeTensor[]
}

/** Before the header. */
export const LENGTH_BYTES = 8
/** The format allows 100 MB; a hundred thousand tensors take a tenth of that. */
export const MAX_HEADER_BYTES = 16 * 2 ** 20
const MAX_TENSORS = 100_000
const MAX_NAME = 1024
const MAX_RANK = 32
const METADATA = '__metadata__'

const DTYPE_BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
  C64: 64,
}

/** ONNX codes of the dtypes that are read as numbers. */
const FLOAT_TYPES: Readonly<Record<string, number>> = { F32: FLOAT32, F16: FLOAT16, BF16: BFLOAT16 }

export function floatTypeOf(dtype: string): number | undefined {
  return Object.hasOwn(FLOAT_TYPES, dtype) ? FLOAT_TYPES[dtype] : undefined
}

export function malformed(what: string): VillageError {
  return new VillageError('MODEL_MALFORMED', `The safetensors file is not valid: ${what}.`)
}

function wholeNumbers(value: JsonValue | undefined, what: string): readonly number[] {
  if (!Array.isArray(value) || !value.every((one) => Number.isSafeInteger(one) && (one as number) >= 0))
    throw malformed(`${what} is not a list of whole numbers`)
  return value as readonly number[]
}

function parseTensor(name: string, value: JsonValue): SafeTensor {
  const where = JSON.stringify(name.slice(0, 100))
  if (name === '' || name.length > MAX_NAME) throw malformed('a name is empty or too long')
  if (!isJsonObject(value)) throw malformed(`tensor ${where} is not described by an object`)
  const { dtype } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BITS, dtype))
    throw new VillageError('MODEL_UNSUPPORTED', `Tensor ${where} has a dtype that is not known`)
  const shape = wholeNumbers(value.shape, `the shape of ${where}`)
  const offsets = wholeNumbers(value.data_offsets, `the range of ${where}`)
  if (shape.length > MAX_RANK) throw malformed(`tensor ${where} has too many dimensions`)
  const elements = shape.reduce((product, size) => product * size, 1)
  const bits = elements * DTYPE_BITS[dtype]!
  if (!Number.isSafeInteger(bits) || bits % 8 !== 0) throw malformed(`tensor ${where} has no whole size`)
  const [begin, end] = offsets
  if (offsets.length !== 2 || end! - begin! !== bits / 8)
    throw malformed(`tensor ${where} has a range that is not the size of its shape`)
  return { name, dtype, shape, elements, offset: begin!, sizeBytes: bits / 8 }
}

function parseMetadata(value: JsonValue | undefined): Record<string, string> {
  if (value === undefined) return {}
  if (!isJsonObject(value)) throw malformed('the metadata is not an object')
  for (const text of Object.values(value))
    if (typeof text !== 'string') throw malformed('the metadata has something other than text')
  return value as Record<string, string>
}

/**
 * Checks a header that may come from anybody. `dataBytes` is what the file has after it. Throws MODEL_MALFORMED, and
 * MODEL_UNSUPPORTED for a dtype that is not known.
 */
export function parseHeader(text: Uint8Array, dataBytes: number): SafetensorsHeader {
  if (text[0] !== 0x7b) throw malformed('the header does not begin with {')
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
  } catch {
    throw malformed('the header is not JSON')
  }
  if (!isJsonObject(json)) throw malformed('the header is not an object')
  const { [METADATA]: metadata, ...entries } = json
  const names = Object.entries(entries)
  if (names.length > MAX_TENSORS) throw malformed('it has too many tensors')
  const tensors = names
    .map(([name, value]) => parseTensor(name, value))
    .sort((a, b) => a.offset - b.offset || a.sizeBytes - b.sizeBytes)
  let end = 0
  for (const { name, offset, sizeBytes } of tensors) {
    if (offset !== end)
      throw malformed(`the data of ${JSON.stringify(name.slice(0, 100))} leaves a hole or overlaps`)
    end += sizeBytes
  }
  if (end !== dataBytes) throw malformed(`its tensors have ${end} bytes and its data ${dataBytes}`)
  return { metadata: parseMetadata(metadata), tensors }
}

/** The head of a file with these tensors one after another: length, JSON, padding to 8 bytes. */
export function encodeHead(header: SafetensorsHeader): Uint8Array {
  const entries: [string, JsonValue][] = header.tensors.map(({ name, dtype, shape, offset, sizeBytes }) => [
    name,
    { dtype, shape, data_offsets: [offset, offset + sizeBytes] },
  ])
  const metadata: [string, JsonValue][] =
    Object.keys(header.metadata).length === 0 ? [] : [[METADATA, header.metadata]]
  const json = JSON.stringify(Object.fromEntries([...metadata, ...entries]))
  const text = Buffer.from(json)
  // Spaces behind the JSON align the data.
  const sizeBytes = Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES
  const head = Buffer.alloc(LENGTH_BYTES + sizeBytes, ' ')
  head.writeBigUInt64LE(BigInt(sizeBytes))
  text.copy(head, LENGTH_BYTES)
  return head
}
