import { VillageError } from '../../errors.ts'
import { bfloat16ToNumber, float16ToNumber } from './data-types.ts'
import type { TensorInfo, TensorStorage } from './model.ts'

type Typed = Extract<TensorStorage, { kind: 'typed' }>

const CHUNK_BYTES = 64 * 1024

/** How a number of int32_data, int64_data or uint64_data stands for an element (onnx.proto, TensorProto). */
const FROM_VARINT: Readonly<Record<string, (value: bigint) => number>> = {
  int8: (value) => Number(BigInt.asIntN(8, value)),
  uint8: (value) => Number(BigInt.asUintN(8, value)),
  int16: (value) => Number(BigInt.asIntN(16, value)),
  uint16: (value) => Number(BigInt.asUintN(16, value)),
  int32: (value) => Number(BigInt.asIntN(32, value)),
  uint32: (value) => Number(BigInt.asUintN(32, value)),
  int64: (value) => Number(BigInt.asIntN(64, value)),
  uint64: (value) => Number(BigInt.asUintN(64, value)),
  bool: (value) => (value === 0n ? 0 : 1),
  float16: (value) => float16ToNumber(Number(BigInt.asUintN(16, value))),
  bfloat16: (value) => bfloat16ToNumber(Number(BigInt.asUintN(16, value))),
}

/**
 * Decodes the elements from `start` on into `target`. Varints have no fixed width, so that those before
 * `start` are read too; exporters use typed fields for small tensors only.
 */
export function readTypedElements(
  tensor: TensorInfo,
  storage: Typed,
  start: number,
  target: Float32Array,
  readAt: (offset: number, bytes: Uint8Array) => number,
): void {
  const convert = FROM_VARINT[tensor.type.name]
  if (storage.encoding === 'varint' && convert === undefined)
    throw new VillageError(
      'MODEL_UNSUPPORTED',
      `Tensor "${tensor.name}" stores ${tensor.type.name} in a typed field.`,
    )
  let index = 0
  const end = start + target.length
  for (const number of numbers(storage, readAt)) {
    if (index >= end) return
    if (index >= start) target[index - start] = typeof number === 'bigint' ? convert!(number) : number
    index++
  }
  if (index < end)
    throw new VillageError(
      'MODEL_MALFORMED',
      `Tensor "${tensor.name}" has ${index} of its ${tensor.elements} elements.`,
    )
}

function* numbers(
  storage: Typed,
  readAt: (offset: number, bytes: Uint8Array) => number,
): Generator<bigint | number> {
  const width = storage.encoding === 'fixed32' ? 4 : 8
  let value = 0n
  let shift = 0n
  let held = 0
  const fixed = new DataView(new ArrayBuffer(8))
  for (const byte of segmentBytes(storage, readAt)) {
    if (storage.encoding === 'varint') {
      value |= BigInt(byte & 0x7f) << shift
      shift += 7n
      if (byte >= 0x80) {
        if (shift >= 70n)
          throw new VillageError('MODEL_MALFORMED', 'A tensor has a number of more than ten bytes.')
        continue
      }
      yield value
      value = 0n
      shift = 0n
    } else {
      fixed.setUint8(held++, byte)
      if (held < width) continue
      yield width === 4 ? fixed.getFloat32(0, true) : fixed.getFloat64(0, true)
      held = 0
    }
  }
  if (shift !== 0n || held !== 0)
    throw new VillageError('MODEL_MALFORMED', 'The typed data of a tensor is cut off.')
}

function* segmentBytes(
  storage: Typed,
  readAt: (offset: number, bytes: Uint8Array) => number,
): Generator<number> {
  const buffer = new Uint8Array(CHUNK_BYTES)
  for (const segment of storage.segments) {
    for (let at = segment.start; at < segment.end; ) {
      const read = readAt(at, buffer.subarray(0, Math.min(CHUNK_BYTES, segment.end - at)))
      if (read === 0)
        throw new VillageError('MODEL_MALFORMED', 'The model file became shorter while it was read.')
      for (let i = 0; i < read; i++) yield buffer[i]!
      at += read
    }
  }
}
