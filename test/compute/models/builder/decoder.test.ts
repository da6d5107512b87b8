/** Graphs of the Llama family against the reference's forward pass. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  llamaLogits,
  plainFrequencies,
  type ReferenceConfig,
} from '../../../../node/compute/reference/llama.ts'
import { largestDifference } from '../../../helpers/differences.ts'
import {
  type TinyInit,
  type TinyLanguageFamily,
  type TinyModel,
  writeTinyLanguageModel,
} from '../../../helpers/language-models.ts'
import { openGraph } from '../../../helpers/run-graph.ts'

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-builder-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

const TOKENS = [1, 300, 261, 270, 330, 45, 299, 281, 360, 267, 268, 3]
const TOLERANCE = 2e-5

function referenceOf(tiny: TinyModel, change: Partial<ReferenceConfig> = {}): ReferenceConfig {
  const config = tiny.config as Readonly<Record<string, number>>
  const heads = config.num_attention_heads!
  const headSize = config.head_dim ?? config.hidden_size! / heads
  return {
    width: config.hidden_size!,
    hidden: config.intermediate_size!,
    layers: config.num_hidden_layers!,
    heads,
    keyValueHeads: config.num_key_value_heads!,
    headSize,
    vocabulary: config.vocab_size!,
    epsilon: config.rms_norm_eps!,
    frequencies: plainFrequencies(headSize, config.rope_theta!),
    pairs: 'half',
    ...change,
  }
}

interface Case {
  readonly name: string
  readonly family: Exclude<TinyLanguageFamily, 'gpt2'>
  readonly init?: TinyInit
  readonly reference?: Partial<ReferenceConfig>
  readonly positionInput?: boolean
}

/** Frequencies of Llama 3.1's scaling, from the rule in words: long waves are stretched, short ones kept, a ramp between. */
function llama3Frequencies(headSize: number): Float64Array {
  const [factor, low, high, original] = [8, 1, 4, 64]
  return plainFrequencies(headSize, 10_000).map((frequency) => {
    const turns = (original * frequency) / (2 * Math.PI)
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)))
    return frequency * kept + (frequency / factor) * (1 - kept)
  })
}

const CASES: readonly Case[] = [
  { name: 'llama', family: 'llama' },
  { name: 'llama, head of its own', family: 'llama', init: { config: { tie_word_embeddings: false } } },
  { name: 'llama, biases', family: 'llama', init: { config: { attention_bias: true, mlp_bias: true } } },
  {
    name: 'llama, heads of 8 and four of them',
    family: 'llama',
    init: { config: { num_attention_heads: 4, num_key_value_heads: 2 } },
    positionInput: true,
  },
  {
    name: 'llama, head_dim apart from the width',
    family: 'llama',
    init: { config: { head_dim: 32, num_key_value_heads: 2 } },
  },
  {
    name: 'llama, linear scaling',
    family: 'llama',
    init: { config: { rope_scaling: { type: 'linear', factor: 4 } } },
    reference: { frequencies: plainFrequencies(16, 10_000).map((frequency) => frequency / 4) },
  },
  {
    name: 'llama, scaling of Llama 3.1',
    family: 'llama',
    init: {
      config: {
        rope_scaling: {
          rope_type: 'llama3',
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 64,
        },
      },
    },
    reference: { frequencies: llama3Frequencies(16) },
  },
  {
    name: 'llama, rope_parameters of newer files',
    family: 'llama',
    init: { config: { rope_theta: null, rope_parameters: { rope_type: 'default', rope_theta: 500 } } },
    reference: { frequencies: plainFrequencies(16, 500) },
  },
  { name: 'mistral', family: 'mistral', reference: { windows: [6, 6] } },
  { name: 'mistral, no window', family: 'mistral', init: { config: { sliding_window: null } } },
  { name: 'qwen2', family: 'qwen2' },
  {
    name: 'qwen2, window in the second layer',
    family: 'qwen2',
    init: { config: { use_sliding_window: true, sliding_window: 5, max_window_layers: 1 } },
    reference: { windows: [null, 5] },
  },
  { name: 'qwen2, window not asked for', family: 'qwen2', init: { config: { sliding_window: 2 } } },
  { name: 'qwen3', family: 'qwen3' },
  {
    name: 'qwen3, layer types',
    family: 'qwen3',
    init: {
      config: {
        use_sliding_window: true,
        sliding_window: 4,
        layer_types: ['sliding_attention', 'full_attention'],
      },
    },
    reference: { windows: [4, null] },
  },
]

for (const { name, family, init = {}, reference = {}, positionInput = false } of CASES)
  test(`${name}: prefill, parts, padded rows and decoding give the reference's logits`, async () => {
    const tiny = writeTinyLanguageModel(directory, family, init)
    assert.is(tiny.card.positionInput, positionInput)
    const config = referenceOf(tiny, reference)
    const expected = (tokens: readonly number[]) =>
      llamaLogits((key) => tiny.tensors.get(key)?.data, config, tokens)
    const graph = await openGraph(directory, tiny.card)
    try {
      const logits = expected(TOKENS)
      assert.ok(largestDifference(await graph.prefill({ rows: [TOKENS] }), logits) < TOLERANCE)
      assert.ok(largestDifference(await graph.prefillInParts(TOKENS, [5, 4, 3]), logits) < TOLERANCE)
      const rows = [TOKENS.slice(0, 5), TOKENS, TOKENS.slice(3, 4)]
      const apart = rows.map(expected)
      const together = Float32Array.from(apart.flatMap((row) => [...row]))
      assert.ok(largestDifference(await graph.prefill({ rows }), together) < TOLERANCE)
      const longer = rows.map((row) => [...row, ...TOKENS.slice(0, 3)])
      const ends = longer.map(expected)
      for (const [step, found] of (await graph.decode(longer, 3)).entries()) {
        const at = (row: Float32Array) => row.length + (step - 3) * config.vocabulary
        const wanted = ends.flatMap((row) => [...row.subarray(at(row), at(row) + config.vocabulary)])
        assert.ok(largestDifference(found, wanted) < TOLERANCE, `step ${step}`)
      }
    } finally {
      await graph.close()
    }
  })

test('weights of more than 16 MiB lie beside the graph, and run', async () => {
  const tiny = writeTinyLanguageModel(directory, 'llama', { config: { vocab_size: 140_000 } })
  assert.ok(statSync(join(directory, 'model.onnx.data')).size > 16 * 2 ** 20)
  assert.ok(statSync(join(directory, 'model.onnx')).size < 2 ** 18)
  const graph = await openGraph(directory, tiny.card)
  try {
    const tokens = [1, 139_999]
    const expected = llamaLogits((key) => tiny.tensors.get(key)?.data, referenceOf(tiny), tokens)
    assert.ok(largestDifference(await graph.prefill({ rows: [tokens] }), expected) < TOLERANCE)
  } finally {
    await graph.close()
  }
})

test.run()
