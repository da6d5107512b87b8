/** Copies the part of a model that makes one output onto a tape, with concrete shapes and without fused operators. */
import { VillageError } from '../../../errors.ts'
import { FLOAT32, INT64 } from '../../onnx/data-types.ts'
import type { AttributeValue } from '../../onnx/encode.ts'
import type { AttributeInfo, NodeInfo, TensorInfo } from '../../onnx/model.ts'
import type { OnnxModel } from '../../onnx/read.ts'
import type { Attributes } from '../operators/operator.ts'
import { OPERATORS } from '../operators/table.ts'
import { LOWERINGS } from './lowering.ts'
import type { Tape } from './tape.ts'

export interface LoadInit {
  readonly output: string
  /** Values of the tape that stand for the model's inputs; '' for one that training does not use. */
  readonly inputs: ReadonlyMap<string, string>
  /** The value of the tape that stands for a float32 initializer, or null to keep it as a constant. */
  readonly initializer: (tensor: TensorInfo) => string | null
}

/** Before it, axes and the meaning of Softmax were others. */
const OLDEST_OPSET = 13
/** Larger limits stand for "to the end" and would not be exact numbers. */
const MAX_INTEGER = Number.MAX_SAFE_INTEGER

/**
 * Returns the tape's name of the output. The model stays open until the tape is written: constants are read then.
 * Throws TRAIN_OPERATOR_UNSUPPORTED with the operator and the node, MODEL_UNSUPPORTED for inputs that are not known.
 */
export function loadGraph(tape: Tape, model: OnnxModel, init: LoadInit): string {
  const { graph } = model
  if (opsetOf(model) < OLDEST_OPSET)
    throw new VillageError('MODEL_UNSUPPORTED', `Training takes models of opset ${OLDEST_OPSET} or later.`)
  const names = new Map<string, string>()
  for (const tensor of graph.initializers.values()) {
    const replaced = tensor.type.code === FLOAT32 ? init.initializer(tensor) : null
    names.set(tensor.name, replaced ?? constantOf(tape, model, tensor, tensor.name))
  }
  for (const { name } of graph.inputs) {
    const given = init.inputs.get(name)
    if (given !== undefined) names.set(name, given)
  }
  for (const node of neededNodes(graph.nodes, init.output)) loadNode(tape, model, node, names)
  const output = names.get(init.output)
  if (output === undefined)
    throw new VillageError('MODEL_UNSUPPORTED', `The model makes no value "${init.output}".`)
  return output
}

/** Version of the ONNX operators that the model uses. */
export function opsetOf(model: OnnxModel): number {
  return model.opsets.find(({ domain }) => domain === '')?.version ?? 0
}

/** Nodes on the way to the output, in the model's order. */
function neededNodes(nodes: readonly NodeInfo[], output: string): NodeInfo[] {
  const wanted = new Set([output])
  const needed: NodeInfo[] = []
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue
    for (const name of node.inputs) wanted.add(name)
    needed.push(node)
  }
  return needed.reverse()
}

function loadNode(tape: Tape, model: OnnxModel, node: NodeInfo, names: Map<string, string>): void {
  const { opType } = node
  if (opType === 'Constant') {
    const tensor = node.attributes.get('value')?.tensors[0]
    if (tensor === undefined) throw cannot(node)
    names.set(node.outputs[0]!, constantOf(tape, model, tensor, node.outputs[0]!))
    return
  }
  const isLowered = Object.hasOwn(LOWERINGS, opType)
  const inputs = node.inputs.map((name) => {
    if (name === '') return ''
    const known = names.get(name)
    // What training leaves out, such as the cache, only operators that are rewritten can do without.
    if (known === undefined || (known === '' && !isLowered))
      throw new VillageError('MODEL_UNSUPPORTED', `Training does not know the model's input "${name}".`, {
        fields: { input: name, node: node.name },
      })
    return known
  })
  while (inputs.at(-1) === '') inputs.pop()
  const outputs = convert(tape, node, inputs)
  for (const [index, name] of node.outputs.entries()) {
    const made = outputs[index]
    if (made !== undefined && name !== '') names.set(name, made)
  }
}

function convert(tape: Tape, node: NodeInfo, inputs: readonly string[]): readonly (string | undefined)[] {
  const { opType, domain } = node
  const attributes = attributesOf(node)
  const lowering = Object.hasOwn(LOWERINGS, opType) ? LOWERINGS[opType] : undefined
  if (lowering === undefined && !Object.hasOwn(OPERATORS, opType)) throw cannot(node)
  if (lowering !== undefined) return lowering(tape, inputs, attributes)
  return tape.addMany(opType, inputs, attributes, { domain, outputs: Math.max(1, node.outputs.length) })
}

function cannot(node: NodeInfo): VillageError {
  const message = `The operator ${node.opType} (node "${node.name}") cannot be trained.`
  return new VillageError('TRAIN_OPERATOR_UNSUPPORTED', message, {
    fields: { operator: node.opType, node: node.name },
  })
}

function attributesOf(node: NodeInfo): Attributes {
  const attributes: Record<string, AttributeValue> = {}
  for (const [name, info] of node.attributes) {
    const value = attributeOf(info)
    if (value === undefined) throw cannot(node)
    attributes[name] = value
  }
  return attributes
}

function attributeOf({ int, float, string, ints }: AttributeInfo): AttributeValue | undefined {
  if (int !== undefined) return { int: Number(int) }
  if (float !== undefined) return { float }
  if (string !== undefined) return { string: new TextDecoder().decode(string) }
  return ints.length > 0 ? { ints: ints.map(Number) } : undefined
}

/** Whole numbers are known to the tape (shapes and axes depend on them); floats are read when the graph is written. */
function constantOf(tape: Tape, model: OnnxModel, tensor: TensorInfo, name: string): string {
  const { type, dims, elements } = tensor
  if (type.code === INT64) {
    const clamp = (value: number) => Math.min(MAX_INTEGER, Math.max(-MAX_INTEGER, value))
    return tape.integers(Array.from(model.readTensor(tensor), clamp), dims)
  }
  if (type.code === FLOAT32 && elements <= 1) return tape.floats(dims, model.readTensor(tensor))
  const sizeBytes = Math.ceil((elements * type.bits) / 8)
  return tape.constant({
    // Names that the tape makes have no colon.
    name: `model:${name}`,
    elementType: type.code,
    dims,
    sizeBytes,
    write: (push) => {
      if (type.code === FLOAT32) {
        const chunk = 2 ** 18
        for (let start = 0; start < elements; start += chunk) {
          const values = model.readTensor(tensor, { start, count: Math.min(chunk, elements - start) })
          push(new Uint8Array(values.buffer))
        }
        return
      }
      const bytes = new Uint8Array(sizeBytes)
      model.readBytes(tensor, 0, bytes)
      push(bytes)
    },
  })
}
