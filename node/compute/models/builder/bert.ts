/**
 * Encoders of the BERT family (Devlin et al., arXiv 1810.04805): learned positions, post-norm, attention in both directions. The
 * graph gives the vectors of all tokens; which of them stand for the text is said by the card.
 */
import { FLOAT32, INT64 } from '../../onnx/data-types.ts'
import { float32Tensor, int64Tensor } from '../../onnx/encode.ts'
import { createGraphBuilder, type GraphBuilder } from '../../onnx/write.ts'
import { addActivation, MICROSOFT } from './activations.ts'
import type { EncoderConfig, EncoderNames } from './encoder-names.ts'
import type { EncoderFamily } from './family.ts'
import { readPooling } from './pooling.ts'
import type { SourceWeights } from './source-weights.ts'

const IDS = 'input_ids'
const MASK = 'attention_mask'
const TYPES = 'token_type_ids'
const OUTPUT = 'last_hidden_state'
/** Added to the scores of padding: its share is zero in float32. */
const MASKED_SCORE = -1e9

interface Context {
  readonly graph: GraphBuilder
  readonly weights: SourceWeights
  readonly config: EncoderConfig
  readonly names: EncoderNames
  readonly prefix: string
}

function weight({ graph, weights, prefix }: Context, name: string, dims: readonly number[]): string {
  return graph.tensor(weights.tensor(`${prefix}${name}`, dims))
}

function addLinear(to: Context, input: string, name: string, inputs: number, outputs: number): string {
  const { graph, weights, prefix } = to
  const matrix = graph.tensor(weights.transposed(`${prefix}${name}.weight`, outputs, inputs))
  return graph.add('Add', [graph.add('MatMul', [input, matrix]), weight(to, `${name}.bias`, [outputs])])
}

/** Scale and bias of a layer norm; files that were converted from TensorFlow call them gamma and beta. */
function normWeights(to: Context, name: string): string[] {
  const old = to.weights.has(`${to.prefix}${name}.gamma`)
  return (old ? ['gamma', 'beta'] : ['weight', 'bias']).map((part) =>
    weight(to, `${name}.${part}`, [to.config.width]),
  )
}

function addNorm(to: Context, input: string, name: string): string {
  const { epsilon } = to.config
  return to.graph.add('LayerNormalization', [input, ...normWeights(to, name)], {
    axis: { int: -1 },
    epsilon: { float: epsilon },
  })
}

/** Layer norm of the sum of two. */
function addSkipNorm(to: Context, input: string, added: string, name: string, output: string): string {
  const { epsilon } = to.config
  to.graph.addNode({
    opType: 'SkipLayerNormalization',
    domain: MICROSOFT,
    inputs: [input, added, ...normWeights(to, name)],
    outputs: [output],
    attributes: { epsilon: { float: epsilon } },
  })
  return output
}

/** The rows of the position table for as many tokens as there are: [length, width]. */
function addPositions(to: Context): string {
  const { graph, config } = to
  const { positions, firstPosition, width } = config
  const table = weight(to, 'embeddings.position_embeddings.weight', [positions, width])
  const constant = (name: string, value: number) => graph.tensor(int64Tensor(name, [1], [value]))
  const shape = graph.add('Shape', [IDS])
  const length = graph.add('Slice', [shape, constant('one', 1), constant('two', 2)])
  const first = constant('first_position', firstPosition)
  return graph.add('Slice', [table, first, graph.add('Add', [length, first]), constant('zero', 0)])
}

function addEmbeddings(to: Context): string {
  const { graph, config } = to
  const { vocabulary, width, segments, segmentInput } = config
  const words = weight(to, 'embeddings.word_embeddings.weight', [vocabulary, width])
  let sum = graph.add('Add', [graph.add('Gather', [words, IDS], { axis: { int: 0 } }), addPositions(to)])
  if (segments > 0) {
    const table = weight(to, 'embeddings.token_type_embeddings.weight', [segments, width])
    const first = graph.tensor(int64Tensor('first_segment', [1], [0]))
    sum = graph.add('Add', [sum, graph.add('Gather', [table, segmentInput ? TYPES : first])])
  }
  return addNorm(to, sum, 'embeddings.LayerNorm')
}

/** 0 for tokens, a very small number for padding: [batch, 1, 1, length]. */
function addMask(graph: GraphBuilder): string {
  const mask = graph.add('Cast', [MASK], { to: { int: FLOAT32 } })
  const one = graph.tensor(float32Tensor('float_one', [], Float32Array.of(1)))
  const score = graph.tensor(float32Tensor('masked_score', [], Float32Array.of(MASKED_SCORE)))
  const axes = graph.tensor(int64Tensor('score_axes', [2], [1, 2]))
  return graph.add('Unsqueeze', [graph.add('Mul', [graph.add('Sub', [one, mask]), score]), axes])
}

