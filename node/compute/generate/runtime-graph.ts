/**
 * The bytes of a `village` graph as generation loads it: the file with a few fields of its graph added, changed or left out.
 *
 * A first output that has no array form: see language-session.ts. And adapters: the builder gives their matrices defaults, and
 * onnxruntime-node feeds no input that has one. So they lose either the defaults, or, where no adapter is wanted, the nodes
 * that would multiply by zero (three for every linear layer).
 */
import { FLOAT32 } from '../onnx/data-types.ts'
import { encodeNode, MessageWriter } from '../onnx/encode.ts'
import { type FieldRange, GRAPH_FIELD, MODEL_FIELD, type NodeInfo } from '../onnx/model.ts'
import { type OnnxModel, openModel } from '../onnx/read.ts'

/** Name of the output that ends what onnxruntime-node gives back. */
export const SENTINEL = 'village_outputs_end'

/** Fields of ValueInfoProto, TypeProto and its parts in onnx.proto. */
const VALUE = { name: 1, type: 2 }
const TYPE = { tensor: 1, sequence: 4 }
const ELEMENT = 1
const ADAPTER_INPUT = /\.lora_[AB]$/

/** A first node and a first output: an empty sequence of tensors. */
function addSentinel(graph: MessageWriter): void {
  const tensor = new MessageWriter().message(TYPE.tensor, new MessageWriter().varint(ELEMENT, FLOAT32))
  const sequence = new MessageWriter().message(TYPE.sequence, new MessageWriter().message(ELEMENT, tensor))
  const output = new MessageWriter().string(VALUE.name, SENTINEL).message(VALUE.type, sequence)
  const node = encodeNode({ opType: 'SequenceEmpty', inputs: [], outputs: [SENTINEL], name: SENTINEL })
  graph.bytes(GRAPH_FIELD.node, node).message(GRAPH_FIELD.output, output)
}

/** Nodes of adapters that go, and those that only pass on what the layer gives. */
function adapterNodes(nodes: readonly NodeInfo[]): { gone: Set<NodeInfo>; passing: Set<NodeInfo> } {
  const gone = new Set<NodeInfo>()
  const products = new Set<string>()
  const passing = new Set<NodeInfo>()
  for (const node of nodes) {
    const [first, second] = node.inputs
    if (node.opType === 'MatMul' && ADAPTER_INPUT.test(second ?? '')) {
      gone.add(node)
      if (second!.endsWith('_B')) products.add(node.outputs[0]!)
    } else if (node.opType === 'Add' && second !== undefined && products.has(second) && first !== undefined)
      passing.add(node)
  }
  return { gone, passing }
}

function readRange(model: OnnxModel, range: FieldRange): Uint8Array {
  const bytes = new Uint8Array(range.end - range.start)
  model.readFile(range, bytes)
  return bytes
}

/** `adapters`: whether their matrices are inputs that must be fed; else the graph is as if there were none. */
export function readRuntimeGraph(modelPath: string, init: { adapters: boolean }): Uint8Array {
  using model = openModel(modelPath)
  const { graph } = model
  const { gone, passing } = init.adapters
    ? { gone: new Set<NodeInfo>(), passing: new Set<NodeInfo>() }
    : adapterNodes(graph.nodes)
  const out = new MessageWriter()
  for (const field of model.fields) if (field.field !== MODEL_FIELD.graph) out.raw(readRange(model, field))
  const body = new MessageWriter()
  addSentinel(body)
  let at = 0
  for (const field of graph.fields) {
    if (field.field === GRAPH_FIELD.node) {
      const node = graph.nodes[at++]!
      if (gone.has(node)) continue
      if (passing.has(node)) {
        const { inputs, outputs } = node
        body.bytes(
          GRAPH_FIELD.node,
          encodeNode({ opType: 'Identity', inputs: inputs.slice(0, 1), outputs, name: node.name }),
        )
        continue
      }
    }
    const isAdapter = ADAPTER_INPUT.test(field.name)
    if (isAdapter && field.field === GRAPH_FIELD.initializer) continue
    if (isAdapter && field.field === GRAPH_FIELD.input && !init.adapters) continue
    body.raw(readRange(model, field))
  }
  return out.message(MODEL_FIELD.graph, body).finish()
}
