/**
 * Element types of ONNX tensors (onnx.proto, TensorProto.DataType) and conversions to and from float32.
 *
 * `bits` is the stored width of one element; 4- and 2-bit types pack several elements in a byte, and strings
 * have no fixed width (0).
 */
export interface DataType {
  readonly code: number
  readonly name: string
  readonly bits: number
}

const ROWS: readonly (readonly [code: number, name: string, bits: number])[] = [
  [1, 'float32', 32],
  [2, 'uint8', 8],
  [3, 'int8', 8],
  [4, 'uint16', 16],
  [5, 'int16', 16],
  [6, 'int32', 32],
  [7, 'int64', 64],
  [8, 'string', 0],
  [9, 'bool', 8],
  [10, 'float16', 16],
  [11, 'float64', 64],
  [12, 'uint32', 32],
  [13, 'uint64', 64],
  [14, 'complex64', 64],
  [15, 'complex128', 128],
  [16, 'bfloat16', 16],
  [17, 'float8e4m3fn', 8],
  [18, 'float8e4m3fnuz', 8],
  [19, 'float8e5m2', 8],
  [20, 'float8e5m2fnuz', 8],
  [21, 'uint4', 4],
  [22, 'int4', 4],
  [23, 'float4e2m1', 4],
  [24, 'float8e8m0', 8],
  [25, 'uint2', 2],
  [26, 'int2', 2],
]

const BY_CODE = new Map<number, DataType>(ROWS.map(([code, name, bits]) => [code, { code, name, bits }]))

export const FLOAT32 = 1
export const UINT8 = 2
export const INT8 = 3
export const INT32 = 6
export const INT64 = 7
export const FLOAT16 = 10
export const BFLOAT16 = 16

/** The row of a type code, or undefined for a code that onnx.proto does not have. */
export function dataTypeByCode(code: number): DataType | undefined {
  return BY_CODE.get(code)
}

/** One word, seen as a float and as its bits (every platform that Node runs on is little-endian). */
const asFloat = new Float32Array(1)
const asBits = new Uint32Array(asFloat.buffer)

/** IEEE 754 binary16 bits to a number (exact). */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** A number, rounded to float32 first, to binary16 bits: nearest, ties to even; overflow becomes infinity. */
export function numberToFloat16(value: number): number {
  asFloat[0] = value
  const bits = asBits[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below 2^-14 the result is a multiple of 2^-24.
  if (magnitude < 0x38800000) return sign | roundHalfEven(Math.abs(value) * 2 ** 24)
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

export function bfloat16ToNumber(bits: number): number {
  asBits[0] = bits << 16
  return asFloat[0]!
}

/** A number, rounded to float32 first, to bfloat16 bits: nearest, ties to even. */
export function numberToBfloat16(value: number): number {
  asFloat[0] = value
  const bits = asBits[0]!
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) & 0x8000) | 0x7fc0
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest > 0.5) return floor + 1
  if (rest < 0.5) return floor
  return floor % 2 === 0 ? floor : floor + 1
}

type ElementReader = (view: DataView, offset: number) => number

const READERS: Readonly<Record<string, ElementReader>> = {
  float32: (view, offset) => view.getFloat32(offset, true),
  float64: (view, offset) => view.getFloat64(offset, true),
  float16: (view, offset) => float16ToNumber(view.getUint16(offset, true)),
  bfloat16: (view, offset) => bfloat16ToNumber(view.getUint16(offset, true)),
  int8: (view, offset) => view.getInt8(offset),
  uint8: (view, offset) => view.getUint8(offset),
  bool: (view, offset) => (view.getUint8(offset) === 0 ? 0 : 1),
  int16: (view, offset) => view.getInt16(offset, true),
  uint16: (view, offset) => view.getUint16(offset, true),
  int32: (view, offset) => view.getInt32(offset, true),
  uint32: (view, offset) => view.getUint32(offset, true),
  int64: (view, offset) => Number(view.getBigInt64(offset, true)),
  uint64: (view, offset) => Number(view.getBigUint64(offset, true)),
}

/** Whether readTensor can turn this type into float32 (rounding what float32 cannot hold). */
export function isReadable(type: DataType): boolean {
  return Object.hasOwn(READERS, type.name)
}

let halves: Float32Array | undefined

/** The value of every binary16: large models are read in this type, a look-up is ten times faster than arithmetic. */
function halfTable(): Float32Array {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => float16ToNumber(bits))
  return halves
}

/** Elements of two bytes where they lie on even addresses. */
function decodeHalves(code: number, words: Uint16Array, target: Float32Array, at: number): void {
  if (code === FLOAT16) {
    const table = halfTable()
    for (let i = 0; i < words.length; i++) target[at + i] = table[words[i]!]!
    return
  }
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length)
  for (let i = 0; i < words.length; i++) bits[at + i] = words[i]! << 16
}

/** Decodes the little-endian elements of `type` in `bytes` into `target` from `at` on. */
export function decodeElements(type: DataType, bytes: Uint8Array, target: Float32Array, at: number): void {
  if (type.code === FLOAT32 && bytes.byteOffset % 4 === 0) {
    target.set(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2), at)
    return
  }
  if ((type.code === FLOAT16 || type.code === BFLOAT16) && bytes.byteOffset % 2 === 0) {
    decodeHalves(type.code, new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1), target, at)
    return
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sizeBytes = type.bits / 8
  const read = READERS[type.name]!
  const count = Math.floor(bytes.byteLength / sizeBytes)
  for (let i = 0; i < count; i++) target[at + i] = read(view, i * sizeBytes)
}

/** Encodes float32 values as float32, float16 or bfloat16, little-endian; other types are undefined. */
export function encodeFloats(code: number, values: Float32Array): Uint8Array | undefined {
  if (code === FLOAT32) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (code !== FLOAT16 && code !== BFLOAT16) return undefined
  const convert = code === FLOAT16 ? numberToFloat16 : numberToBfloat16
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) bits[i] = convert(values[i]!)
  return new Uint8Array(bits.buffer)
}
