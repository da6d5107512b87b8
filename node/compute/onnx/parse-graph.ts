import {
  ATTRIBUTE_FIELD,
  type AttributeInfo,
  type FieldRange,
  GRAPH_FIELD,
  type GraphInfo,
  NODE_FIELD,
  type NodeInfo,
  type TensorInfo,
  type ValueInfo,
} from './model.ts'
import { type ExternalResolver, parseTensor } from './parse-tensor.ts'
import { type ByteRange, WIRE_BYTES, WIRE_VARINT, type WireCursor } from './wire.ts'

/** Reads a GraphProto: structure, names, and where everything lies; no tensor data. */
export function parseGraph(
  cursor: WireCursor,
  message: ByteRange,
  external: ExternalResolver,
  depth = 0,
): GraphInfo {
  if (depth > cursor.limits.depth)
    throw cursor.malformed(`graphs are nested more than ${cursor.limits.depth} deep`)
  const { end } = message
  const nodes: NodeInfo[] = []
  const initializers = new Map<string, TensorInfo>()
  const inputs: ValueInfo[] = []
  const outputs: ValueInfo[] = []
  const fields: FieldRange[] = []
  let name = ''
  cursor.position = message.start
  let start = cursor.position
  for (let tag = cursor.tag(end); tag !== undefined; tag = cursor.tag(end)) {
    const { field, wire } = tag
    let fieldName = ''
    if (wire === WIRE_BYTES) {
      const range = cursor.range(end, `graph field ${field}`)
      if (field === GRAPH_FIELD.node) nodes.push(parseNode(cursor, range, external, depth))
      else if (field === GRAPH_FIELD.name) name = decodeName(cursor, range)
      else if (field === GRAPH_FIELD.initializer) {
        const tensor = parseTensor(cursor, range, external)
        if (initializers.has(tensor.name))
          throw cursor.malformed(`two initializers are called "${tensor.name}"`)
        initializers.set(tensor.name, tensor)
        fieldName = tensor.name
      } else if (
        field === GRAPH_FIELD.input ||
        field === GRAPH_FIELD.output ||
        field === GRAPH_FIELD.valueInfo
      ) {
        const value = parseValueInfo(cursor, range)
        if (field === GRAPH_FIELD.input) inputs.push(value)
        if (field === GRAPH_FIELD.output) outputs.push(value)
        fieldName = value.name
      } else if (field === GRAPH_FIELD.sparseInitializer) parseSparse(cursor, range, external)
      cursor.position = range.end
    } else cursor.skip(wire, end, `graph field ${field}`)
    cursor.countItem()
    fields.push({ field, name: fieldName, start, end: cursor.position })
    start = cursor.position
  }
  return {
    name,
    nodes,
    initializers,
    inputs,
    outputs,
    fields,
    freeNames: findFreeNames(nodes, initializers, inputs, outputs),
  }
}

function decodeName(cursor: WireCursor, range: ByteRange): string {
  return new TextDecoder().decode(cursor.bytes(range, 'a name'))
}

function findFreeNames(
  nodes: readonly NodeInfo[],
  initializers: ReadonlyMap<string, TensorInfo>,
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
): Set<string> {
  const made = new Set([...initializers.keys(), ...inputs.map((input) => input.name)])
  const free = new Set<string>()
  for (const node of nodes) for (const output of node.outputs) made.add(output)
  for (const output of outputs) if (!made.has(output.name)) free.add(output.name)
  for (const node of nodes) {
    for (const input of node.inputs) if (input !== '' && !made.has(input)) free.add(input)
    for (const attribute of node.attributes.values())
      for (const graph of attribute.graphs)
        for (const read of graph.freeNames) if (!made.has(read)) free.add(read)
  }
  return free
}

/** One for all nodes without any: a file of a million empty nodes must not cost a million maps. */
const NO_ATTRIBUTES: ReadonlyMap<string, AttributeInfo> = new Map()

/** Reads a NodeProto, with the graphs in its attributes. */
export function parseNode(
  cursor: WireCursor,
  message: ByteRange,
  external: ExternalResolver,
  depth: number,
): NodeInfo {
  cursor.countItem()
  cursor.position = message.start
  const { end } = message
  const inputs: string[] = []
  const outputs: string[] = []
  let attributes: Map<string, AttributeInfo> | undefined
  let name = ''
  let opType = ''
  let domain = ''
  for (let tag = cursor.tag(end); tag !== undefined; tag = cursor.tag(end)) {
    const { field, wire } = tag
    if (wire !== WIRE_BYTES) cursor.skip(wire, end, 'a node field')
    else if (field === NODE_FIELD.input) inputs.push(cursor.string(end, 'a node input'))
    else if (field === NODE_FIELD.output) outputs.push(cursor.string(end, 'a node output'))
    else if (field === NODE_FIELD.name) name = cursor.string(end, 'a node name')
    else if (field === NODE_FIELD.opType) opType = cursor.string(end, 'an operator name')
    else if (field === NODE_FIELD.domain) domain = cursor.string(end, 'an operator domain')
    else if (field === NODE_FIELD.attribute) {
      const range = cursor.range(end, 'an attribute')
      const attribute = parseAttribute(cursor, range, external, depth)
      attributes ??= new Map()
      attributes.set(attribute.name, attribute)
      cursor.position = range.end
    } else cursor.skip(wire, end, 'a node field')
  }
  if (domain === 'ai.onnx') domain = ''
  return { name, opType, domain, inputs, outputs, attributes: attributes ?? NO_ATTRIBUTES, message }
}

