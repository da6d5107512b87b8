/**
 * The weights of a language model that was built (models/builder) as `model.safetensors` in the form of Hugging Face: the same
 * names, and linear weights [outputs, inputs], which the graph holds as operands of MatMul [inputs, outputs].
 */
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { TensorInfo } from '../onnx/model.ts'
import { type OnnxModel, openModel } from '../onnx/read.ts'
import { listWeights, readRows, type WeightPlan } from '../onnx/weights.ts'
import { SAFETENSORS_FILE } from '../safetensors/read.ts'
import { type WrittenTensor, type WrittenType, writeSafetensors } from '../safetensors/write.ts'

/** Values of an initializer, in the orientation of the graph. */
export interface ParameterValues {
  readonly name: string
  readonly dims: readonly number[]
  readonly data: Float32Array
}

const CHUNK_ELEMENTS = 2 ** 20
/** What trainers store: rotary tables, masks and the matrices of adapters are called otherwise. */
const STORED_NAME = /\.(weight|bias)$/

/** Architectures whose linear weights are stored [inputs, outputs], as the graph has them. */
const STORED_AS_OPERANDS: ReadonlySet<string> = new Set(['gpt2'])

/** Rows of a matrix [inputs, outputs] as rows of its transpose. */
function* transposedRows(data: Float32Array, inputs: number, outputs: number): Generator<Float32Array> {
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / inputs))
  for (let start = 0; start < outputs; start += step) {
    const rows = Math.min(step, outputs - start)
    const band = new Float32Array(rows * inputs)
    for (let input = 0; input < inputs; input++)
      for (let row = 0; row < rows; row++) band[row * inputs + input] = data[input * outputs + start + row]!
    yield band
  }
}

function* readTransposed(model: OnnxModel, plan: WeightPlan): Generator<Float32Array> {
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / plan.cols))
  for (let row = 0; row < plan.rows; row += step)
    yield readRows(model, plan, row, Math.min(step, plan.rows - row))
}

function* readAsIs(model: OnnxModel, tensor: TensorInfo): Generator<Float32Array> {
  for (let start = 0; start < tensor.elements; start += CHUNK_ELEMENTS)
    yield model.readTensor(tensor, { start, count: Math.min(CHUNK_ELEMENTS, tensor.elements - start) })
}

const sameDims = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, index) => size === b[index])

/**
 * Writes `model.safetensors` below `outDir`: every weight of the graph at `modelPath`, those in `parameters` with the values
 * given there (a trainer's, in the orientation of the graph). Throws INVALID_ARGUMENT for a parameter that the graph does not
 * have in that shape, and for a value that float16 cannot hold.
 */
export function exportSafetensors(init: {
  /** model.onnx of the village layout. */
  modelPath: string
  outDir: string
  dtype: WrittenType
  /** Of the card: decides how linear weights lie in the file. */
  architecture: string
  parameters?: readonly ParameterValues[]
  metadata?: Readonly<Record<string, string>>
}): void {
  const { outDir, dtype } = init
  using model = openModel(init.modelPath)
  const plans = new Map(listWeights(model, { minElements: 1 }).map((plan) => [plan.name, plan]))
  const given = new Map((init.parameters ?? []).map((parameter) => [parameter.name, parameter]))
  for (const { name, dims } of given.values()) {
    const tensor = model.graph.initializers.get(name)
    if (tensor === undefined || !STORED_NAME.test(name) || !sameDims(tensor.dims, dims))
      throw new VillageError('INVALID_ARGUMENT', `The model has no weight "${name}" of this shape`)
  }
  const turns = (plan: WeightPlan | undefined): plan is WeightPlan =>
    plan?.transposed === true && !STORED_AS_OPERANDS.has(init.architecture)
  const stored = [...model.graph.initializers.values()].filter(({ name }) => STORED_NAME.test(name))
  const tensors = stored.map((tensor): WrittenTensor => {
    const { name, dims } = tensor
    const plan = plans.get(name)
    const parameter = given.get(name)
    if (turns(plan)) {
      const { rows, cols } = plan
      const values = () =>
        parameter === undefined ? readTransposed(model, plan) : transposedRows(parameter.data, cols, rows)
      return { name, dtype, shape: [rows, cols], values }
    }
    const values = () => (parameter === undefined ? readAsIs(model, tensor) : [parameter.data])
    return { name, dtype, shape: dims, values }
  })
  // `format` is what readers of other projects look for.
  const metadata = { format: 'pt', ...init.metadata }
  writeSafetensors(path.join(outDir, SAFETENSORS_FILE), tensors, metadata)
}
