import { setImmediate } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import type { RuntimeForm } from '../codecs/codec.ts'
import { BFLOAT16, encodeFloats, FLOAT16, FLOAT32 } from './data-types.ts'
import { encodeNode, encodeOpset, type TensorSource, tensorFromBytes } from './encode.ts'
import { type FieldRange, GRAPH_FIELD, MODEL_FIELD, type TensorInfo } from './model.ts'
import { createModelFile, type ModelFile } from './model-file.ts'
import { dequantizeNBits } from './nbits.ts'
import { type QuantizedWeight, quantizedTensors, rewriteNode } from './quantized-ops.ts'
import type { OnnxModel } from './read.ts'
import { listWeights, type WeightPlan } from './weights.ts'
import type { ByteRange } from './wire.ts'

/** What became of one replaced weight. */
export interface RewrittenWeight {
  readonly name: string
  /** Operators that run it now. */
  readonly runtime: 'MatMulNBits' | 'GatherBlockQuantized' | 'MatMulNBits+GatherBlockQuantized' | 'dense'
  readonly bits: number
  /** Bytes of the tensors that stand in the new file for it. */
  readonly sizeBytes: number
}

const CHUNK_BYTES = 1024 * 1024
/** Above this an inline file comes near protobuf's 2 GiB: the copy gets external data. */
const MAX_INLINE_SOURCE_BYTES = 2 ** 30

/**
 * Writes a runnable copy of `model` at `path` in which the named weights have their compressed values: MatMul
 * and plain Gemm become MatMulNBits (accuracy_level 4), Gather becomes GatherBlockQuantized, and where
 * neither fits the values are written as floats of the weight's own type. Everything else is copied byte for
 * byte.
 *
 * `replacements` maps names of listWeights to functions that make the values when they are written: one
 * tensor is in memory at a time. The copy uses external data where the source does. Throws INVALID_ARGUMENT
 * for a name that is not a weight or a form of the wrong size, MODEL_UNSUPPORTED for external data outside
 * the main graph.
 */
export async function rewriteModel(
  model: OnnxModel,
  path: string,
  replacements: ReadonlyMap<string, () => RuntimeForm>,
  init: { external?: boolean; signal?: AbortSignal } = {},
): Promise<RewrittenWeight[]> {
  const plans = new Map(listWeights(model, { minElements: 1 }).map((plan) => [plan.name, plan]))
  for (const name of replacements.keys())
    if (!plans.has(name))
      throw new VillageError(
        'INVALID_ARGUMENT',
        `"${name}" is not a weight of the model that can be replaced.`,
      )
  checkExternalTensors(model)
  const external = init.external ?? (model.externalTensors > 0 || model.sizeBytes > MAX_INLINE_SOURCE_BYTES)
  const file = createModelFile(path, { external })
  try {
    const results = await writeFields(model, file, plans, replacements, external, init.signal)
    file.commit()
    return results
  } finally {
    file.abort()
  }
}

/**
 * Tensors in attributes, subgraphs and functions are copied with their text, which would point at the old
 * file.
 */
function checkExternalTensors(model: OnnxModel): void {
  let inMainGraph = 0
  for (const tensor of model.graph.initializers.values())
    if (tensor.storage.kind === 'raw' && tensor.storage.file !== null) inMainGraph++
  if (inMainGraph !== model.externalTensors)
    throw new VillageError(
      'MODEL_UNSUPPORTED',
      'The model keeps external data outside the initializers of its main graph.',
    )
}

async function writeFields(
  model: OnnxModel,
  file: ModelFile,
  plans: ReadonlyMap<string, WeightPlan>,
  replacements: ReadonlyMap<string, () => RuntimeForm>,
  external: boolean,
  signal: AbortSignal | undefined,
): Promise<RewrittenWeight[]> {
  const results: RewrittenWeight[] = []
  const quantized = new Map<string, QuantizedWeight>()
  for (const field of model.fields) {
    if (field.field !== MODEL_FIELD.graph) {
      copy(model, file, field)
      continue
    }
    file.begin(MODEL_FIELD.graph)
    // Initializers first: their forms decide what the nodes become. Protobuf leaves the order of fields free.
    for (const part of model.graph.fields) {
      if (part.field !== GRAPH_FIELD.initializer) continue
      const form = replacements.get(part.name)
      if (form === undefined) copyInitializer(model, file, part, external)
      else {
        // A turn of the event loop between weights: an abort can come in.
        await setImmediate()
        signal?.throwIfAborted()
        results.push(writeReplacement(model, file, plans.get(part.name)!, form(), quantized))
      }
    }
    writeGraphRest(model, file, quantized)
    file.end()
  }
  if (quantized.size > 0 && !model.opsets.some((opset) => opset.domain === 'com.microsoft'))
    file.field(MODEL_FIELD.opsetImport, encodeOpset({ domain: 'com.microsoft', version: 1 }))
  return results
}

