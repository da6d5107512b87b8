import type { InferenceSession, OnnxValue, Tensor } from 'onnxruntime-node'
import { VillageError } from '../../errors.ts'
import { float16ToNumber } from './data-types.ts'

/** Typed arrays by element type: what goes in and out of sessions, and between threads. */
export interface TensorArrays {
  float32: Float32Array
  /** As bits; it only goes in: half floats that come out become float32. */
  float16: Uint16Array
  float64: Float64Array
  int8: Int8Array
  uint8: Uint8Array
  int16: Int16Array
  uint16: Uint16Array
  int32: Int32Array
  uint32: Uint32Array
  int64: BigInt64Array
  uint64: BigUint64Array
  bool: Uint8Array
}

export type TensorType = keyof TensorArrays

/** A tensor in memory, row-major. */
export type TensorValue = {
  [Type in TensorType]: {
    readonly type: Type
    readonly dims: readonly number[]
    readonly data: TensorArrays[Type]
  }
}[TensorType]

const ARRAY_TYPES: Readonly<Record<TensorType, new (length: number) => TensorArrays[TensorType]>> = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
}

/** Refuses feeds that onnxruntime would refuse, in words that name the input. */
export function checkFeeds(
  inputs: readonly InferenceSession.ValueMetadata[],
  feeds: Readonly<Record<string, TensorValue>>,
): void {
  const invalid = (name: string, what: string): VillageError =>
    new VillageError('INVALID_ARGUMENT', `The input "${name}" of the model ${what}.`, {
      fields: { input: name },
    })
  const names = new Set(inputs.map((input) => input.name))
  for (const name of Object.keys(feeds)) if (!names.has(name)) throw invalid(name, 'does not exist')
  for (const input of inputs) {
    const feed = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined
    if (feed === undefined) throw invalid(input.name, 'is missing')
    if (!Object.hasOwn(ARRAY_TYPES, feed.type) || !(feed.data instanceof ARRAY_TYPES[feed.type]))
      throw invalid(input.name, 'has data of the wrong type')
    if (!feed.dims.every((dim) => Number.isInteger(dim) && dim >= 0))
      throw invalid(input.name, 'has invalid dims')
    const elements = feed.dims.reduce((product, dim) => product * dim, 1)
    if (elements !== feed.data.length)
      throw invalid(input.name, `has ${feed.data.length} elements where its dims need ${elements}`)
    if (!input.isTensor) throw invalid(input.name, 'is not a tensor')
    if (input.type !== feed.type) throw invalid(input.name, `takes ${input.type}, not ${feed.type}`)
    // onnxruntime reports an open rank as no dims at all.
    if (input.shape.length === 0) continue
    if (input.shape.length !== feed.dims.length)
      throw invalid(input.name, `takes ${input.shape.length} dims, not ${feed.dims.length}`)
    for (const [axis, dim] of input.shape.entries())
      if (typeof dim === 'number' && dim !== feed.dims[axis])
        throw invalid(input.name, `takes ${dim} along axis ${axis}, not ${feed.dims[axis]}`)
  }
}

interface TensorMaker {
  readonly Tensor: typeof Tensor
}

export function toOrt(ort: TensorMaker, value: TensorValue): Tensor {
  if (value.type === 'float16') return float16Tensor(ort, value.data, value.dims)
  return new ort.Tensor(value.type, value.data, value.dims)
}

/**
 * A tensor of half floats over their bits. The library makes a Float16Array of them where the runtime has that type, and its
 * binding then cannot read it.
 */
export function float16Tensor(ort: TensorMaker, bits: Uint16Array, dims: readonly number[]): Tensor {
  return Object.defineProperty(new ort.Tensor('float16', bits, dims), 'data', { value: bits })
}

/**
 * A copy of a session's output that owns its memory, so that it can go to another thread. Half floats come as float32,
 * which holds each of them. Throws MODEL_UNSUPPORTED for other types that are not in TensorArrays.
 */
export function fromOrt(name: string, value: OnnxValue): TensorValue {
  const tensor = value as Tensor
  if (tensor.type === 'float16') {
    // An array of bits where this onnxruntime knows no array of half floats.
    const halves = tensor.data as ArrayLike<number>
    const data =
      halves instanceof Uint16Array ? Float32Array.from(halves, float16ToNumber) : Float32Array.from(halves)
    return { type: 'float32', dims: [...tensor.dims], data }
  }
  if (!Object.hasOwn(ARRAY_TYPES, tensor.type))
    throw new VillageError('MODEL_UNSUPPORTED', `The output "${name}" of the model has type ${tensor.type}.`)
  const type = tensor.type as TensorType
  const data = new ARRAY_TYPES[type](tensor.data.length)
  // Both arrays have the type that `type` names.
  data.set(tensor.data as never)
  return { type, dims: [...tensor.dims], data } as TensorValue
}
