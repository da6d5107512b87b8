import { FLOAT32, INT64 } from '../onnx/data-types.ts'
import { float32Tensor, int64Tensor, type TensorSource } from '../onnx/encode.ts'
import { createGraphBuilder, type GraphBuilder, type ModelSpec } from '../onnx/write.ts'
import type { TfjsWeights } from './tfjs-weights.ts'

/** Shape of the Universal Sentence Encoder lite: what its published TF.js graph computes. */
export const ENCODER = {
  layers: [
    { width: 256, headWidth: 64 },
    { width: 512, headWidth: 128 },
  ],
  heads: 4,
  embeddingWidth: 256,
  modelWidth: 512,
  maxTokens: 128,
  layerNormEpsilon: 1e-6,
} as const

export const ENCODER_INPUT_IDS = 'input_ids'
export const ENCODER_INPUT_MASK = 'attention_mask'
export const ENCODER_OUTPUT = 'sentence_embedding'

const STACK = 'module_apply_default/Encoder_en/KonaTransformer/Encode/'
const KERNELS = 'module/Encoder_en/KonaTransformer/Encode/'
const MASKED_SCORE = -1e9
const NORM_FLOOR = 1e-12

/**
 * The encoder as an ONNX graph: (input_ids, attention_mask), both int64 [batch, length], to
 * sentence_embedding float32 [batch, 512] of length 1.
 *
 * Read off the TF.js graph of the npm package (the model is Cer et al., "Universal Sentence Encoder",
 * arXiv 1803.11175, transformer variant): token embeddings, doubled, plus sines and cosines of the position
 * (the published graph adds the embedding to itself plus the position signal); two pre-norm transformer
 * layers of four heads; the first one's residual is widened from 256 to 512; the mean over tokens; a tanh
 * layer; unit length. Where TF.js gathers and scatters the tokens that are there, this graph masks: padding
 * takes no part in attention or in the mean. Biases, norms and constant matrices are initializers; every
 * matrix is the second input of a MatMul.
 */
export function encoderModel(weights: TfjsWeights): ModelSpec {
  const graph = createGraphBuilder()
  const weight = (name: string, source: string, dims: readonly number[]): string =>
    graph.tensor(lazyTensor(weights, name, source, dims))

  const mask = graph.add('Cast', [ENCODER_INPUT_MASK], { to: { int: FLOAT32 } })
  const one = graph.tensor(float32Tensor('one', [], Float32Array.of(1)))
  const absent = graph.add('Sub', [one, mask])
  const maskedScore = graph.tensor(float32Tensor('masked_score', [], Float32Array.of(MASKED_SCORE)))
  const scoreAxes = graph.tensor(int64Tensor('score_axes', [2], [1, 2]))
  const bias = graph.add('Unsqueeze', [graph.add('Mul', [absent, maskedScore]), scoreAxes])

  const table = weight('embeddings', 'module/Embeddings_en', [8002, ENCODER.embeddingWidth])
  const tokens = graph.add('Gather', [table, ENCODER_INPUT_IDS], { axis: { int: 0 } })
  const two = graph.tensor(float32Tensor('embedding_scale', [], Float32Array.of(2)))
  let hidden = graph.add('Add', [graph.add('Mul', [tokens, two]), positionSignal(graph, weights)])
  for (const [index, layer] of ENCODER.layers.entries())
    hidden = addLayer(graph, weight, hidden, bias, index, layer.width, layer.headWidth)

  const pooled = addMean(graph, hidden, mask)
  const dense = graph.add('MatMul', [
    pooled,
    weight('output.weight', 'module/Encoder_en/hidden_layers/tanh_layer_0/weights', [512, 512]),
  ])
  const outputBias = weight('output.bias', 'module/Encoder_en/hidden_layers/tanh_layer_0/bias', [512])
  addUnitLength(graph, graph.add('Tanh', [graph.add('Add', [dense, outputBias])]))
  return {
    irVersion: 8,
    producer: 'aivillage',
    opsets: [{ domain: '', version: 17 }],
    graphName: 'sentence_encoder',
    nodes: graph.nodes,
    initializers: graph.initializers,
    inputs: [ENCODER_INPUT_IDS, ENCODER_INPUT_MASK].map((name) => ({
      name,
      elementType: INT64,
      dims: ['batch', 'length'],
    })),
    outputs: [{ name: ENCODER_OUTPUT, elementType: FLOAT32, dims: ['batch', ENCODER.modelWidth] }],
  }
}

