import {
  type AttributeValue,
  encodeNode,
  encodeOpset,
  encodeValue,
  MessageWriter,
  type NodeSpec,
  type TensorSource,
  type ValueSpec,
} from './encode.ts'
import { GRAPH_FIELD, MODEL_FIELD, type OpsetImport } from './model.ts'
import { createModelFile } from './model-file.ts'

/** Everything that a new ONNX file says. Nodes are in topological order, as ONNX demands. */
export interface ModelSpec {
  readonly irVersion: number
  readonly producer: string
  readonly opsets: readonly OpsetImport[]
  readonly graphName: string
  readonly docString?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly nodes: readonly NodeSpec[]
  readonly inputs: readonly ValueSpec[]
  readonly outputs: readonly ValueSpec[]
  readonly initializers: readonly TensorSource[]
}

/**
 * Writes a model as one ONNX file, or as a file and `<path>.data` beside it. Tensors stream through one at a
 * time; the same spec gives the same bytes. The file appears whole or not at all.
 */
export function writeModel(path: string, spec: ModelSpec, init: { external?: boolean } = {}): void {
  const file = createModelFile(path, { external: init.external ?? false })
  try {
    const head = new MessageWriter().varint(MODEL_FIELD.irVersion, spec.irVersion)
    head.string(MODEL_FIELD.producerName, spec.producer)
    if (spec.docString !== undefined) head.string(MODEL_FIELD.docString, spec.docString)
    for (const opset of spec.opsets) head.bytes(MODEL_FIELD.opsetImport, encodeOpset(opset))
    for (const [key, value] of Object.entries(spec.metadata ?? {}))
      head.message(MODEL_FIELD.metadataProps, new MessageWriter().string(1, key).string(2, value))
    file.raw(head.finish())
    file.begin(MODEL_FIELD.graph)
    for (const node of spec.nodes) file.field(GRAPH_FIELD.node, encodeNode(node))
    file.field(GRAPH_FIELD.name, new TextEncoder().encode(spec.graphName))
    for (const input of spec.inputs) file.field(GRAPH_FIELD.input, encodeValue(input))
    for (const output of spec.outputs) file.field(GRAPH_FIELD.output, encodeValue(output))
    for (const tensor of spec.initializers) file.tensor(GRAPH_FIELD.initializer, tensor)
    file.end()
    file.commit()
  } finally {
    file.abort()
  }
}

/**
 * Collects nodes and initializers of a graph under names made from its operators; `add` returns the output's
 * name.
 */
export interface GraphBuilder {
  readonly nodes: readonly NodeSpec[]
  readonly initializers: readonly TensorSource[]
  add(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
    output?: string,
  ): string
  addMany(
    opType: string,
    inputs: readonly string[],
    outputs: number,
    attributes?: Readonly<Record<string, AttributeValue>>,
  ): string[]
  /** Any node: of another domain, with outputs that are left out (''), with a name of its own. */
  addNode(node: NodeSpec): void
  tensor(source: TensorSource): string
}

export function createGraphBuilder(): GraphBuilder {
  const nodes: NodeSpec[] = []
  const initializers: TensorSource[] = []
  const tensorNames = new Set<string>()

  function push(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> | undefined,
  ): void {
    nodes.push({
      opType,
      inputs,
      outputs,
      name: `${opType}_${nodes.length}`,
      ...(attributes && { attributes }),
    })
  }

  return {
    nodes,
    initializers,
    add(opType, inputs, attributes, output = `${opType}_${nodes.length}_out`) {
      push(opType, inputs, [output], attributes)
      return output
    },
    addMany(opType, inputs, outputs, attributes) {
      const names = Array.from({ length: outputs }, (_, index) => `${opType}_${nodes.length}_out${index}`)
      push(opType, inputs, names, attributes)
      return names
    },
    addNode(node) {
      nodes.push({ ...node, name: node.name ?? `${node.opType}_${nodes.length}` })
    },
    tensor(source) {
      if (!tensorNames.has(source.name)) initializers.push(source)
      tensorNames.add(source.name)
      return source.name
    },
  }
}
