import { freshName } from './copy-model.ts'
import { encodeFloats, UINT8 } from './data-types.ts'
import type { AttributeValue, NodeSpec } from './encode.ts'
import type { GraphInfo, NodeInfo } from './model.ts'
import type { TensorHeader } from './model-file.ts'
import { blocksPerRow, type NBits, type NBitsLayout, trimPadding } from './nbits.ts'
import type { WeightPlan } from './weights.ts'

/** onnxruntime's level for int8 activations: the fast path of MatMulNBits on CPUs. */
const ACCURACY_LEVEL = 4

/** The operators that run quantised weights, and which operators they stand for. */
type Kind = 'matmul' | 'gather'
const KIND_OF: Readonly<Record<string, Kind>> = { MatMul: 'matmul', Gemm: 'matmul', Gather: 'gather' }

/** Names of the tensors that replace one weight, by kind of operator. */
export interface QuantizedWeight {
  readonly rows: number
  readonly cols: number
  readonly bits: number
  readonly blockSize: number
  readonly inputs: ReadonlyMap<Kind, readonly string[]>
}

/** One of the tensors that replace a weight: its rows are made from those of the form, slice by slice. */
export interface QuantizedTensor {
  readonly header: TensorHeader
  bytes(form: NBits, rows: number): Uint8Array
}

export interface QuantizedTensors {
  readonly weight: QuantizedWeight
  readonly tensors: readonly QuantizedTensor[]
  readonly runtime: 'MatMulNBits' | 'GatherBlockQuantized' | 'MatMulNBits+GatherBlockQuantized'
}

/**
 * The tensors of a quantised weight for MatMulNBits and GatherBlockQuantized (onnxruntime's
 * ContribOperators.md), or undefined where some use of the weight has no quantised operator: then it must be
 * written as floats.
 */
export function quantizedTensors(
  graph: GraphInfo,
  plan: WeightPlan,
  layout: NBitsLayout,
): QuantizedTensors | undefined {
  if (plan.runtime !== 'quantized') return undefined
  const { bits, blockSize } = layout
  const { rows, cols } = plan
  const kinds = new Set(plan.uses.map((operator) => KIND_OF[operator]!))
  // GatherBlockQuantized takes rows of whole bytes.
  const gathers = kinds.has('gather')
  if (gathers && (cols * bits) % 8 !== 0) return undefined
  const taken = takenNames(graph)
  const blocks = blocksPerRow(cols, blockSize)
  const tensors: QuantizedTensor[] = []
  const push = (
    suffix: string,
    shape: { elementType: number; dims: readonly number[]; elementBytes: number },
    bytes: QuantizedTensor['bytes'],
  ): string => {
    const { elementType, dims, elementBytes } = shape
    const sizeBytes = dims.reduce((product, dim) => product * dim, elementBytes)
    const name = freshName(taken, `${plan.name}_${suffix}`)
    tensors.push({ header: { name, elementType, dims, sizeBytes }, bytes })
    return name
  }
  const codes = (dims: readonly number[]) => ({ elementType: UINT8, dims, elementBytes: 1 })
  const scaleType = plan.tensor.type
  const scales = push(
    'scales',
    { elementType: scaleType.code, dims: [rows, blocks], elementBytes: scaleType.bits / 8 },
    (form) => encodeFloats(scaleType.code, form.scales)!,
  )
  const zeros = layout.zeroPoints
    ? [push('zero_points', codes([rows, Math.ceil((blocks * bits) / 8)]), (form) => form.zeroPoints!)]
    : []
  const inputs = new Map<Kind, readonly string[]>()
  if (kinds.has('matmul')) {
    const dims = [rows, blocks, (blockSize * bits) / 8]
    inputs.set('matmul', [push(`q${bits}`, codes(dims), (form) => form.packed), scales, ...zeros])
  }
  if (gathers) {
    const trim = (form: NBits, count: number) => trimPadding(form, count, cols)
    inputs.set('gather', [push(`table_q${bits}`, codes([rows, (cols * bits) / 8]), trim), scales, ...zeros])
  }
  const runtime = !gathers
    ? 'MatMulNBits'
    : kinds.size === 1
      ? 'GatherBlockQuantized'
      : 'MatMulNBits+GatherBlockQuantized'
  return { weight: { rows, cols, bits, blockSize, inputs }, tensors, runtime }
}

function takenNames(graph: GraphInfo): Set<string> {
  const names = new Set(graph.initializers.keys())
  for (const value of [...graph.inputs, ...graph.outputs]) names.add(value.name)
  for (const node of graph.nodes) for (const output of node.outputs) names.add(output)
  return names
}

/** The nodes that take the place of `node`, or undefined where none of its weights is quantised. */
export function rewriteNode(
  node: NodeInfo,
  quantized: ReadonlyMap<string, QuantizedWeight>,
): NodeSpec[] | undefined {
  const kind = node.domain === '' ? KIND_OF[node.opType] : undefined
  if (kind === undefined) return undefined
  const weightInput = kind === 'gather' ? 0 : 1
  const weight = quantized.get(node.inputs[weightInput] ?? '')
  if (weight === undefined) return undefined
  return kind === 'gather' ? [gatherNode(node, weight)] : matMulNodes(node, weight)
}

function gatherNode(node: NodeInfo, weight: QuantizedWeight): NodeSpec {
  const [data, ...rest] = weight.inputs.get('gather')!
  const attributes: Record<string, AttributeValue> = {
    gather_axis: { int: 0 },
    quantize_axis: { int: 1 },
    block_size: { int: weight.blockSize },
    bits: { int: weight.bits },
  }
  return {
    opType: 'GatherBlockQuantized',
    domain: 'com.microsoft',
    name: node.name,
    inputs: [data!, node.inputs[1]!, ...rest],
    outputs: node.outputs,
    attributes,
  }
}

function matMulNodes(node: NodeInfo, weight: QuantizedWeight): NodeSpec[] {
  const bias = node.opType === 'Gemm' ? node.inputs[2] : undefined
  const output = node.outputs[0]!
  const product = bias ? `${output}_product` : output
  const attributes: Record<string, AttributeValue> = {
    K: { int: weight.cols },
    N: { int: weight.rows },
    bits: { int: weight.bits },
    block_size: { int: weight.blockSize },
    accuracy_level: { int: ACCURACY_LEVEL },
  }
  const matMul: NodeSpec = {
    opType: 'MatMulNBits',
    domain: 'com.microsoft',
    name: node.name,
    inputs: [node.inputs[0]!, ...weight.inputs.get('matmul')!],
    outputs: [product],
    attributes,
  }
  if (!bias) return [matMul]
  return [matMul, { opType: 'Add', name: `${node.name}_bias`, inputs: [product, bias], outputs: [output] }]
}
