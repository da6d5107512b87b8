/** How the members of the BERT family name their keys and tensors. */

import { ACTIVATIONS, type ActivationName } from './activations.ts'
import type { ConfigFields } from './config-fields.ts'
import { MAX_LAYERS, MAX_VOCABULARY, MAX_WIDTH } from './decoder-config.ts'

export interface EncoderConfig {
  readonly width: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly vocabulary: number
  /** Rows of the table of positions. */
  readonly positions: number
  /** Row of the first token: RoBERTa keeps the first ones for padding. */
  readonly firstPosition: number
  /** Rows of the table of segments; 0 for none. */
  readonly segments: number
  /** Whether segments are an input; otherwise the first is added to every token. */
  readonly segmentInput: boolean
  readonly epsilon: number
  readonly activation: ActivationName
}

export interface EncoderNames {
  /** Prefix of all tensors, where the file has one. */
  readonly prefix: string
  readonly layer: (index: number) => string
  readonly query: string
  readonly key: string
  readonly value: string
  readonly attentionOutput: string
  readonly attentionNorm: string
  readonly up: string
  readonly down: string
  readonly outputNorm: string
  config(fields: ConfigFields): EncoderConfig
}

function activationOf(fields: ConfigFields, key: string): ActivationName {
  return fields.choice(key, Object.keys(ACTIVATIONS) as ActivationName[], 'gelu')
}

function bertConfig(fields: ConfigFields): Omit<EncoderConfig, 'firstPosition' | 'segmentInput'> {
  fields.choice('position_embedding_type', ['absolute'], 'absolute')
  for (const key of ['is_decoder', 'add_cross_attention'])
    if (fields.flag(key, false)) throw fields.invalid(key, 'is true: only encoders are supported')
  return {
    width: fields.count('hidden_size', { max: MAX_WIDTH }),
    hidden: fields.count('intermediate_size', { max: 4 * MAX_WIDTH }),
    layers: fields.count('num_hidden_layers', { max: MAX_LAYERS }),
    heads: fields.count('num_attention_heads', { max: 1024 }),
    vocabulary: fields.count('vocab_size', { max: MAX_VOCABULARY }),
    positions: fields.count('max_position_embeddings', { max: 2 ** 17 }),
    segments: fields.count('type_vocab_size', { max: 1024, absent: 2 }),
    epsilon: fields.number('layer_norm_eps', { above: 0, max: 1, absent: 1e-12 }),
    activation: activationOf(fields, 'hidden_act'),
  }
}

const BERT_LAYER = {
  layer: (index: number) => `encoder.layer.${index}`,
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  attentionOutput: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  up: 'intermediate.dense',
  down: 'output.dense',
  outputNorm: 'output.LayerNorm',
} as const

export const BERT_NAMES: EncoderNames = {
  prefix: 'bert.',
  ...BERT_LAYER,
  config: (fields) => ({ ...bertConfig(fields), firstPosition: 0, segmentInput: true }),
}

export const ROBERTA_NAMES: EncoderNames = {
  prefix: 'roberta.',
  ...BERT_LAYER,
  config(fields) {
    const config = bertConfig(fields)
    const firstPosition = fields.count('pad_token_id', { min: 0, max: 1000, absent: 1 }) + 1
    if (config.positions <= firstPosition)
      throw fields.invalid('max_position_embeddings', `is not above ${firstPosition}`)
    return { ...config, firstPosition, segmentInput: false }
  },
}

export const DISTILBERT_NAMES: EncoderNames = {
  prefix: 'distilbert.',
  layer: (index) => `transformer.layer.${index}`,
  query: 'attention.q_lin',
  key: 'attention.k_lin',
  value: 'attention.v_lin',
  attentionOutput: 'attention.out_lin',
  attentionNorm: 'sa_layer_norm',
  up: 'ffn.lin1',
  down: 'ffn.lin2',
  outputNorm: 'output_layer_norm',
  config: (fields) => ({
    width: fields.count('dim', { max: MAX_WIDTH }),
    hidden: fields.count('hidden_dim', { max: 4 * MAX_WIDTH }),
    layers: fields.count('n_layers', { max: MAX_LAYERS }),
    heads: fields.count('n_heads', { max: 1024 }),
    vocabulary: fields.count('vocab_size', { max: MAX_VOCABULARY }),
    positions: fields.count('max_position_embeddings', { max: 2 ** 17 }),
    firstPosition: 0,
    segments: 0,
    segmentInput: false,
    epsilon: 1e-12,
    activation: activationOf(fields, 'activation'),
  }),
}