function writeGraphRest(
  model: OnnxModel,
  file: ModelFile,
  quantized: ReadonlyMap<string, QuantizedWeight>,
): void {
  let nodeIndex = 0
  for (const part of model.graph.fields) {
    if (part.field === GRAPH_FIELD.initializer) continue
    if (part.field === GRAPH_FIELD.node) {
      const node = model.graph.nodes[nodeIndex++]!
      const rewritten = rewriteNode(node, quantized)
      if (rewritten === undefined) copy(model, file, part)
      else for (const spec of rewritten) file.field(GRAPH_FIELD.node, encodeNode(spec))
      // Old files list initializers as inputs as well; one that is gone must not become a required input.
    } else if (!quantized.has(part.name)) copy(model, file, part)
  }
}

function copy(model: OnnxModel, file: ModelFile, range: ByteRange): void {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, range.end - range.start))
  for (let at = range.start; at < range.end; at += buffer.length) {
    const end = Math.min(range.end, at + buffer.length)
    const chunk = buffer.subarray(0, end - at)
    model.readFile({ start: at, end }, chunk)
    file.raw(chunk)
  }
}

function copyInitializer(model: OnnxModel, file: ModelFile, part: FieldRange, external: boolean): void {
  const tensor = model.graph.initializers.get(part.name)!
  // A tensor that is inline and stays inline, or has no plain bytes, keeps its whole text.
  const moves = tensor.storage.kind === 'raw' && (external || tensor.storage.file !== null)
  if (moves) file.tensor(GRAPH_FIELD.initializer, sourceOf(model, tensor))
  else copy(model, file, part)
}

function sourceOf(model: OnnxModel, tensor: TensorInfo): TensorSource {
  const sizeBytes = Math.ceil((tensor.elements * tensor.type.bits) / 8)
  return {
    name: tensor.name,
    elementType: tensor.type.code,
    dims: tensor.dims,
    sizeBytes,
    write(push) {
      const buffer = new Uint8Array(Math.min(CHUNK_BYTES, sizeBytes))
      for (let at = 0; at < sizeBytes; at += buffer.length) {
        const chunk = buffer.subarray(0, Math.min(buffer.length, sizeBytes - at))
        model.readBytes(tensor, at, chunk)
        push(chunk)
      }
    },
  }
}

function writeReplacement(
  model: OnnxModel,
  file: ModelFile,
  plan: WeightPlan,
  form: RuntimeForm,
  quantized: Map<string, QuantizedWeight>,
): RewrittenWeight {
  const made = form.kind === 'nbits' ? quantizedTensors(model.graph, plan, form) : undefined
  if (made !== undefined) {
    quantized.set(plan.name, made.weight)
    for (const tensor of made.tensors) file.tensor(GRAPH_FIELD.initializer, tensor)
    const sizeBytes = made.tensors.reduce((sum, tensor) => sum + tensor.sizeBytes, 0)
    return { name: plan.name, runtime: made.runtime, bits: made.weight.bits, sizeBytes }
  }
  const values = form.kind === 'nbits' ? dequantizeNBits(form, plan.rows, plan.cols) : form.data
  const tensor = denseTensor(plan, values)
  file.tensor(GRAPH_FIELD.initializer, tensor)
  return { name: plan.name, runtime: 'dense', bits: plan.tensor.type.bits, sizeBytes: tensor.sizeBytes }
}

/** Row-major rows × cols values as a tensor with the weight's own dims and type. */
function denseTensor(plan: WeightPlan, values: Float32Array): TensorSource {
  const { tensor, rows, cols } = plan
  if (values.length !== rows * cols)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The values of "${plan.name}" are ${values.length} instead of ${rows * cols}.`,
    )
  let data = values
  if (plan.transposed) {
    data = new Float32Array(values.length)
    for (let row = 0; row < rows; row++)
      for (let col = 0; col < cols; col++) data[col * rows + row] = values[row * cols + col]!
  }
  // listWeights lists these three types only.
  const code = tensor.type.code === FLOAT16 || tensor.type.code === BFLOAT16 ? tensor.type.code : FLOAT32
  return tensorFromBytes(tensor.name, code, tensor.dims, encodeFloats(code, data)!)
}
