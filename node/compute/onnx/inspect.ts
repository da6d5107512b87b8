import type { JsonObject } from '../../json.ts'
import { dataTypeByCode } from './data-types.ts'
import type { ValueInfo } from './model.ts'
import type { OnnxModel } from './read.ts'
import { listWeights } from './weights.ts'

/** A description of a model for people and programs: JSON, made from its structure alone. */
export function inspectModel(model: OnnxModel): JsonObject {
  const operators: Record<string, number> = {}
  for (const node of model.graph.nodes) {
    const name = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`
    operators[name] = (operators[name] ?? 0) + 1
  }
  const compressible = new Set(listWeights(model).map((plan) => plan.name))
  const tensors = [...model.graph.initializers.values()].map((tensor) => ({
    name: tensor.name,
    type: tensor.type.name,
    dims: tensor.dims,
    sizeBytes: Math.ceil((tensor.elements * tensor.type.bits) / 8),
    compressible: compressible.has(tensor.name),
  }))
  return {
    irVersion: model.irVersion,
    opsets: model.opsets.map(({ domain, version }) => ({ domain, version })),
    inputs: model.graph.inputs.map(describeValue),
    outputs: model.graph.outputs.map(describeValue),
    operators,
    tensors,
    parameters: countParameters(model),
    sizeBytes: model.sizeBytes,
    externalFiles: model.externalFiles.length,
  }
}

const BITS_OF_A_BYTE = 8

/**
 * Elements of the floating-point initializers; shapes, axes and lone constants are not parameters. A quantised weight
 * counts as the numbers that it stands for, so that compressing a model does not change what it is said to have.
 */
function countParameters(model: OnnxModel): number {
  const { nodes, initializers } = model.graph
  const quantized = new Map<string, number>()
  for (const { opType, inputs, attributes } of nodes) {
    const int = (name: string, absent: number) => Number(attributes.get(name)?.int ?? absent)
    if (opType === 'MatMulNBits') {
      for (const name of inputs.slice(1, 4)) quantized.set(name, 0) // codes, scales, zero points
      quantized.set(inputs[1]!, int('K', 0) * int('N', 0))
    } else if (opType === 'GatherBlockQuantized') {
      const [data = ''] = inputs
      const codes = initializers.get(data)
      for (const name of inputs.slice(2, 4)) quantized.set(name, 0)
      const perElement = codes?.type.bits === BITS_OF_A_BYTE ? BITS_OF_A_BYTE / int('bits', 4) : 1
      quantized.set(data, (codes?.elements ?? 0) * perElement)
    }
  }
  let parameters = [...quantized.values()].reduce((sum, count) => sum + count, 0)
  for (const tensor of initializers.values())
    if (!quantized.has(tensor.name) && tensor.type.name.includes('float') && tensor.dims.length > 0)
      parameters += tensor.elements
  return parameters
}

function describeValue(value: ValueInfo): JsonObject {
  return {
    name: value.name,
    type: dataTypeByCode(value.elementType)?.name ?? null,
    dims: value.dims ?? null,
  }
}