function parseAttribute(
  cursor: WireCursor,
  message: ByteRange,
  external: ExternalResolver,
  depth: number,
): AttributeInfo {
  cursor.countItem()
  cursor.position = message.start
  const { end } = message
  const ints: bigint[] = []
  const graphs: GraphInfo[] = []
  let name = ''
  let int: bigint | undefined
  let float: number | undefined
  let string: Uint8Array | undefined
  const tensors: TensorInfo[] = []
  for (let tag = cursor.tag(end); tag !== undefined; tag = cursor.tag(end)) {
    const { field, wire } = tag
    if (field === ATTRIBUTE_FIELD.int && wire === WIRE_VARINT) int = cursor.int64(end, 'an attribute')
    else if (field === ATTRIBUTE_FIELD.ints && wire === WIRE_VARINT) pushInt(end)
    else if (field === ATTRIBUTE_FIELD.float && wire !== WIRE_BYTES) float = cursor.float(end, 'an attribute')
    else if (wire !== WIRE_BYTES) cursor.skip(wire, end, 'an attribute field')
    else {
      const range = cursor.range(end, 'an attribute field')
      if (field === ATTRIBUTE_FIELD.name) name = decodeName(cursor, range)
      // A long text (a custom operator's state) is copied by its range and never needed here.
      else if (field === ATTRIBUTE_FIELD.string && range.end - range.start <= cursor.limits.stringBytes)
        string = cursor.bytes(range, 'an attribute')
      else if (field === ATTRIBUTE_FIELD.ints) while (cursor.position < range.end) pushInt(range.end)
      else if (field === ATTRIBUTE_FIELD.tensor || field === ATTRIBUTE_FIELD.tensors)
        tensors.push(parseTensor(cursor, range, external))
      else if (field === ATTRIBUTE_FIELD.graph || field === ATTRIBUTE_FIELD.graphs)
        graphs.push(parseGraph(cursor, range, external, depth + 1))
      else if (field === ATTRIBUTE_FIELD.sparseTensor || field === ATTRIBUTE_FIELD.sparseTensors)
        parseSparse(cursor, range, external)
      cursor.position = range.end
    }
  }
  return { name, int, float, string, ints, tensors, graphs }

  function pushInt(until: number): void {
    cursor.countItem()
    ints.push(cursor.int64(until, 'an attribute'))
  }
}

/** A SparseTensorProto is only copied; its tensors are read so that their external data is checked. */
function parseSparse(cursor: WireCursor, message: ByteRange, external: ExternalResolver): void {
  cursor.position = message.start
  for (let tag = cursor.tag(message.end); tag !== undefined; tag = cursor.tag(message.end)) {
    if ((tag.field === 1 || tag.field === 2) && tag.wire === WIRE_BYTES) {
      const range = cursor.range(message.end, 'a sparse tensor')
      parseTensor(cursor, range, external)
      cursor.position = range.end
    } else cursor.skip(tag.wire, message.end, 'a sparse tensor')
  }
}

/** Walks to the sub-message `field` of the message at `range`; undefined where there is none. */
function findMessage(cursor: WireCursor, range: ByteRange, field: number): ByteRange | undefined {
  let found: ByteRange | undefined
  cursor.position = range.start
  for (let tag = cursor.tag(range.end); tag !== undefined; tag = cursor.tag(range.end)) {
    if (tag.field === field && tag.wire === WIRE_BYTES) {
      found = cursor.range(range.end, 'a value type')
      cursor.position = found.end
    } else cursor.skip(tag.wire, range.end, 'a value type')
  }
  return found
}

function parseValueInfo(cursor: WireCursor, message: ByteRange): ValueInfo {
  cursor.countItem()
  const nameRange = findMessage(cursor, message, 1)
  const name = nameRange === undefined ? '' : decodeName(cursor, nameRange)
  const type = findMessage(cursor, message, 2)
  const tensorType = type && findMessage(cursor, type, 1)
  if (tensorType === undefined) return { name, elementType: 0, dims: undefined }
  let elementType = 0
  let shape: ByteRange | undefined
  cursor.position = tensorType.start
  for (let tag = cursor.tag(tensorType.end); tag !== undefined; tag = cursor.tag(tensorType.end)) {
    if (tag.field === 1 && tag.wire === WIRE_VARINT)
      elementType = cursor.uint(tensorType.end, 'an element type')
    else if (tag.field === 2 && tag.wire === WIRE_BYTES) {
      shape = cursor.range(tensorType.end, 'a shape')
      cursor.position = shape.end
    } else cursor.skip(tag.wire, tensorType.end, 'a value type')
  }
  return { name, elementType, dims: shape && parseShape(cursor, shape) }
}

function parseShape(cursor: WireCursor, shape: ByteRange): (number | string | null)[] {
  const dims: (number | string | null)[] = []
  cursor.position = shape.start
  for (let tag = cursor.tag(shape.end); tag !== undefined; tag = cursor.tag(shape.end)) {
    if (tag.field !== 1 || tag.wire !== WIRE_BYTES) {
      cursor.skip(tag.wire, shape.end, 'a shape')
      continue
    }
    const range = cursor.range(shape.end, 'a dim')
    cursor.countItem()
    let dim: number | string | null = null
    for (let part = cursor.tag(range.end); part !== undefined; part = cursor.tag(range.end)) {
      if (part.field === 1 && part.wire === WIRE_VARINT) dim = Number(cursor.int64(range.end, 'a dim'))
      else if (part.field === 2 && part.wire === WIRE_BYTES) dim = cursor.string(range.end, 'a dim')
      else cursor.skip(part.wire, range.end, 'a dim')
    }
    dims.push(dim)
  }
  return dims
}
