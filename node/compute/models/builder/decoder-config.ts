/** config.json of the Llama family and of what grew out of it: Qwen2, Qwen3, Mistral. */
import type { ConfigFields } from './config-fields.ts'
import { HEAD_SIZE_MULTIPLE } from './language-graph.ts'
import { type RotaryConfig, readRotaryConfig } from './rotary.ts'

/** Longer contexts than this are cut to it: the tables of cosines and sines grow with them. */
export const MAX_CONTEXT_TOKENS = 131_072
/** Of one such table: a small file could otherwise ask for gigabytes. */
const MAX_TABLE_ELEMENTS = 2 ** 24
export const MAX_LAYERS = 512
export const MAX_WIDTH = 65_536
export const MAX_VOCABULARY = 2 ** 20

export interface DecoderConfig {
  readonly width: number
  /** Width of the gated feed-forward layer. */
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly headSize: number
  readonly vocabulary: number
  readonly contextTokens: number
  readonly epsilon: number
  readonly tied: boolean
  readonly biases: { readonly inputs: boolean; readonly output: boolean; readonly feedForward: boolean }
  /** An RMS norm of every head of queries and keys (Qwen3). */
  readonly headNorms: boolean
  readonly rotary: RotaryConfig
  /** By layer: how many of the last tokens are seen, or null for all. */
  readonly windows: readonly (number | null)[]
}

/** Where the members of the family differ. */
export interface DecoderVariant {
  biases(config: ConfigFields): DecoderConfig['biases']
  readonly headNorms: boolean
  /** Whether `sliding_window` holds unless `use_sliding_window` says otherwise. */
  readonly window: 'none' | 'always' | 'if-asked'
  /** Of heads, where `head_dim` is absent; null for width / heads. */
  readonly headSize: number | null
}

/** Switches of some members that change what the model computes. */
const UNBUILT = ['rope_interleaved', 'use_mrope'] as const

/** Throws MODEL_CONFIG_INVALID naming the key. */
export function readDecoderConfig(config: ConfigFields, variant: DecoderVariant): DecoderConfig {
  config.choice('hidden_act', ['silu', 'swish'], 'silu')
  for (const key of UNBUILT)
    if (config.flag(key, false)) throw config.invalid(key, 'is true, which is not supported')
  const width = config.count('hidden_size', { max: MAX_WIDTH })
  const heads = config.count('num_attention_heads', { max: 1024 })
  const keyValueHeads = config.count('num_key_value_heads', { max: heads, absent: heads })
  if (heads % keyValueHeads !== 0)
    throw config.invalid('num_key_value_heads', `does not divide ${heads} attention heads`)
  if (config.raw('head_dim') === undefined && variant.headSize === null && width % heads !== 0)
    throw config.invalid('num_attention_heads', `does not divide a width of ${width}`)
  const headSize = config.count('head_dim', { max: 1024, absent: variant.headSize ?? width / heads })
  if (headSize % HEAD_SIZE_MULTIPLE !== 0)
    throw config.invalid('head_dim', `is not a multiple of ${HEAD_SIZE_MULTIPLE}`)
  const layers = config.count('num_hidden_layers', { max: MAX_LAYERS })
  const context = config.count('max_position_embeddings', { max: 2 ** 24, absent: 2048 })
  return {
    width,
    hidden: config.count('intermediate_size', { max: 4 * MAX_WIDTH }),
    layers,
    heads,
    keyValueHeads,
    headSize,
    vocabulary: config.count('vocab_size', { max: MAX_VOCABULARY }),
    contextTokens: Math.min(context, MAX_CONTEXT_TOKENS, Math.floor(MAX_TABLE_ELEMENTS / (headSize / 2))),
    epsilon: config.number('rms_norm_eps', { above: 0, max: 1, absent: 1e-6 }),
    tied: config.flag('tie_word_embeddings', false),
    biases: variant.biases(config),
    headNorms: variant.headNorms,
    rotary: readRotaryConfig(config, headSize),
    windows: readWindows(config, variant, layers),
  }
}

function readWindows(config: ConfigFields, variant: DecoderVariant, layers: number): (number | null)[] {
  const used =
    variant.window === 'always' || (variant.window === 'if-asked' && config.flag('use_sliding_window', false))
  const asked = used && config.raw('sliding_window') !== undefined
  const window = asked ? config.count('sliding_window', { max: 2 ** 24 }) : null
  const types = config.raw('layer_types')
  if (types !== undefined) {
    const known = (type: unknown) => type === 'full_attention' || type === 'sliding_attention'
    if (!Array.isArray(types) || types.length !== layers || !types.every(known))
      throw config.invalid('layer_types', `is not a list of ${layers} kinds of attention that are supported`)
    if (window === null && types.includes('sliding_attention'))
      throw config.invalid('sliding_window', 'is missing, and layer_types asks for it')
    return types.map((type) => (type === 'sliding_attention' ? window : null))
  }
  // Qwen has full attention in its first layers.
  const first =
    variant.window === 'if-asked' && window !== null
      ? config.count('max_window_layers', { min: 0, max: 2 ** 16, absent: 0 })
      : 0
  return Array.from({ length: layers }, (_, layer) => (layer >= first ? window : null))
}
