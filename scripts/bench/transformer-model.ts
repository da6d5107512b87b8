/**
 * Decoders of a known shape with made-up weights, written to disk as ONNX: what the benchmarks of compression compress.
 * The graph is complete (attention, feed-forward, output matrix) and runs; the weights are spread as those of trained
 * models are: nearly Gaussian, a scale of its own for every channel, some channels many times larger, rare outliers.
 */
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import { encodeFloats, FLOAT16, FLOAT32, INT64 } from '../../node/compute/onnx/data-types.ts'
import { int64Tensor, type TensorSource, tensorFromBytes } from '../../node/compute/onnx/encode.ts'
import { createGraphBuilder, type GraphBuilder, writeModel } from '../../node/compute/onnx/write.ts'

export interface TransformerShape {
  readonly layers: number
  readonly width: number
  readonly feedForward: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly vocabulary: number
  /** Learnt positions; null for none. */
  readonly positions: number | null
  /** Feed-forward with a gate (three matrices instead of two). */
  readonly gated: boolean
  /** The output matrix is the embedding table. */
  readonly tied: boolean
  readonly elementType: typeof FLOAT32 | typeof FLOAT16
  readonly external: boolean
}

/** 124 million parameters. */
export const GPT2_SMALL: TransformerShape = {
  layers: 12,
  width: 768,
  feedForward: 3072,
  heads: 12,
  keyValueHeads: 12,
  vocabulary: 50_257,
  positions: 1024,
  gated: false,
  tied: true,
  elementType: FLOAT32,
  external: false,
}

/** 1.1 billion parameters. */
export const TINY_LLAMA: TransformerShape = {
  layers: 22,
  width: 2048,
  feedForward: 5632,
  heads: 32,
  keyValueHeads: 4,
  vocabulary: 32_000,
  positions: null,
  gated: true,
  tied: false,
  elementType: FLOAT16,
  external: true,
}

const TABLE_LENGTH = 2 ** 20
const OUTLIER_CHANNELS = 0.004
const OUTLIER_SCALE = 8
const LONE_OUTLIERS = 0.0005
const BAND_WEIGHTS = 2 ** 20

/** Gaussian values with rare outliers, drawn once: a row of a weight is a stretch of them, scaled. */
function drawTable(): Float32Array {
  const random = seededRandom(20_240_613)
  const table = new Float32Array(TABLE_LENGTH)
  for (let i = 0; i < TABLE_LENGTH; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random()))
    const angle = 2 * Math.PI * random()
    table[i] = radius * Math.cos(angle)
    table[i + 1] = radius * Math.sin(angle)
  }
  for (let i = 0; i < TABLE_LENGTH; i++) if (random() < LONE_OUTLIERS) table[i]! *= 4 + 6 * random()
  return table
}

function channelScales(count: number, random: () => number): Float32Array {
  return Float32Array.from({ length: count }, () => {
    const ordinary = Math.exp(0.5 * (random() + random() + random() - 1.5))
    return random() < OUTLIER_CHANNELS ? ordinary * OUTLIER_SCALE : ordinary
  })
}

let table: Float32Array | undefined

/** A matrix rows × cols of standard deviation near 1/√fanIn; the same name gives the same values. */
function matrix(
  name: string,
  [rows, cols]: readonly [number, number],
  fanIn: number,
  elementType: number,
): TensorSource {
  const bytes = elementType === FLOAT32 ? 4 : 2
  return {
    name,
    elementType,
    dims: [rows, cols],
    sizeBytes: rows * cols * bytes,
    write(push) {
      table ??= drawTable()
      const random = seededRandom(
        [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7),
      )
      const columns = channelScales(cols, random)
      const scales = channelScales(rows, random)
      const base = 0.8 / Math.sqrt(fanIn)
      const step = Math.max(1, Math.floor(BAND_WEIGHTS / cols))
      for (let row = 0; row < rows; row += step) {
        const band = new Float32Array(Math.min(step, rows - row) * cols)
        for (let at = 0; at < band.length; at += cols) {
          const from = Math.floor(random() * (TABLE_LENGTH - cols))
          const scale = base * scales[row + at / cols]!
          for (let col = 0; col < cols; col++) band[at + col] = table[from + col]! * columns[col]! * scale
        }
        push(encodeFloats(elementType, band)!)
      }
    },
  }
}