/** softmax(q kᵀ / √headSize + mask) v. */
function addAttention(to: Context, input: string, layer: string, mask: string): string {
  const { graph, config, names } = to
  const { width, heads } = config
  const headSize = width / heads
  const split = graph.tensor(int64Tensor('heads_apart', [4], [0, 0, heads, headSize]))
  const joined = graph.tensor(int64Tensor('heads_joined', [3], [0, 0, width]))
  const project = (name: string, perm: readonly number[]) => {
    const linear = addLinear(to, input, `${layer}.${name}`, width, width)
    return graph.add('Transpose', [graph.add('Reshape', [linear, split])], { perm: { ints: perm } })
  }
  const scale = graph.tensor(float32Tensor('query_scale', [], Float32Array.of(headSize ** -0.5)))
  const query = graph.add('Mul', [project(names.query, [0, 2, 1, 3]), scale])
  const scores = graph.add('MatMul', [query, project(names.key, [0, 2, 3, 1])])
  const shares = graph.add('Softmax', [graph.add('Add', [scores, mask])], { axis: { int: -1 } })
  const mixed = graph.add('MatMul', [shares, project(names.value, [0, 2, 1, 3])])
  const rows = graph.add('Reshape', [
    graph.add('Transpose', [mixed], { perm: { ints: [0, 2, 1, 3] } }),
    joined,
  ])
  return addLinear(to, rows, `${layer}.${names.attentionOutput}`, width, width)
}

function addLayer(to: Context, input: string, index: number, mask: string): string {
  const { graph, config, names } = to
  const layer = names.layer(index)
  const attention = addAttention(to, input, layer, mask)
  const attended = addSkipNorm(to, input, attention, `${layer}.${names.attentionNorm}`, `attended.${index}`)
  const up = addLinear(to, attended, `${layer}.${names.up}`, config.width, config.hidden)
  const active = addActivation(graph, config.activation, up, `active.${index}`)
  const down = addLinear(to, active, `${layer}.${names.down}`, config.hidden, config.width)
  const output = index + 1 === config.layers ? OUTPUT : `hidden.${index}`
  return addSkipNorm(to, attended, down, `${layer}.${names.outputNorm}`, output)
}

/** A row of the family table for one member of the family. */
export function encoderFamily(names: EncoderFamily['names'], tensors: EncoderNames): EncoderFamily {
  return {
    task: 'sentence-embedding',
    names,
    // Heads of pre-training, the pooler for classification, and a constant that early files keep.
    ignored: [/(^|\.)pooler\./, /^cls\./, /^lm_head\./, /^vocab_/, /embeddings\.position_ids$/],
    build({ config: fields, weights, modelDir }) {
      const config = tensors.config(fields)
      if (config.width % config.heads !== 0)
        throw fields.invalid('num_attention_heads', `does not divide a width of ${config.width}`)
      const graph = createGraphBuilder()
      const prefix = weights.has(`${tensors.prefix}embeddings.word_embeddings.weight`) ? tensors.prefix : ''
      const to: Context = { graph, weights, config, names: tensors, prefix }
      const mask = addMask(graph)
      let hidden = addEmbeddings(to)
      for (let layer = 0; layer < config.layers; layer++) hidden = addLayer(to, hidden, layer, mask)
      const longest = config.positions - config.firstPosition
      const { pooling, normalise, maxTokens } = readPooling(modelDir, { width: config.width, longest })
      const inputs = [IDS, MASK, ...(config.segmentInput ? [TYPES] : [])]
      return {
        model: {
          irVersion: 8,
          producer: 'aivillage',
          opsets: [
            { domain: '', version: 17 },
            { domain: MICROSOFT, version: 1 },
          ],
          graphName: names.modelType,
          nodes: graph.nodes,
          initializers: graph.initializers,
          inputs: inputs.map((name) => ({ name, elementType: INT64, dims: ['batch', 'length'] })),
          outputs: [{ name: OUTPUT, elementType: FLOAT32, dims: ['batch', 'length', config.width] }],
        },
        card: {
          dimensions: config.width,
          maxTokens,
          inputs: { ids: IDS, mask: MASK, types: config.segmentInput ? TYPES : null },
          output: OUTPUT,
          pooling,
          normalise,
          specialTokens: true,
        },
      }
    },
  }
}
