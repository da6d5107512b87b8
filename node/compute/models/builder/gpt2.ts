/**
 * GPT-2 (Radford et al. 2019): pre-norm with biases, learned positions, full attention, a head tied to the embedding. Its linear
 * layers are the Conv1D of its first code: weights lie [inputs, outputs], queries, keys and values in one of them.
 */
import { ACTIVATIONS, type ActivationName, addActivation, MICROSOFT } from './activations.ts'
import type { ConfigFields } from './config-fields.ts'
import { MAX_CONTEXT_TOKENS, MAX_LAYERS, MAX_VOCABULARY, MAX_WIDTH } from './decoder-config.ts'
import type { LanguageFamily } from './family.ts'
import {
  createLanguageGraph,
  HEAD_SIZE_MULTIPLE,
  INPUT_IDS,
  type LanguageGraph,
  POSITION_IDS,
} from './language-graph.ts'
import type { SourceWeights } from './source-weights.ts'

interface Gpt2Config {
  readonly width: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly headSize: number
  readonly vocabulary: number
  readonly contextTokens: number
  readonly epsilon: number
  readonly activation: ActivationName
  readonly tied: boolean
}

function readGpt2Config(config: ConfigFields): Gpt2Config {
  const width = config.count('n_embd', { max: MAX_WIDTH })
  const heads = config.count('n_head', { max: 1024 })
  const headSize = width / heads
  if (!Number.isInteger(headSize) || headSize % HEAD_SIZE_MULTIPLE !== 0)
    throw config.invalid(
      'n_head',
      `does not split a width of ${width} in heads of a multiple of ${HEAD_SIZE_MULTIPLE}`,
    )
  for (const [key, plain] of [
    ['scale_attn_weights', true],
    ['scale_attn_by_inverse_layer_idx', false],
    ['add_cross_attention', false],
  ] as const)
    if (config.flag(key, plain) !== plain) throw config.invalid(key, `is ${!plain}, which is not supported`)
  return {
    width,
    hidden: config.count('n_inner', { max: 4 * MAX_WIDTH, absent: 4 * width }),
    layers: config.count('n_layer', { max: MAX_LAYERS }),
    heads,
    keyValueHeads: heads,
    headSize,
    vocabulary: config.count('vocab_size', { max: MAX_VOCABULARY }),
    contextTokens: config.count('n_positions', { max: MAX_CONTEXT_TOKENS, absent: 1024 }),
    epsilon: config.number('layer_norm_epsilon', { above: 0, max: 1, absent: 1e-5 }),
    activation: config.choice(
      'activation_function',
      Object.keys(ACTIVATIONS) as ActivationName[],
      'gelu_new',
    ),
    tied: config.flag('tie_word_embeddings', true),
  }
}

function addNorm(to: LanguageGraph, input: string, name: string, config: Gpt2Config): string {
  const { width, epsilon } = config
  return to.graph.add(
    'LayerNormalization',
    [input, to.weight(`${name}.weight`, [width]), to.weight(`${name}.bias`, [width])],
    { axis: { int: -1 }, epsilon: { float: epsilon } },
  )
}

/** Layer norm of the sum of two; the sum goes on beside it. */
function addSkipNorm(to: LanguageGraph, hidden: string, added: string, name: string, config: Gpt2Config) {
  const { width, epsilon } = config
  const [normed, sum] = [`${name}.output`, `${name}.sum`]
  const scale = [to.weight(`${name}.weight`, [width]), to.weight(`${name}.bias`, [width])]
  to.graph.addNode({
    opType: 'SkipLayerNormalization',
    domain: MICROSOFT,
    inputs: [hidden, added, ...scale],
    outputs: [normed, '', '', sum],
    attributes: { epsilon: { float: epsilon } },
  })
  return { normed, sum }
}

function addLayer(to: LanguageGraph, input: string, layer: number, name: string, config: Gpt2Config) {
  const { width } = config
  const linear = (from: string, part: string, inputs: number, outputs: number) =>
    to.linear(from, { module: `${name}.${part}`, inputs, outputs, bias: true, stored: 'inputs-outputs' })
  const packed = linear(input, 'attn.c_attn', width, 3 * width)
  const [query, key, value] = to.graph.addMany('Split', [packed], 3, { axis: { int: 2 } })
  const mixed = to.attention({ layer, query: query!, key: key!, value: value!, window: null })
  return {
    attended: linear(mixed, 'attn.c_proj', width, width),
    feedForward(normed: string): string {
      const up = linear(normed, 'mlp.c_fc', width, config.hidden)
      const active = addActivation(to.graph, config.activation, up, `${name}.mlp.active`)
      return linear(active, 'mlp.c_proj', config.hidden, width)
    },
  }
}

/** The published file has no prefix, what trainers save since has one. */
const prefixOf = (weights: SourceWeights) => (weights.has('transformer.wte.weight') ? 'transformer.' : '')

export const gpt2: LanguageFamily = {
  task: 'text-generation',
  names: { architectures: ['GPT2LMHeadModel'], modelType: 'gpt2' },
  // The causal mask, which early files keep as tensors.
  ignored: [/(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/],
  build({ config: fields, weights, adapters }) {
    const config = readGpt2Config(fields)
    const shape = { ...config, rotary: null, learnedPositions: true }
    const to = createLanguageGraph(weights, shape, { adapters })
    const { graph } = to
    const prefix = prefixOf(weights)
    const table = to.weight(`${prefix}wte.weight`, [config.vocabulary, config.width])
    const places = to.weight(`${prefix}wpe.weight`, [config.contextTokens, config.width])
    let hidden = graph.add('Add', [
      graph.add('Gather', [table, INPUT_IDS], { axis: { int: 0 } }),
      graph.add('Gather', [places, POSITION_IDS], { axis: { int: 0 } }),
    ])
    let normed = addNorm(to, hidden, `${prefix}h.0.ln_1`, config)
    for (let layer = 0; layer < config.layers; layer++) {
      const name = `${prefix}h.${layer}`
      const block = addLayer(to, normed, layer, name, config)
      const middle = addSkipNorm(to, hidden, block.attended, `${name}.ln_2`, config)
      const fed = block.feedForward(middle.normed)
      if (layer + 1 === config.layers) hidden = graph.add('Add', [middle.sum, fed])
      else
        ({ sum: hidden, normed } = addSkipNorm(to, middle.sum, fed, `${prefix}h.${layer + 1}.ln_1`, config))
    }
    const rows = addNorm(to, to.selectRows(hidden), `${prefix}ln_f`, config)
    to.logits(rows, config.tied ? { tied: true, table } : { tied: false, module: 'lm_head' })
    return { to, shape: config, ignored: config.tied ? [/^lm_head\.weight$/] : [] }
  },
}
