/**
 * The Llama decoder (Touvron et al., arXiv 2302.13971) and its kin: pre-norm by RMS, rotary positions, grouped-query attention,
 * a feed-forward layer gated by SiLU.
 */

import { addActivation, MICROSOFT } from './activations.ts'
import { type DecoderConfig, type DecoderVariant, readDecoderConfig } from './decoder-config.ts'
import type { LanguageFamily } from './family.ts'
import { createLanguageGraph, INPUT_IDS, type LanguageGraph } from './language-graph.ts'

const STACK = 'model'

/** RMS norm over the last axis. */
function addNorm(to: LanguageGraph, input: string, name: string, size: number, epsilon: number): string {
  return to.graph.add('SimplifiedLayerNormalization', [input, to.weight(`${name}.weight`, [size])], {
    axis: { int: -1 },
    epsilon: { float: epsilon },
  })
}

/** RMS norm of the sum of two; the sum goes on beside it. */
function addSkipNorm(
  to: LanguageGraph,
  hidden: string,
  added: string,
  name: string,
  config: DecoderConfig,
): { sum: string; normed: string } {
  const output = `${name}.output`
  const sum = `${name}.sum`
  to.graph.addNode({
    opType: 'SkipSimplifiedLayerNormalization',
    domain: MICROSOFT,
    inputs: [hidden, added, to.weight(`${name}.weight`, [config.width])],
    outputs: [output, '', '', sum],
    attributes: { epsilon: { float: config.epsilon } },
  })
  return { sum, normed: output }
}

/** Every head normed by itself, with one scale for all of them. */
function addHeadNorm(to: LanguageGraph, input: string, name: string, config: DecoderConfig): string {
  const { headSize, epsilon } = config
  const { graph } = to
  const split = graph.add('Reshape', [input, to.shape('heads_apart', [0, 0, -1, headSize])])
  const normed = addNorm(to, split, name, headSize, epsilon)
  return graph.add('Reshape', [normed, to.shape('heads_joined', [0, 0, -1])])
}

function addAttention(to: LanguageGraph, input: string, layer: number, config: DecoderConfig): string {
  const name = `${STACK}.layers.${layer}.self_attn`
  const { width, heads, keyValueHeads, headSize, biases, headNorms } = config
  const project = (part: string, count: number) =>
    to.linear(input, {
      module: `${name}.${part}_proj`,
      inputs: width,
      outputs: count * headSize,
      bias: biases.inputs,
      stored: 'outputs-inputs',
    })
  const query = project('q', heads)
  const key = project('k', keyValueHeads)
  const mixed = to.attention({
    layer,
    query: headNorms ? addHeadNorm(to, query, `${name}.q_norm`, config) : query,
    key: headNorms ? addHeadNorm(to, key, `${name}.k_norm`, config) : key,
    value: project('v', keyValueHeads),
    window: config.windows[layer]!,
  })
  return to.linear(mixed, {
    module: `${name}.o_proj`,
    inputs: heads * headSize,
    outputs: width,
    bias: biases.output,
    stored: 'outputs-inputs',
  })
}

function addFeedForward(to: LanguageGraph, input: string, layer: number, config: DecoderConfig): string {
  const name = `${STACK}.layers.${layer}.mlp`
  const { width, hidden, biases } = config
  const linear = (from: string, part: string, inputs: number, outputs: number) =>
    to.linear(from, {
      module: `${name}.${part}_proj`,
      inputs,
      outputs,
      bias: biases.feedForward,
      stored: 'outputs-inputs',
    })
  const gate = addActivation(to.graph, 'silu', linear(input, 'gate', width, hidden), `${name}.gate`)
  const gated = to.graph.add('Mul', [gate, linear(input, 'up', width, hidden)])
  return linear(gated, 'down', hidden, width)
}

/** A row of the family table for one member of the family. */
export function decoderFamily(names: LanguageFamily['names'], variant: DecoderVariant): LanguageFamily {
  return {
    task: 'text-generation',
    names,
    // Old checkpoints keep the frequencies of the rotary embedding; tied heads are stored twice by some trainers.
    ignored: [/rotary_emb\.inv_freq$/],
    build({ config: fields, weights, adapters }) {
      const config = readDecoderConfig(fields, variant)
      const to = createLanguageGraph(weights, { ...config, learnedPositions: false }, { adapters })
      const { graph } = to
      const table = to.weight(`${STACK}.embed_tokens.weight`, [config.vocabulary, config.width])
      let hidden = graph.add('Gather', [table, INPUT_IDS], { axis: { int: 0 } })
      let normed = addNorm(to, hidden, `${STACK}.layers.0.input_layernorm`, config.width, config.epsilon)
      for (let layer = 0; layer < config.layers; layer++) {
        const name = `${STACK}.layers.${layer}`
        const attended = addAttention(to, normed, layer, config)
        const middle = addSkipNorm(to, hidden, attended, `${name}.post_attention_layernorm`, config)
        const fed = addFeedForward(to, middle.normed, layer, config)
        if (layer + 1 === config.layers) hidden = graph.add('Add', [middle.sum, fed])
        else {
          const next = `${STACK}.layers.${layer + 1}.input_layernorm`
          ;({ sum: hidden, normed } = addSkipNorm(to, middle.sum, fed, next, config))
        }
      }
      const rows = addNorm(to, to.selectRows(hidden), `${STACK}.norm`, config.width, config.epsilon)
      to.logits(rows, config.tied ? { tied: true, table } : { tied: false, module: 'lm_head' })
      return { to, shape: config, ignored: config.tied ? [/^lm_head\.weight$/] : [] }
    },
  }
}
