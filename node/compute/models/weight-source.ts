/**
 * The weights of a model, whatever it is stored as: ONNX, where the operators that read a tensor say how its matrix lies, or
 * safetensors, whose tensors of two dimensions are matrices [outputs, inputs] as trainers write them.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { WeightMatrix } from '../codecs/codec.ts'
import { dataTypeByCode } from '../onnx/data-types.ts'
import { openModel } from '../onnx/read.ts'
import { listWeights, readRows } from '../onnx/weights.ts'
import { floatTypeOf, type SafeTensor } from '../safetensors/header.ts'
import { openSafetensors, safetensorsFiles } from '../safetensors/read.ts'
import { PACKED_FILE } from './model-files.ts'

/** A weight that a codec may compress, in plain data. */
export interface WeightSummary {
  readonly name: string
  readonly type: string
  readonly dims: readonly number[]
  readonly rows: number
  readonly cols: number
  readonly transposed: boolean
  readonly runtime: 'quantized' | 'dense'
  /** Operators that read it; none where the format does not say. */
  readonly uses: readonly string[]
}

export interface WeightSource extends Disposable {
  /** Weights of at least `minElements` elements, in the order of the file. */
  weights(minElements?: number): WeightSummary[]
  /**
   * Throws INVALID_ARGUMENT for a name that is not a weight, for rows that it does not have, and, before anything of it is
   * in memory, where it has other columns than `cols`. `scratch`, of at least as many elements, may be what holds the
   * result: whoever walks through a model then needs one array for all of it.
   */
  readRows(name: string, startRow: number, rows: number, cols?: number, scratch?: Float32Array): WeightMatrix
}

const DEFAULT_MIN_ELEMENTS = 1024

export type ModelFormat = 'onnx' | 'safetensors' | 'packed'

/** What a model directory holds, by the path that its ONNX file has or would have; ONNX where it holds nothing. */
export function formatOf(modelPath: string): ModelFormat {
  if (existsSync(modelPath)) return 'onnx'
  const directory = path.dirname(modelPath)
  if (existsSync(path.join(directory, PACKED_FILE))) return 'packed'
  return safetensorsFiles(directory) === null ? 'onnx' : 'safetensors'
}

const OPENERS: Readonly<Record<ModelFormat, (modelPath: string) => WeightSource>> = {
  onnx: onnxWeights,
  safetensors: (modelPath) => safetensorsWeights(path.dirname(modelPath)),
  packed: () => NO_WEIGHTS,
}

/** Throws NOT_FOUND where there is no model, and what the readers throw. */
export function openWeights(modelPath: string): WeightSource {
  return OPENERS[formatOf(modelPath)](modelPath)
}

/** What is compressed already has nothing left to compress. */
const NO_WEIGHTS: WeightSource = {
  weights: () => [],
  readRows(name) {
    throw noWeight(name)
  },
  [Symbol.dispose]() {
    // Nothing was opened.
  },
}

export const noWeight = (name: string) =>
  new VillageError('INVALID_ARGUMENT', `The model has no weight "${name}" that can be compressed.`)

function checkCols(name: string, cols: number, expected: number | undefined): void {
  if (expected === undefined || expected === cols) return
  throw new VillageError('INVALID_ARGUMENT', `The weight "${name}" has ${cols} columns`, {
    fields: { argument: 'cols' },
  })
}

function onnxWeights(modelPath: string): WeightSource {
  const model = openModel(modelPath)
  return {
    weights: (minElements = DEFAULT_MIN_ELEMENTS) =>
      listWeights(model, { minElements }).map(
        ({ name, tensor, rows, cols, transposed, runtime, uses }): WeightSummary => ({
          name,
          type: tensor.type.name,
          dims: tensor.dims,
          rows,
          cols,
          transposed,
          runtime,
          uses,
        }),
      ),
    readRows(name, startRow, rows, expectedCols, scratch) {
      const plan = listWeights(model, { minElements: 1 }).find((weight) => weight.name === name)
      if (plan === undefined) throw noWeight(name)
      checkCols(name, plan.cols, expectedCols)
      const into = scratch?.subarray(0, rows * plan.cols)
      return { rows, cols: plan.cols, data: readRows(model, plan, startRow, rows, into) }
    },
    [Symbol.dispose]: () => model.close(),
  }
}

/** Matrices of floats: everything else is carried along as it is. */
export function isMatrix({ dtype, shape, elements }: SafeTensor): boolean {
  return floatTypeOf(dtype) !== undefined && shape.length === 2 && elements > 0
}

function safetensorsWeights(directory: string): WeightSource {
  const model = openSafetensors(directory)
  return {
    weights: (minElements = DEFAULT_MIN_ELEMENTS) =>
      model.tensors
        .filter((tensor) => isMatrix(tensor) && tensor.elements >= Math.max(1, minElements))
        .map(({ name, dtype, shape }) => ({
          name,
          type: dataTypeByCode(floatTypeOf(dtype)!)!.name,
          dims: shape,
          rows: shape[0]!,
          cols: shape[1]!,
          transposed: false,
          runtime: 'dense',
          uses: [],
        })),
    readRows(name, startRow, rows, expectedCols) {
      const tensor = model.tensors.find((one) => one.name === name)
      if (tensor === undefined || !isMatrix(tensor)) throw noWeight(name)
      const [height, cols] = tensor.shape as readonly [number, number]
      checkCols(name, cols, expectedCols)
      const isInside =
        Number.isInteger(startRow) &&
        Number.isInteger(rows) &&
        startRow >= 0 &&
        rows >= 0 &&
        startRow + rows <= height
      if (!isInside)
        throw new VillageError(
          'INVALID_ARGUMENT',
          `Rows ${startRow} to ${startRow + rows} lie outside weight "${name}" of ${height} rows.`,
        )
      return { rows, cols, data: model.readFloats(tensor, startRow * cols, rows * cols) }
    },
    [Symbol.dispose]: () => model[Symbol.dispose](),
  }
}
