/** config.json as it is published for known models: what the builder makes of the keys that stand there. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { configFields } from '../../../../node/compute/models/builder/config-fields.ts'
import {
  type DecoderVariant,
  readDecoderConfig,
} from '../../../../node/compute/models/builder/decoder-config.ts'
import { rotaryFrequencies } from '../../../../node/compute/models/builder/rotary.ts'
import type { JsonObject } from '../../../../node/json.ts'

const PLAIN: DecoderVariant = {
  biases: () => ({ inputs: false, output: false, feedForward: false }),
  headNorms: false,
  window: 'none',
  headSize: null,
}
const read = (json: JsonObject, variant: Partial<DecoderVariant> = {}) =>
  readDecoderConfig(configFields(json, 'config.json'), { ...PLAIN, ...variant })

const LLAMA_3 = {
  attention_bias: false,
  attention_dropout: 0,
  head_dim: 64,
  hidden_act: 'silu',
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 8192,
  max_position_embeddings: 131_072,
  num_attention_heads: 32,
  num_hidden_layers: 16,
  num_key_value_heads: 8,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: {
    factor: 32,
    high_freq_factor: 4,
    low_freq_factor: 1,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
  rope_theta: 500_000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  use_cache: true,
  vocab_size: 128_256,
}

test('a small Llama 3.2', () => {
  const config = read(LLAMA_3)
  assert.is(config.contextTokens, 131_072)
  assert.equal([config.headSize, config.keyValueHeads, config.tied], [64, 8, true])
  const plain = rotaryFrequencies({ ...config.rotary, scaling: { kind: 'none' } })
  const scaled = rotaryFrequencies(config.rotary)
  assert.is(scaled[0], plain[0], 'short waves stay')
  assert.is(scaled[31], plain[31]! / 32, 'long ones are stretched')
  assert.ok(scaled.every((value, i) => value <= plain[i]! && value >= plain[i]! / 32))
})

test('a small Qwen 2.5 has a window in its file that it does not use', () => {
  const json = {
    hidden_size: 896,
    intermediate_size: 4864,
    max_position_embeddings: 32_768,
    max_window_layers: 21,
    num_attention_heads: 14,
    num_hidden_layers: 24,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    sliding_window: 32_768,
    tie_word_embeddings: true,
    use_mrope: false,
    use_sliding_window: false,
    vocab_size: 151_936,
  }
  const config = read(json, { window: 'if-asked' })
  assert.is(config.headSize, 64)
  assert.ok(config.windows.every((window) => window === null))
  const used = read({ ...json, use_sliding_window: true }, { window: 'if-asked' })
  assert.equal([used.windows[20], used.windows[21]], [null, 32_768])
})

test('a small Qwen 3 has heads wider than its width', () => {
  const json = {
    attention_bias: false,
    hidden_act: 'silu',
    hidden_size: 1024,
    intermediate_size: 3072,
    max_position_embeddings: 40_960,
    max_window_layers: 28,
    num_attention_heads: 16,
    num_hidden_layers: 28,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 1_000_000,
    sliding_window: null,
    tie_word_embeddings: true,
    use_sliding_window: false,
    vocab_size: 151_936,
  }
  const config = read(json, { headNorms: true, window: 'if-asked', headSize: 128 })
  assert.is(config.headSize, 128)
  assert.equal(config.rotary.scaling, { kind: 'none' })
})

test('Mistral 7B: a window in its first version, none in its third', () => {
  const json = {
    hidden_act: 'silu',
    hidden_size: 4096,
    intermediate_size: 14_336,
    max_position_embeddings: 32_768,
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    sliding_window: 4096,
    tie_word_embeddings: false,
    vocab_size: 32_000,
  }
  assert.ok(read(json, { window: 'always' }).windows.every((window) => window === 4096))
  const third = read({ ...json, sliding_window: null, head_dim: null }, { window: 'always' })
  assert.ok(third.windows.every((window) => window === null))
  assert.is(third.headSize, 128)
})

test('a small SmolLM2 says that its features are not interleaved', () => {
  const config = read({
    hidden_size: 576,
    intermediate_size: 1536,
    is_llama_config: true,
    max_position_embeddings: 8192,
    num_attention_heads: 9,
    num_hidden_layers: 30,
    num_key_value_heads: 3,
    rms_norm_eps: 1e-5,
    rope_interleaved: false,
    rope_scaling: null,
    rope_theta: 100_000,
    tie_word_embeddings: true,
    vocab_size: 49_152,
  })
  assert.equal([config.headSize, config.heads, config.keyValueHeads], [64, 9, 3])
})

test.run()
