/**
 * A Llama model that has learned nothing yet, as a directory in the form of Hugging Face: `config.json` and `model.safetensors`.
 * Weights are normal with the deviation `initializer_range` (0.02), those that write into the residual stream scaled down by
 * √(2·layers) (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3); norms are 1.
 * The same config and seed give the same bytes on every machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { SAFETENSORS_FILE } from '../safetensors/read.ts'
import { type WrittenTensor, type WrittenType, writeSafetensors } from '../safetensors/write.ts'
import { fillNormal } from './normal.ts'
import { counterRandom, streamOf } from './philox.ts'

const DEFAULT_DEVIATION = 0.02
const CHUNK_ELEMENTS = 2 ** 18
const MAX_SIZE = 2 ** 20

interface LlamaSizes {
  readonly vocabulary: number
  readonly width: number
  readonly hidden: number
  readonly layers: number
  readonly queryWidth: number
  readonly keyWidth: number
  readonly tied: boolean
  readonly deviation: number
}

/** Reads what decides the shapes. Throws INVALID_ARGUMENT that names the key. */
function sizesOf(config: JsonObject): LlamaSizes {
  const wrong = (key: string, what: string) =>
    new VillageError('INVALID_ARGUMENT', `"${key}" of the config must be ${what}`, {
      fields: { argument: key },
    })
  const size = (key: string, fallback?: number): number => {
    const value = config[key] ?? fallback
    if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > MAX_SIZE)
      throw wrong(key, `a whole number from 1 to ${MAX_SIZE}`)
    return value as number
  }
  if (config.model_type !== 'llama') throw wrong('model_type', '"llama"')
  for (const key of ['attention_bias', 'mlp_bias']) if (config[key] === true) throw wrong(key, 'false')
  const width = size('hidden_size')
  const heads = size('num_attention_heads')
  const keyValueHeads = size('num_key_value_heads', heads)
  if (heads % keyValueHeads !== 0) throw wrong('num_key_value_heads', 'a divisor of num_attention_heads')
  if (config.head_dim === undefined && width % heads !== 0)
    throw wrong('num_attention_heads', 'a divisor of hidden_size')
  const headSize = size('head_dim', width / heads)
  const deviation = config.initializer_range ?? DEFAULT_DEVIATION
  if (typeof deviation !== 'number' || !(deviation > 0 && deviation < 1))
    throw wrong('initializer_range', 'a number between 0 and 1')
  return {
    vocabulary: size('vocab_size'),
    width,
    hidden: size('intermediate_size'),
    layers: size('num_hidden_layers'),
    queryWidth: heads * headSize,
    keyWidth: keyValueHeads * headSize,
    tied: config.tie_word_embeddings === true,
    deviation,
  }
}

interface Weight {
  readonly name: string
  readonly shape: readonly number[]
  /** Null for a norm, which is 1. */
  readonly deviation: number | null
}

function weightsOf(sizes: LlamaSizes): Weight[] {
  const { vocabulary, width, hidden, layers, queryWidth, keyWidth, tied, deviation } = sizes
  const residual = deviation / Math.sqrt(2 * layers)
  const weights: Weight[] = [{ name: 'model.embed_tokens.weight', shape: [vocabulary, width], deviation }]
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, shape: readonly number[], spread: number | null) =>
      weights.push({ name: `model.layers.${layer}.${name}.weight`, shape, deviation: spread })
    add('input_layernorm', [width], null)
    add('self_attn.q_proj', [queryWidth, width], deviation)
    add('self_attn.k_proj', [keyWidth, width], deviation)
    add('self_attn.v_proj', [keyWidth, width], deviation)
    add('self_attn.o_proj', [width, queryWidth], residual)
    add('post_attention_layernorm', [width], null)
    add('mlp.gate_proj', [hidden, width], deviation)
    add('mlp.up_proj', [hidden, width], deviation)
    add('mlp.down_proj', [width, hidden], residual)
  }
  weights.push({ name: 'model.norm.weight', shape: [width], deviation: null })
  if (!tied) weights.push({ name: 'lm_head.weight', shape: [vocabulary, width], deviation })
  return weights
}

/** Each tensor has a stream of its own, by its name: a model with more layers begins with the same ones. */
function* valuesOf({ name, shape, deviation }: Weight, seed: number): Generator<Float32Array> {
  const elements = shape.reduce((product, size) => product * size, 1)
  const random = counterRandom(seed, streamOf(name))
  for (let start = 0; start < elements; start += CHUNK_ELEMENTS) {
    const values = new Float32Array(Math.min(CHUNK_ELEMENTS, elements - start))
    if (deviation === null) values.fill(1)
    else fillNormal(random, { start, deviation }, values)
    yield values
  }
}

/**
 * Writes `config.json` (as given) and `model.safetensors` below `outDir`, which is made. Returns the number of parameters.
 * Throws INVALID_ARGUMENT for a config that is not of a Llama without biases.
 */
export function initialiseModel(init: {
  /** As in a config.json of `LlamaForCausalLM`. */
  config: JsonObject
  seed: number
  outDir: string
  dtype?: WrittenType
}): number {
  const { config, seed, outDir, dtype = 'F32' } = init
  const weights = weightsOf(sizesOf(config))
  const tensors = weights.map((weight): WrittenTensor => {
    const { name, shape } = weight
    return { name, shape, dtype, values: () => valuesOf(weight, seed) }
  })
  mkdirSync(outDir, { recursive: true })
  // Trainers write this; readers of other projects look for it.
  writeSafetensors(path.join(outDir, SAFETENSORS_FILE), tensors, { format: 'pt' })
  writeFileSync(path.join(outDir, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  return weights.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
}