type Weight = (name: string, source: string, dims: readonly number[]) => string

function lazyTensor(
  weights: TfjsWeights,
  name: string,
  source: string,
  dims: readonly number[],
): TensorSource {
  const sizeBytes = dims.reduce((product, dim) => product * dim, 1) * 4
  return {
    name,
    elementType: FLOAT32,
    dims,
    sizeBytes,
    write(push) {
      const data = weights.read(source)
      push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    },
  }
}

/** sin(t / timescale) then cos(t / timescale) for each position t: [length, 256]. */
function positionSignal(graph: GraphBuilder, weights: TfjsWeights): string {
  const source = `${STACK}TransformerStack/Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1`
  const half = ENCODER.embeddingWidth / 2
  const frequencies = graph.tensor(lazyTensor(weights, 'position_frequencies', source, [1, half]))
  const zero = graph.tensor(int64Tensor('zero', [], [0]))
  const step = graph.tensor(int64Tensor('step', [], [1]))
  const lengthAxis = graph.tensor(int64Tensor('length_axis', [], [1]))
  const shape = graph.add('Shape', [ENCODER_INPUT_IDS])
  const length = graph.add('Gather', [shape, lengthAxis], { axis: { int: 0 } })
  const positions = graph.add('Cast', [graph.add('Range', [zero, length, step])], { to: { int: FLOAT32 } })
  const columnAxis = graph.tensor(int64Tensor('column_axis', [1], [1]))
  const angles = graph.add('Mul', [graph.add('Unsqueeze', [positions, columnAxis]), frequencies])
  return graph.add('Concat', [graph.add('Sin', [angles]), graph.add('Cos', [angles])], { axis: { int: 1 } })
}

function addLayerNorm(graph: GraphBuilder, input: string, scale: string, bias: string): string {
  return graph.add('LayerNormalization', [input, scale, bias], {
    axis: { int: -1 },
    epsilon: { float: ENCODER.layerNormEpsilon },
  })
}

function addLinear(graph: GraphBuilder, input: string, kernel: string, bias: string): string {
  return graph.add('Add', [graph.add('MatMul', [input, kernel]), bias])
}

function addLayer(
  graph: GraphBuilder,
  weight: Weight,
  input: string,
  scoreBias: string,
  index: number,
  width: number,
  headWidth: number,
): string {
  const to = ENCODER.modelWidth
  const attentionWidth = ENCODER.heads * headWidth
  const from = `Layer_${index}/TransformerLayer/`
  const attention = `${from}MultiheadAttention/`
  const name = (part: string): string => `layer${index}.${part}`
  const vector = (part: string, source: string, size: number): string =>
    weight(name(part), `${STACK}${from}${source}/ConcatPartitions/concat`, [size])
  const kernel = (part: string, source: string, dims: readonly number[]): string =>
    weight(name(part), `${KERNELS}${attention}${source}/kernel/part_0`, dims)

  const residual =
    width === to
      ? input
      : addLinear(
          graph,
          input,
          weight(name('residual.weight'), `${STACK}${from}dense/kernel/ConcatPartitions/concat`, [width, to]),
          vector('residual.bias', 'dense/bias', to),
        )
  const norm = 'layer_prepostprocess/layer_norm/layer_norm'
  const normed = addLayerNorm(
    graph,
    input,
    vector('attention.norm.scale', `${norm}_scale`, width),
    vector('attention.norm.bias', `${norm}_bias`, width),
  )
  const qkv = addLinear(
    graph,
    normed,
    kernel('attention.qkv.weight', 'qkv_transform_single', [width, 3 * attentionWidth]),
    vector('attention.qkv.bias', 'MultiheadAttention/qkv_transform_single/bias', 3 * attentionWidth),
  )
  const mixed = addLinear(
    graph,
    addAttention(graph, qkv, scoreBias, headWidth),
    kernel('attention.output.weight', 'output_transform_single', [attentionWidth, to]),
    vector('attention.output.bias', 'MultiheadAttention/output_transform_single/bias', to),
  )
  const attended = graph.add('Add', [mixed, residual])
  const ffnNormed = addLayerNorm(
    graph,
    attended,
    vector('ffn.norm.scale', `FFN/${norm}_scale`, to),
    vector('ffn.norm.bias', `FFN/${norm}_bias`, to),
  )
  const ffn = `${STACK}TransformerStack/${from}FFN/`
  const up = weight(name('ffn.up.weight'), `${ffn}conv1/Tensordot/Reshape_1`, [to, 3 * to])
  const down = weight(name('ffn.down.weight'), `${ffn}conv2/Tensordot/Reshape_1`, [3 * to, to])
  const expanded = addLinear(graph, ffnNormed, up, vector('ffn.up.bias', 'FFN/conv1/bias', 3 * to))
  const reduced = addLinear(
    graph,
    graph.add('Relu', [expanded]),
    down,
    vector('ffn.down.bias', 'FFN/conv2/bias', to),
  )
  return graph.add('Add', [reduced, attended])
}

