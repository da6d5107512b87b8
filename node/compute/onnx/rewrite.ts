import { setImmediate } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import type { RuntimeForm } from '../codecs/codec.ts'
import { copyRange } from './copy-model.ts'
import { createDenseWriter } from './dense-writer.ts'
import { encodeNode, encodeOpset, type TensorSource } from './encode.ts'
import { type FieldRange, GRAPH_FIELD, MODEL_FIELD, type TensorInfo } from './model.ts'
import { createModelFile, type ModelFile } from './model-file.ts'
import { checkNBits, dequantizeNBits, layoutOf } from './nbits.ts'
import {
  type QuantizedTensors,
  type QuantizedWeight,
  quantizedTensors,
  rewriteNode,
} from './quantized-ops.ts'
import type { OnnxModel } from './read.ts'
import { listWeights, type WeightPlan } from './weights.ts'

/**
 * The new values of one weight: forms of consecutive rows, in their order, of one layout. They are asked for once, when
 * the weight is written, and one is in memory at a time.
 */
export type Replacement = () => Iterable<RuntimeForm>

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
 * `replacements` maps names of listWeights to functions that make the values slice by slice when they are written.
 * The copy uses external data where the source does. Throws INVALID_ARGUMENT
 * for a name that is not a weight and for forms that do not make up their weight, MODEL_UNSUPPORTED for external data outside
 * the main graph.
 */
export async function rewriteModel(
  model: OnnxModel,
  path: string,
  replacements: ReadonlyMap<string, Replacement>,
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
  replacements: ReadonlyMap<string, Replacement>,
  external: boolean,
  signal: AbortSignal | undefined,
): Promise<RewrittenWeight[]> {
  const results: RewrittenWeight[] = []
  const quantized = new Map<string, QuantizedWeight>()
  for (const field of model.fields) {
    if (field.field !== MODEL_FIELD.graph) {
      copyRange(model, file, field)
      continue
    }
    file.begin(MODEL_FIELD.graph)
    // Initializers first: their forms decide what the nodes become. Protobuf leaves the order of fields free.
    for (const part of model.graph.fields) {
      if (part.field !== GRAPH_FIELD.initializer) continue
      const replacement = replacements.get(part.name)
      if (replacement === undefined) copyInitializer(model, file, part, external)
      else {
        // A turn of the event loop between weights: an abort can come in.
        await setImmediate()
        signal?.throwIfAborted()
        results.push(
          await writeReplacement(model, file, plans.get(part.name)!, replacement(), { quantized, signal }),
        )
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
      if (rewritten === undefined) copyRange(model, file, part)
      else for (const spec of rewritten) file.field(GRAPH_FIELD.node, encodeNode(spec))
      // Old files list initializers as inputs as well; one that is gone must not become a required input.
    } else if (!quantized.has(part.name)) copyRange(model, file, part)
  }
}

function copyInitializer(model: OnnxModel, file: ModelFile, part: FieldRange, external: boolean): void {
  const tensor = model.graph.initializers.get(part.name)!
  // A tensor that is inline and stays inline, or has no plain bytes, keeps its whole text.
  const moves = tensor.storage.kind === 'raw' && (external || tensor.storage.file !== null)
  if (moves) file.tensor(GRAPH_FIELD.initializer, sourceOf(model, tensor))
  else copyRange(model, file, part)
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

interface ReplacementContext {
  readonly quantized: Map<string, QuantizedWeight>
  readonly signal: AbortSignal | undefined
}

async function writeReplacement(
  model: OnnxModel,
  file: ModelFile,
  plan: WeightPlan,
  forms: Iterable<RuntimeForm>,
  context: ReplacementContext,
): Promise<RewrittenWeight> {
  const parts = forms[Symbol.iterator]()
  try {
    const first = parts.next()
    if (first.done === true) throw misfit(plan, 'no values')
    const all = (function* () {
      yield first.value
      for (let part = parts.next(); part.done !== true; part = parts.next()) yield part.value
    })()
    const made =
      first.value.kind === 'nbits' ? quantizedTensors(model.graph, plan, layoutOf(first.value)) : undefined
    if (made === undefined) return await writeDense(file, plan, all, context)
    context.quantized.set(plan.name, made.weight)
    return await writeQuantized(file, plan, made, all, context)
  } finally {
    // Whatever went wrong, a generator closes the file that it reads from.
    parts.return?.()
  }
}

function misfit(plan: WeightPlan, what: string): VillageError {
  return new VillageError(
    'INVALID_ARGUMENT',
    `The forms of "${plan.name}" (${plan.rows} × ${plan.cols}) have ${what}.`,
  )
}

/** Rows of a form; what does not come out even is found when its sizes are checked. */
function rowsOf(form: RuntimeForm, cols: number): number {
  const rows =
    form.kind === 'dense' ? form.data.length / cols : form.scales.length / Math.ceil(cols / form.blockSize)
  return Math.floor(rows)
}

async function writeQuantized(
  file: ModelFile,
  plan: WeightPlan,
  made: QuantizedTensors,
  forms: Iterable<RuntimeForm>,
  { signal }: ReplacementContext,
): Promise<RewrittenWeight> {
  const { weight, tensors, runtime } = made
  const slots = tensors.map(({ header, bytes }) => ({
    slot: file.place(GRAPH_FIELD.initializer, header),
    rowBytes: header.sizeBytes / plan.rows,
    bytes,
  }))
  const zeroPoints = weight.inputs.values().next().value!.length > 2
  let row = 0
  for (const form of forms) {
    const rows = rowsOf(form, plan.cols)
    const fits =
      form.kind === 'nbits' &&
      form.bits === weight.bits &&
      form.blockSize === weight.blockSize &&
      (form.zeroPoints !== null) === zeroPoints
    if (!fits) throw misfit(plan, 'different layouts')
    checkNBits(plan.name, form, rows, plan.cols)
    if (row + rows > plan.rows) throw misfit(plan, 'too many rows')
    for (const { slot, rowBytes, bytes } of slots) slot.write(row * rowBytes, bytes(form, rows))
    row += rows
    await setImmediate()
    signal?.throwIfAborted()
  }
  if (row !== plan.rows) throw misfit(plan, `${row} rows`)
  for (const { slot } of slots) slot.end()
  const sizeBytes = tensors.reduce((sum, { header }) => sum + header.sizeBytes, 0)
  return { name: plan.name, runtime, bits: weight.bits, sizeBytes }
}

/** With the weight's own dims and type; listWeights lists float types only. */
async function writeDense(
  file: ModelFile,
  plan: WeightPlan,
  forms: Iterable<RuntimeForm>,
  { signal }: ReplacementContext,
): Promise<RewrittenWeight> {
  const { name, rows, cols, transposed } = plan
  const { type, dims } = plan.tensor
  const sizeBytes = (rows * cols * type.bits) / 8
  const slot = file.place(GRAPH_FIELD.initializer, { name, elementType: type.code, dims, sizeBytes })
  const shape = { name, rows, cols, transposed, elementType: type.code }
  const writer = createDenseWriter(shape, (offset, bytes) => slot.write(offset, bytes))
  for (const form of forms) {
    if (form.kind === 'dense') writer.push(form.data)
    else {
      const count = rowsOf(form, cols)
      checkNBits(name, form, count, cols)
      writer.push(dequantizeNBits(form, count, cols))
    }
    await setImmediate()
    signal?.throwIfAborted()
  }
  writer.end()
  slot.end()
  return { name, runtime: 'dense', bits: type.bits, sizeBytes }
}
