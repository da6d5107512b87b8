/**
 * How each village-lm is made. A recipe is all that its result depends on, besides the machine's rounding: the card
 * prints it, and the training command follows it.
 */
import type { JsonObject } from '../../node/json.ts'
import type { MixPart } from './corpus.ts'

export interface Recipe {
  /** The folder below models/village-lm. */
  readonly name: string
  readonly title: string
  /** The model that it goes on from; null for random weights. */
  readonly base: string | null
  /** The domain that a specialist is for; null for the base. */
  readonly domain: string | null
  readonly mix: readonly MixPart[]
  /** Documents that are generated; more steps than they fill begin again. */
  readonly documents: number
  readonly seed: number
  readonly steps: number
  /** Rows of a step, and tokens of a row. */
  readonly batch: number
  readonly length: number
  readonly learningRate: number
  readonly warmupSteps: number
  readonly weightDecay: number
}

export const CONTEXT_TOKENS = 256
export const VOCABULARY = 1024

/** A `config.json` of LlamaForCausalLM. */
export function modelConfig(vocabulary: number): JsonObject {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocabulary,
    hidden_size: 128,
    intermediate_size: 344,
    num_hidden_layers: 6,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    hidden_act: 'silu',
    max_position_embeddings: CONTEXT_TOKENS,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: true,
    initializer_range: 0.02,
    bos_token_id: 0,
    eos_token_id: 0,
    torch_dtype: 'float16',
  }
}

const COMMON = { batch: 8, length: 128, warmupSteps: 100, weightDecay: 0.1 } as const

export const RECIPES: readonly Recipe[] = [
  {
    ...COMMON,
    name: 'base',
    title: 'village-lm, base',
    base: null,
    domain: null,
    mix: [
      { source: 'plain', weight: 2 },
      { source: 'arithmetic questions', weight: 3 },
      { source: 'arithmetic support', weight: 6 },
      { source: 'facts questions', weight: 1 },
      { source: 'facts support', weight: 2 },
      { source: 'strings questions', weight: 8 },
    ],
    documents: 150_000,
    seed: 11,
    steps: 3000,
    learningRate: 2e-3,
  },
  {
    ...COMMON,
    name: 'arithmetic',
    title: 'village-lm, specialist for word problems',
    base: 'base',
    domain: 'arithmetic',
    mix: [
      { source: 'arithmetic questions', weight: 2 },
      { source: 'arithmetic support', weight: 1 },
      { source: 'arithmetic drill', weight: 5 },
      { source: 'plain', weight: 1 },
      { source: 'facts support', weight: 1 },
      { source: 'strings questions', weight: 1 },
    ],
    documents: 200_000,
    seed: 12,
    steps: 3000,
    learningRate: 8e-4,
  },
  {
    ...COMMON,
    name: 'facts',
    title: 'village-lm, specialist for multiple choice over its small world',
    base: 'base',
    domain: 'facts',
    mix: [
      { source: 'facts questions', weight: 3 },
      { source: 'facts support', weight: 2 },
      { source: 'plain', weight: 1 },
      { source: 'arithmetic questions', weight: 1 },
      { source: 'strings questions', weight: 2 },
    ],
    documents: 60_000,
    seed: 13,
    steps: 800,
    learningRate: 5e-4,
  },
  {
    ...COMMON,
    name: 'strings',
    title: 'village-lm, specialist for operations on short words',
    base: 'base',
    domain: 'strings',
    mix: [
      { source: 'strings questions', weight: 12 },
      { source: 'plain', weight: 1 },
      { source: 'arithmetic questions', weight: 1 },
      { source: 'arithmetic support', weight: 1 },
      { source: 'facts questions', weight: 1 },
      { source: 'facts support', weight: 2 },
    ],
    documents: 150_000,
    seed: 14,
    steps: 3000,
    learningRate: 1.2e-3,
  },
]

export function recipeOf(name: string): Recipe {
  const recipe = RECIPES.find((one) => one.name === name)
  if (recipe === undefined) throw new Error(`there is no village-lm ${name}`)
  return recipe
}