/** softmax(q kᵀ / √headWidth + bias) v over four heads; qkv is [batch, length, 3 × heads × headWidth]. */
function addAttention(graph: GraphBuilder, qkv: string, scoreBias: string, headWidth: number): string {
  const parts = graph.addMany('Split', [qkv], 3, { axis: { int: 2 } })
  const split = graph.tensor(int64Tensor(`heads_of_${headWidth}`, [4], [0, 0, ENCODER.heads, headWidth]))
  const swap = { perm: { ints: [0, 2, 1, 3] } }
  const [q, k, v] = parts.map((part) => graph.add('Reshape', [part, split]))
  const queries = graph.add('Transpose', [q!], swap)
  const keys = graph.add('Transpose', [k!], { perm: { ints: [0, 2, 3, 1] } })
  const values = graph.add('Transpose', [v!], swap)
  const scale = graph.tensor(
    float32Tensor(`query_scale_${headWidth}`, [], Float32Array.of(headWidth ** -0.5)),
  )
  const scores = graph.add('MatMul', [graph.add('Mul', [queries, scale]), keys])
  const attention = graph.add('Softmax', [graph.add('Add', [scores, scoreBias])], { axis: { int: -1 } })
  const context = graph.add('Transpose', [graph.add('MatMul', [attention, values])], swap)
  const joined = graph.tensor(int64Tensor(`joined_${headWidth}`, [3], [0, 0, ENCODER.heads * headWidth]))
  return graph.add('Reshape', [context, joined])
}

/** The mean over the tokens that the mask lets in; an empty text has the mean zero. */
function addMean(graph: GraphBuilder, hidden: string, mask: string): string {
  const lastAxis = graph.tensor(int64Tensor('last_axis', [1], [2]))
  const lengthAxis = graph.tensor(int64Tensor('column_axis', [1], [1]))
  const kept = graph.add('Mul', [hidden, graph.add('Unsqueeze', [mask, lastAxis])])
  const sum = graph.add('ReduceSum', [kept, lengthAxis], { keepdims: { int: 0 } })
  const count = graph.add('ReduceSum', [mask, lengthAxis], { keepdims: { int: 1 } })
  return graph.add('Div', [sum, graph.add('Max', [count, 'one'])])
}

function addUnitLength(graph: GraphBuilder, input: string): void {
  const axis = graph.tensor(int64Tensor('column_axis', [1], [1]))
  const squares = graph.add('ReduceSum', [graph.add('Mul', [input, input]), axis], { keepdims: { int: 1 } })
  const floor = graph.tensor(float32Tensor('norm_floor', [], Float32Array.of(NORM_FLOOR)))
  const length = graph.add('Sqrt', [graph.add('Max', [squares, floor])])
  graph.add('Div', [input, length], undefined, ENCODER_OUTPUT)
}
