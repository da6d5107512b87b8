import { FLOAT32, INT64 } from './data-types.ts'
import { ATTRIBUTE_FIELD, NODE_FIELD, type OpsetImport, TENSOR_FIELD } from './model.ts'
import { WIRE_BYTES, WIRE_FIXED32, WIRE_VARINT } from './wire.ts'

/** An attribute of a node that is written; the kind is explicit because ONNX tells 1 from 1.0. */
export type AttributeValue =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly string: string }

export interface NodeSpec {
  readonly opType: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  readonly name?: string
  readonly domain?: string
}

/** A graph input or output; a string dim is a symbol, null is open. */
export interface ValueSpec {
  readonly name: string
  readonly elementType: number
  readonly dims: readonly (number | string | null)[]
}

/**
 * A tensor to write. Its size is known beforehand and its bytes are made when they are written, so that only
 * one tensor is in memory at a time.
 */
export interface TensorSource {
  readonly name: string
  readonly elementType: number
  readonly dims: readonly number[]
  readonly sizeBytes: number
  write(push: (bytes: Uint8Array) => void): void
}

export function tensorFromBytes(
  name: string,
  elementType: number,
  dims: readonly number[],
  bytes: Uint8Array,
): TensorSource {
  return { name, elementType, dims, sizeBytes: bytes.byteLength, write: (push) => push(bytes) }
}

export function float32Tensor(name: string, dims: readonly number[], data: Float32Array): TensorSource {
  return tensorFromBytes(name, FLOAT32, dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}

export function int64Tensor(name: string, dims: readonly number[], values: readonly number[]): TensorSource {
  const data = BigInt64Array.from(values, (value) => BigInt(value))
  return tensorFromBytes(name, INT64, dims, new Uint8Array(data.buffer))
}

const UTF8 = new TextEncoder()

/** Builds one protobuf message in memory, in the order of the calls: the same calls give the same bytes. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = []
  #sizeBytes = 0

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    this.#sizeBytes += bytes.length
    return this
  }

  varint(field: number, value: number | bigint): this {
    return this.raw(encodeVarint(field * 8 + WIRE_VARINT)).raw(encodeVarint(value))
  }

  bytes(field: number, bytes: Uint8Array): this {
    return this.lengthPrefix(field, bytes.length).raw(bytes)
  }

  string(field: number, text: string): this {
    return this.bytes(field, UTF8.encode(text))
  }

  message(field: number, message: MessageWriter): this {
    return this.bytes(field, message.finish())
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    return this.raw(encodeVarint(field * 8 + WIRE_FIXED32)).raw(bytes)
  }

  lengthPrefix(field: number, sizeBytes: number): this {
    return this.raw(encodeVarint(field * 8 + WIRE_BYTES)).raw(encodeVarint(sizeBytes))
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.#sizeBytes)
    let at = 0
    for (const part of this.#parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }
}

/** A base-128 varint; negative numbers take ten bytes, as protobuf's int64 does. */
export function encodeVarint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value))
  const bytes: number[] = []
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}

/** AttributeProto.AttributeType of onnx.proto. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const

function encodeAttribute(name: string, value: AttributeValue): MessageWriter {
  const out = new MessageWriter().string(ATTRIBUTE_FIELD.name, name)
  if ('float' in value) out.float(ATTRIBUTE_FIELD.float, value.float)
  else if ('int' in value) out.varint(ATTRIBUTE_FIELD.int, value.int)
  else if ('string' in value) out.string(ATTRIBUTE_FIELD.string, value.string)
  else for (const int of value.ints) out.varint(ATTRIBUTE_FIELD.ints, int)
  const type =
    'float' in value
      ? ATTRIBUTE_TYPE.float
      : 'int' in value
        ? ATTRIBUTE_TYPE.int
        : 'string' in value
          ? ATTRIBUTE_TYPE.string
          : ATTRIBUTE_TYPE.ints
  return out.varint(ATTRIBUTE_FIELD.type, type)
}

export function encodeNode(node: NodeSpec): Uint8Array {
  const out = new MessageWriter()
  for (const input of node.inputs) out.string(NODE_FIELD.input, input)
  for (const output of node.outputs) out.string(NODE_FIELD.output, output)
  if (node.name !== undefined) out.string(NODE_FIELD.name, node.name)
  out.string(NODE_FIELD.opType, node.opType)
  for (const [name, value] of Object.entries(node.attributes ?? {}))
    out.message(NODE_FIELD.attribute, encodeAttribute(name, value))
  if (node.domain !== undefined && node.domain !== '') out.string(NODE_FIELD.domain, node.domain)
  return out.finish()
}

export function encodeValue(value: ValueSpec): Uint8Array {
  const shape = new MessageWriter()
  for (const dim of value.dims) {
    const out = new MessageWriter()
    if (typeof dim === 'number') out.varint(1, dim)
    else if (dim !== null) out.string(2, dim)
    shape.message(1, out)
  }
  const tensorType = new MessageWriter().varint(1, value.elementType).message(2, shape)
  const type = new MessageWriter().message(1, tensorType)
  return new MessageWriter().string(1, value.name).message(2, type).finish()
}

export function encodeOpset(opset: OpsetImport): Uint8Array {
  return new MessageWriter().string(1, opset.domain).varint(2, opset.version).finish()
}

/** A TensorProto up to its data: what is left is raw_data's bytes (inline) or nothing (external). */
export function encodeTensorHeader(
  tensor: Pick<TensorSource, 'name' | 'elementType' | 'dims' | 'sizeBytes'>,
  external: { location: string; offset: number } | undefined,
): MessageWriter {
  const out = new MessageWriter()
  for (const dim of tensor.dims) out.varint(TENSOR_FIELD.dims, dim)
  out.varint(TENSOR_FIELD.dataType, tensor.elementType).string(TENSOR_FIELD.name, tensor.name)
  if (external === undefined) return out.lengthPrefix(TENSOR_FIELD.rawData, tensor.sizeBytes)
  const pairs = { location: external.location, offset: `${external.offset}`, length: `${tensor.sizeBytes}` }
  for (const [key, value] of Object.entries(pairs))
    out.message(TENSOR_FIELD.externalData, new MessageWriter().string(1, key).string(2, value))
  return out.varint(TENSOR_FIELD.dataLocation, 1)
}
