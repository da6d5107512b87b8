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

/** Elements of the floating-point initializers; shapes, axes and lone constants are not parameters. */
function countParameters(model: OnnxModel): number {
  let parameters = 0
  for (const tensor of model.graph.initializers.values())
    if (tensor.type.name.includes('float') && tensor.dims.length > 0) parameters += tensor.elements
  return parameters
}

function describeValue(value: ValueInfo): JsonObject {
  return {
    name: value.name,
    type: dataTypeByCode(value.elementType)?.name ?? null,
    dims: value.dims ?? null,
  }
}