/** Writes the model; its input is `input_ids` [batch, length], its output `logits` [batch, length, vocabulary]. */
export function writeTransformer(path: string, shape: TransformerShape): void {
  const graph = createGraphBuilder()
  const { width, vocabulary, positions, elementType } = shape
  const weight = (name: string, rows: number, cols: number) =>
    graph.tensor(matrix(name, [rows, cols], rows, elementType))
  const embeddings = graph.tensor(matrix('embeddings', [vocabulary, width], width, elementType))
  let hidden = graph.add('Gather', [embeddings, 'input_ids'], { axis: { int: 0 } })
  if (positions !== null) {
    const learnt = graph.tensor(matrix('positions', [positions, width], width, elementType))
    const sizes = graph.add('Shape', ['input_ids'])
    const one = graph.tensor(int64Tensor('one', [], [1]))
    const length = graph.add('Gather', [sizes, one], { axis: { int: 0 } })
    const places = graph.add('Range', [graph.tensor(int64Tensor('zero', [], [0])), length, one])
    hidden = graph.add('Add', [hidden, graph.add('Gather', [learnt, places], { axis: { int: 0 } })])
  }
  for (let layer = 0; layer < shape.layers; layer++) hidden = addLayer(graph, shape, weight, hidden, layer)
  const last = addNorm(graph, shape, hidden, 'final.norm')
  if (shape.tied)
    // Gemm reads the table as it lies: one weight serves both ends.
    addTiedOutput(graph, shape, last, embeddings)
  else graph.add('MatMul', [last, weight('output', width, vocabulary)], undefined, 'logits')
  const spec = {
    irVersion: 8,
    producer: 'aivillage',
    opsets: [{ domain: '', version: 17 }],
    graphName: 'decoder',
    nodes: graph.nodes,
    initializers: graph.initializers,
    inputs: [{ name: 'input_ids', elementType: INT64, dims: ['batch', 'length'] }],
    outputs: [{ name: 'logits', elementType, dims: ['batch', 'length', vocabulary] }],
  }
  writeModel(path, spec, { external: shape.external })
}

function addTiedOutput(
  graph: GraphBuilder,
  { width, vocabulary }: TransformerShape,
  hidden: string,
  embeddings: string,
): void {
  const flat = graph.add('Reshape', [hidden, graph.tensor(int64Tensor('flat', [2], [-1, width]))])
  const scores = graph.add('Gemm', [flat, embeddings], { transB: { int: 1 } })
  const sizes = graph.add('Shape', ['input_ids'])
  const shape = graph.add('Concat', [sizes, graph.tensor(int64Tensor('vocabulary', [1], [vocabulary]))], {
    axis: { int: 0 },
  })
  graph.add('Reshape', [scores, shape], undefined, 'logits')
}

function addNorm(graph: GraphBuilder, shape: TransformerShape, input: string, name: string): string {
  const { width, elementType } = shape
  const vector = (part: string, value: number) => {
    const bytes = encodeFloats(elementType, new Float32Array(width).fill(value))!
    return graph.tensor(tensorFromBytes(`${name}.${part}`, elementType, [width], bytes))
  }
  return graph.add('LayerNormalization', [input, vector('scale', 1), vector('bias', 0)], {
    axis: { int: -1 },
    epsilon: { float: 1e-5 },
  })
}

type Weight = (name: string, rows: number, cols: number) => string

function addLayer(
  graph: GraphBuilder,
  shape: TransformerShape,
  weight: Weight,
  input: string,
  layer: number,
): string {
  const { width, feedForward, gated } = shape
  const name = (part: string) => `layer${layer}.${part}`
  const normed = addNorm(graph, shape, input, name('attention.norm'))
  const mixed = addAttention(graph, shape, weight, normed, name)
  const attended = graph.add('Add', [input, mixed])
  const ffn = addNorm(graph, shape, attended, name('ffn.norm'))
  const up = graph.add('MatMul', [ffn, weight(name('ffn.up'), width, feedForward)])
  const open = gated
    ? graph.add('Mul', [
        up,
        graph.add('Sigmoid', [graph.add('MatMul', [ffn, weight(name('ffn.gate'), width, feedForward)])]),
      ])
    : graph.add('Relu', [up])
  return graph.add('Add', [
    attended,
    graph.add('MatMul', [open, weight(name('ffn.down'), feedForward, width)]),
  ])
}

function addAttention(
  graph: GraphBuilder,
  shape: TransformerShape,
  weight: Weight,
  input: string,
  name: (part: string) => string,
): string {
  const { width, heads, keyValueHeads, elementType } = shape
  const headWidth = width / heads
  const split = (part: string, count: number, perm: readonly number[]): string => {
    const flat = graph.add('MatMul', [input, weight(name(part), width, count * headWidth)])
    const dims = graph.tensor(int64Tensor(`split_${count}`, [4], [0, 0, count, headWidth]))
    return graph.add('Transpose', [graph.add('Reshape', [flat, dims])], { perm: { ints: perm } })
  }
  /** Several heads of queries share one of keys and values. */
  const repeat = (value: string): string => {
    if (keyValueHeads === heads) return value
    const copies = Array.from({ length: heads / keyValueHeads }, () => value)
    return graph.add('Concat', copies, { axis: { int: 1 } })
  }
  const queries = split('attention.query', heads, [0, 2, 1, 3])
  const keys = repeat(split('attention.key', keyValueHeads, [0, 2, 3, 1]))
  const values = repeat(split('attention.value', keyValueHeads, [0, 2, 1, 3]))
  const root = encodeFloats(elementType, Float32Array.of(headWidth ** -0.5))!
  const scale = graph.tensor(tensorFromBytes('query_scale', elementType, [], root))
  const scores = graph.add('MatMul', [graph.add('Mul', [queries, scale]), keys])
  const attention = graph.add('Softmax', [scores], { axis: { int: -1 } })
  const context = graph.add('Transpose', [graph.add('MatMul', [attention, values])], {
    perm: { ints: [0, 2, 1, 3] },
  })
  const joined = graph.add('Reshape', [context, graph.tensor(int64Tensor('joined', [3], [0, 0, width]))])
  return graph.add('MatMul', [joined, weight(name('attention.output'), width, width)])
}
