/** config.json and tensors of the tiny models, by family, written down from what the trainers publish. */

export interface TinyTensorSpec {
  readonly name: string
  readonly dims: readonly number[]
  /** `scale` lies around 1, `vector` around 0. */
  readonly kind: 'matrix' | 'scale' | 'vector'
}

export interface TinyFamilyRow {
  readonly config: Readonly<Record<string, unknown>>
  tensors(config: Readonly<Record<string, unknown>>): TinyTensorSpec[]
}

export type TinyFamily = 'llama' | 'mistral' | 'qwen2' | 'qwen3' | 'gpt2' | TinyEncoderFamily
export type TinyEncoderFamily = 'bert' | 'roberta' | 'distilbert'

type Config = Readonly<Record<string, unknown>>

const number = (config: Config, key: string): number => config[key] as number
const matrix = (name: string, ...dims: number[]): TinyTensorSpec => ({ name, dims, kind: 'matrix' })
const scale = (name: string, size: number): TinyTensorSpec => ({ name, dims: [size], kind: 'scale' })
const vector = (name: string, size: number): TinyTensorSpec => ({ name, dims: [size], kind: 'vector' })

/** Two layers, width 32, two heads of 16 over one head of keys. */
const DECODER = {
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: null,
}

function decoderTensors(
  config: Config,
  has: { qkvBias?: boolean; headNorms?: boolean } = {},
): TinyTensorSpec[] {
  const width = number(config, 'hidden_size')
  const hidden = number(config, 'intermediate_size')
  const heads = number(config, 'num_attention_heads')
  const keyHeads = number(config, 'num_key_value_heads')
  const headSize = (config.head_dim as number | undefined) ?? width / heads
  const vocabulary = number(config, 'vocab_size')
  const qkvBias = has.qkvBias === true || config.attention_bias === true
  const layers = Array.from({ length: number(config, 'num_hidden_layers') }, (_, layer) => {
    const to = `model.layers.${layer}`
    const linear = (name: string, outputs: number, inputs: number, bias: boolean) => [
      matrix(`${to}.${name}.weight`, outputs, inputs),
      ...(bias ? [vector(`${to}.${name}.bias`, outputs)] : []),
    ]
    return [
      scale(`${to}.input_layernorm.weight`, width),
      ...linear('self_attn.q_proj', heads * headSize, width, qkvBias),
      ...linear('self_attn.k_proj', keyHeads * headSize, width, qkvBias),
      ...linear('self_attn.v_proj', keyHeads * headSize, width, qkvBias),
      ...linear('self_attn.o_proj', width, heads * headSize, config.attention_bias === true),
      ...(has.headNorms === true
        ? [scale(`${to}.self_attn.q_norm.weight`, headSize), scale(`${to}.self_attn.k_norm.weight`, headSize)]
        : []),
      scale(`${to}.post_attention_layernorm.weight`, width),
      ...linear('mlp.gate_proj', hidden, width, config.mlp_bias === true),
      ...linear('mlp.up_proj', hidden, width, config.mlp_bias === true),
      ...linear('mlp.down_proj', width, hidden, config.mlp_bias === true),
    ]
  })
  return [
    matrix('model.embed_tokens.weight', vocabulary, width),
    ...layers.flat(),
    scale('model.norm.weight', width),
    ...(config.tie_word_embeddings === true ? [] : [matrix('lm_head.weight', vocabulary, width)]),
  ]
}

function gpt2Tensors(config: Config): TinyTensorSpec[] {
  const width = number(config, 'n_embd')
  const hidden = (config.n_inner as number | null | undefined) ?? 4 * width
  const conv = (name: string, inputs: number, outputs: number) => [
    matrix(`${name}.weight`, inputs, outputs),
    vector(`${name}.bias`, outputs),
  ]
  const norm = (name: string) => [scale(`${name}.weight`, width), vector(`${name}.bias`, width)]
  const layers = Array.from({ length: number(config, 'n_layer') }, (_, layer) => {
    const to = `transformer.h.${layer}`
    return [
      ...norm(`${to}.ln_1`),
      ...conv(`${to}.attn.c_attn`, width, 3 * width),
      ...conv(`${to}.attn.c_proj`, width, width),
      ...norm(`${to}.ln_2`),
      ...conv(`${to}.mlp.c_fc`, width, hidden),
      ...conv(`${to}.mlp.c_proj`, hidden, width),
    ]
  })
  return [
    matrix('transformer.wte.weight', number(config, 'vocab_size'), width),
    matrix('transformer.wpe.weight', number(config, 'n_positions'), width),
    ...layers.flat(),
    ...norm('transformer.ln_f'),
  ]
}

interface EncoderTensorNames {
  readonly prefix: string
  readonly layer: string
  readonly query: string
  readonly key: string
  readonly value: string
  readonly mixed: string
  readonly mixedNorm: string
  readonly up: string
  readonly down: string
  readonly outputNorm: string
}

const BERT_TENSORS: Omit<EncoderTensorNames, 'prefix'> = {
  layer: 'encoder.layer',
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  mixed: 'attention.output.dense',
  mixedNorm: 'attention.output.LayerNorm',
  up: 'intermediate.dense',
  down: 'output.dense',
  outputNorm: 'output.LayerNorm',
}

