/** Reads one item of calibration data in JSON: `{"input": [[1, 2], [3, 4]], "other": {"dims": [2, 2], "data": [1, 2, 3, 4]}}`. */
import { VillageError } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import { dataTypeByCode } from '../onnx/data-types.ts'
import type { ValueInfo } from '../onnx/model.ts'
import type { TensorValue } from '../onnx/tensor-value.ts'

const MAX_RANK = 8
const MAX_ELEMENTS = 2 ** 26

interface Numbers {
  readonly dims: readonly number[]
  readonly data: readonly unknown[]
}

/** How the numbers of a JSON text become elements; a type that is not here cannot be fed. */
const MAKERS: Readonly<
  Record<string, (numbers: Numbers, fail: (what: string) => VillageError) => TensorValue>
> = {
  float32: ({ dims, data }, fail) => ({
    type: 'float32',
    dims,
    data: Float32Array.from(data, (value) => numberOf(value, fail)),
  }),
  float64: ({ dims, data }, fail) => ({
    type: 'float64',
    dims,
    data: Float64Array.from(data, (value) => numberOf(value, fail)),
  }),
  int32: ({ dims, data }, fail) => ({
    type: 'int32',
    dims,
    data: Int32Array.from(data, (value) => integerOf(value, -(2 ** 31), 2 ** 31 - 1, fail)),
  }),
  int64: ({ dims, data }, fail) => ({
    type: 'int64',
    dims,
    data: BigInt64Array.from(data, (value) =>
      BigInt(integerOf(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, fail)),
    ),
  }),
  uint8: ({ dims, data }, fail) => ({
    type: 'uint8',
    dims,
    data: Uint8Array.from(data, (value) => integerOf(value, 0, 255, fail)),
  }),
  bool: ({ dims, data }, fail) => ({
    type: 'bool',
    dims,
    data: Uint8Array.from(data, (value) => {
      if (typeof value === 'boolean') return value ? 1 : 0
      return integerOf(value, 0, 1, fail)
    }),
  }),
}

/** The feeds of one line. Throws CALIBRATION_DATA_INVALID naming line and input. */
export function parseFeeds(
  line: string,
  lineNumber: number,
  inputs: readonly ValueInfo[],
): Record<string, TensorValue> {
  const invalid = (what: string, input?: string): VillageError =>
    new VillageError('CALIBRATION_DATA_INVALID', `Line ${lineNumber} of the calibration data ${what}.`, {
      fields: { line: lineNumber, ...(input !== undefined && { input: input.slice(0, 200) }) },
    })
  let item: unknown
  try {
    item = JSON.parse(line)
  } catch {
    throw invalid('is not JSON')
  }
  if (!isJsonObject(item)) throw invalid('is not an object')
  const names = new Set(inputs.map(({ name }) => name))
  for (const name of Object.keys(item))
    if (!names.has(name)) throw invalid('names an input that the model does not have', name)
  const feeds: Record<string, TensorValue> = Object.create(null)
  for (const { name, elementType, dims } of inputs) {
    if (!Object.hasOwn(item, name)) throw invalid('lacks an input', name)
    const type = dataTypeByCode(elementType)?.name ?? 'no tensor'
    const make = Object.hasOwn(MAKERS, type) ? MAKERS[type]! : undefined
    if (make === undefined) throw invalid(`cannot give an input of type ${type}`, name)
    const fail = (what: string): VillageError => invalid(`has an input that ${what}`, name)
    const numbers = numbersOf(item[name], fail)
    checkDims(numbers.dims, dims, fail)
    feeds[name] = make(numbers, fail)
  }
  return feeds
}

function numbersOf(value: unknown, fail: (what: string) => VillageError): Numbers {
  if (!isJsonObject(value)) return nested(value, fail)
  const { dims, data } = value
  if (!Array.isArray(dims) || dims.length > MAX_RANK || !Array.isArray(data))
    throw fail('has neither arrays nor dims and data')
  for (const dim of dims)
    if (!Number.isSafeInteger(dim) || (dim as number) < 0) throw fail('has dims that are no sizes')
  const sizes = dims as number[]
  if (sizes.reduce((product, dim) => product * dim, 1) !== data.length)
    throw fail('has another number of elements than its dims need')
  return { dims: sizes, data }
}

/** Nested arrays of equal lengths; a bare number has no dims. */
function nested(value: unknown, fail: (what: string) => VillageError): Numbers {
  const dims: number[] = []
  for (let inner = value; Array.isArray(inner); inner = inner[0]) {
    dims.push(inner.length)
    if (dims.length > MAX_RANK) throw fail('is nested too deeply')
  }
  const data: unknown[] = []
  const walk = (part: unknown, axis: number): void => {
    if (axis === dims.length) {
      data.push(part)
      if (data.length > MAX_ELEMENTS) throw fail('is too large')
      return
    }
    if (!Array.isArray(part) || part.length !== dims[axis]) throw fail('has rows of different lengths')
    for (const item of part) walk(item, axis + 1)
  }
  walk(value, 0)
  return { dims, data }
}

function checkDims(
  given: readonly number[],
  wanted: ValueInfo['dims'],
  fail: (what: string) => VillageError,
): void {
  if (wanted === undefined) return
  if (given.length !== wanted.length) throw fail(`has ${given.length} dims instead of ${wanted.length}`)
  for (const [axis, dim] of wanted.entries())
    if (typeof dim === 'number' && dim !== given[axis])
      throw fail(`has ${given[axis]} along axis ${axis} instead of ${dim}`)
}

function numberOf(value: unknown, fail: (what: string) => VillageError): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw fail('holds something that is no number')
  return value
}

function integerOf(value: unknown, min: number, max: number, fail: (what: string) => VillageError): number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
    throw fail('holds something that is no whole number of its type')
  return value as number
}
