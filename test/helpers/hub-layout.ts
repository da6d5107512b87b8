/**
 * A graph of the `hub` layout made of one of the `village` layout: the same weights and operators, called as graphs are that
 * are published for onnxruntime (attention_mask in, caches that grow).
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeLanguageCard, type LanguageCard } from '../../node/compute/models/language-card.ts'
import { FLOAT16, FLOAT32, INT32, INT64 } from '../../node/compute/onnx/data-types.ts'
import {
  encodeNode,
  encodeValue,
  int64Tensor,
  MessageWriter,
  type NodeSpec,
} from '../../node/compute/onnx/encode.ts'
import { GRAPH_FIELD, MODEL_FIELD, type NodeInfo } from '../../node/compute/onnx/model.ts'
import { openModel } from '../../node/compute/onnx/read.ts'
import { createGraphBuilder } from '../../node/compute/onnx/write.ts'

const REPLACED = new Set(['seqlens_k', 'total_sequence_length', 'logit_rows', 'position_ids'])

const CACHE = /^(past_key_values|present)\.\d+\.(key|value)$/

/** Attention over caches that are cast on their way in and out. */
function withHalfCaches(node: NodeInfo): NodeSpec[] {
  const whole = (name: string) => (CACHE.test(name) ? `whole.${name}` : name)
  const cast = (from: string, to: string, type: number): NodeSpec => ({
    opType: 'Cast',
    inputs: [from],
    outputs: [to],
    attributes: { to: { int: type } },
  })
  const { name, opType, domain, inputs, outputs } = node
  // All that the builder gives this operator are whole numbers.
  const attributes = Object.fromEntries(
    [...node.attributes].map(([key, { int }]) => [key, { int: Number(int) }]),
  )
  return [
    ...inputs.filter((one) => CACHE.test(one)).map((one) => cast(one, whole(one), FLOAT32)),
    { name, opType, domain, inputs: inputs.map(whole), outputs: outputs.map(whole), attributes },
    ...outputs.filter((one) => CACHE.test(one)).map((one) => cast(whole(one), one, FLOAT16)),
  ]
}

/** Writes `directory` from the village model in `source`; no adapters, inline data. `half`: caches of float16. */
export function writeHubModel(
  source: string,
  directory: string,
  card: LanguageCard,
  init: { half?: boolean } = {},
): LanguageCard {
  const { half = false } = init
  using model = openModel(join(source, 'model.onnx'))
  const graph = createGraphBuilder()
  const one = graph.tensor(int64Tensor('hub.one', [1], [1]))
  const axes = graph.tensor(int64Tensor('hub.axes', [1], [1]))
  // Lengths of rows from the mask, as those who publish such graphs do it.
  const sums = graph.add('ReduceSum', ['attention_mask', axes], { keepdims: { int: 0 } })
  graph.add('Cast', [graph.add('Sub', [sums, one])], { to: { int: INT32 } }, 'seqlens_k')
  const total = graph.add('Shape', ['attention_mask'], { start: { int: 1 }, end: { int: 2 } })
  const scalar = graph.add('Squeeze', [graph.add('Cast', [total], { to: { int: INT32 } })])
  graph.add('Identity', [scalar], undefined, 'total_sequence_length')
  const tokens = graph.add('Squeeze', [graph.add('Shape', ['input_ids'], { start: { int: 1 } })])
  const zero = graph.tensor(int64Tensor('hub.zero', [], [0]))
  const step = graph.tensor(int64Tensor('hub.step', [], [1]))
  graph.add('Range', [zero, tokens, step], undefined, 'logit_rows')

  const read = (range: { start: number; end: number }): Uint8Array => {
    const bytes = new Uint8Array(range.end - range.start)
    model.readFile(range, bytes)
    return bytes
  }
  const body = new MessageWriter()
  for (const node of graph.nodes) body.bytes(GRAPH_FIELD.node, encodeNode(node))
  for (const tensor of graph.initializers) {
    const message = new MessageWriter()
    for (const dim of tensor.dims) message.varint(1, dim)
    message.varint(2, INT64).string(8, tensor.name)
    tensor.write((bytes) => message.bytes(9, bytes.slice()))
    body.message(GRAPH_FIELD.initializer, message)
  }
  for (const field of model.graph.fields) {
    const isCache = half && CACHE.test(field.name)
    if (isCache) {
      // A symbol would be taken over to the output, and the runtime would give it the memory of the shorter input.
      const dims = ['batch', card.keyValueHeads, null, card.headSize]
      body.bytes(field.field, encodeValue({ name: field.name, elementType: FLOAT16, dims }))
      continue
    }
    const replaced = REPLACED.has(field.name) && field.field === GRAPH_FIELD.input
    if (replaced || (field.field === GRAPH_FIELD.output && field.name === 'logits')) continue
    if (field.field !== GRAPH_FIELD.node) {
      body.raw(read(field))
      continue
    }
    const node = model.graph.nodes.find(({ message }) => message.end === field.end)!
    if (half && node.opType === 'GroupQueryAttention') {
      for (const spec of withHalfCaches(node)) body.bytes(GRAPH_FIELD.node, encodeNode(spec))
      continue
    }
    if (!node.outputs.includes('logits')) {
      body.raw(read(field))
      continue
    }
    // Flat logits become three-dimensional. The tiny models have tied tables: their last node is this Gemm.
    const flat = { ...node, domain: '', outputs: ['logits.flat'], attributes: { transB: { int: 1 } } }
    const shaped = { opType: 'Unsqueeze', inputs: ['logits.flat', 'hub.first'], outputs: ['logits'] }
    for (const spec of [flat, shaped]) body.bytes(GRAPH_FIELD.node, encodeNode(spec))
  }
  const first = new MessageWriter().varint(1, 1).varint(2, INT64).string(8, 'hub.first')
  body.message(GRAPH_FIELD.initializer, first.bytes(9, new Uint8Array(8)))
  const mask = { name: 'attention_mask', elementType: INT64, dims: ['batch', 'total'] }
  body.bytes(GRAPH_FIELD.input, encodeValue(mask))
  if (card.positionInput)
    body.bytes(
      GRAPH_FIELD.input,
      encodeValue({ name: 'position_ids', elementType: INT64, dims: ['batch', 'length'] }),
    )
  body.bytes(
    GRAPH_FIELD.output,
    encodeValue({ name: 'logits', elementType: 1, dims: [1, 'length', card.vocabulary] }),
  )
  const out = new MessageWriter()
  for (const field of model.fields) if (field.field !== MODEL_FIELD.graph) out.raw(read(field))
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'model.onnx'), out.message(MODEL_FIELD.graph, body).finish())
  copyFileSync(join(source, 'tokenizer.json'), join(directory, 'tokenizer.json'))
  const made: LanguageCard = {
    ...card,
    layout: 'hub',
    adapters: null,
    cacheType: half ? 'float16' : 'float32',
  }
  writeFileSync(join(directory, 'model.json'), encodeLanguageCard(made))
  return made
}