/** How the published files name the tensors of each encoder. */
export const ENCODER_TENSORS: Readonly<Record<TinyEncoderFamily, EncoderTensorNames>> = {
  // As sentence-transformers saves it: without a prefix.
  bert: { prefix: '', ...BERT_TENSORS },
  roberta: { prefix: 'roberta.', ...BERT_TENSORS },
  distilbert: {
    prefix: 'distilbert.',
    layer: 'transformer.layer',
    query: 'attention.q_lin',
    key: 'attention.k_lin',
    value: 'attention.v_lin',
    mixed: 'attention.out_lin',
    mixedNorm: 'sa_layer_norm',
    up: 'ffn.lin1',
    down: 'ffn.lin2',
    outputNorm: 'output_layer_norm',
  },
}

interface EncoderSizes {
  readonly width: number
  readonly hidden: number
  readonly layers: number
  readonly segments: number
}

function encoderTensors(family: TinyEncoderFamily, config: Config, sizes: EncoderSizes): TinyTensorSpec[] {
  const { width, hidden, segments } = sizes
  const names = ENCODER_TENSORS[family]
  const to = names.prefix
  const linear = (name: string, outputs: number, inputs: number) => [
    matrix(`${name}.weight`, outputs, inputs),
    vector(`${name}.bias`, outputs),
  ]
  const norm = (name: string) => [scale(`${name}.weight`, width), vector(`${name}.bias`, width)]
  const layers = Array.from({ length: sizes.layers }, (_, index) => {
    const layer = `${to}${names.layer}.${index}`
    return [
      ...[names.query, names.key, names.value, names.mixed].flatMap((name) =>
        linear(`${layer}.${name}`, width, width),
      ),
      ...norm(`${layer}.${names.mixedNorm}`),
      ...linear(`${layer}.${names.up}`, hidden, width),
      ...linear(`${layer}.${names.down}`, width, hidden),
      ...norm(`${layer}.${names.outputNorm}`),
    ]
  })
  return [
    matrix(`${to}embeddings.word_embeddings.weight`, number(config, 'vocab_size'), width),
    matrix(`${to}embeddings.position_embeddings.weight`, number(config, 'max_position_embeddings'), width),
    ...(segments > 0 ? [matrix(`${to}embeddings.token_type_embeddings.weight`, segments, width)] : []),
    ...norm(`${to}embeddings.LayerNorm`),
    ...layers.flat(),
  ]
}

const bertSizes = (config: Config): EncoderSizes => ({
  width: number(config, 'hidden_size'),
  hidden: number(config, 'intermediate_size'),
  layers: number(config, 'num_hidden_layers'),
  segments: number(config, 'type_vocab_size'),
})

const BERT = {
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  hidden_act: 'gelu',
  max_position_embeddings: 64,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
}

export const TINY_FAMILIES: Readonly<Record<TinyFamily, TinyFamilyRow>> = {
  llama: {
    config: { architectures: ['LlamaForCausalLM'], model_type: 'llama', ...DECODER },
    tensors: (config) => decoderTensors(config),
  },
  mistral: {
    config: {
      architectures: ['MistralForCausalLM'],
      model_type: 'mistral',
      ...DECODER,
      sliding_window: 6,
      tie_word_embeddings: false,
    },
    tensors: (config) => decoderTensors(config),
  },
  qwen2: {
    config: { architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2', ...DECODER },
    tensors: (config) => decoderTensors(config, { qkvBias: true }),
  },
  qwen3: {
    config: { architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3', ...DECODER, head_dim: 16 },
    tensors: (config) => decoderTensors(config, { headNorms: true }),
  },
  gpt2: {
    config: {
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      n_embd: 32,
      n_layer: 2,
      n_head: 4,
      n_positions: 128,
      n_inner: null,
      activation_function: 'gelu_new',
      layer_norm_epsilon: 1e-5,
      bos_token_id: 1,
      eos_token_id: 2,
    },
    tensors: gpt2Tensors,
  },
  bert: {
    config: { architectures: ['BertModel'], model_type: 'bert', ...BERT, type_vocab_size: 2 },
    tensors: (config) => encoderTensors('bert', config, bertSizes(config)),
  },
  roberta: {
    config: {
      architectures: ['RobertaForMaskedLM'],
      model_type: 'roberta',
      ...BERT,
      type_vocab_size: 1,
      pad_token_id: 1,
    },
    tensors: (config) => encoderTensors('roberta', config, bertSizes(config)),
  },
  distilbert: {
    config: {
      architectures: ['DistilBertModel'],
      model_type: 'distilbert',
      dim: 32,
      hidden_dim: 48,
      n_layers: 2,
      n_heads: 4,
      activation: 'gelu',
      max_position_embeddings: 64,
      pad_token_id: 0,
    },
    tensors: (config) =>
      encoderTensors('distilbert', config, {
        width: number(config, 'dim'),
        hidden: number(config, 'hidden_dim'),
        layers: number(config, 'n_layers'),
        segments: 0,
      }),
  },
}
