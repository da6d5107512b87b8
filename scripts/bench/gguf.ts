/**
 * A Llama model in the form of Hugging Face as a GGUF file (ggml's docs/gguf.md, version 3, float32), so that llama.cpp can
 * run the same weights. For comparisons only: the tokenizer is as many placeholders as the vocabulary has ids.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { openSafetensors } from '../../node/compute/safetensors/read.ts'

const VERSION = 3
const ALIGNMENT = 32
const TYPE = { uint32: 4, float32: 6, string: 8, array: 9, int32: 5 } as const

interface Config {
  hidden_size: number
  intermediate_size: number
  num_hidden_layers: number
  num_attention_heads: number
  num_key_value_heads: number
  max_position_embeddings: number
  rms_norm_eps: number
  rope_theta?: number
  vocab_size: number
}

/** Names by their ends: [Hugging Face, GGUF]. */
const LAYER = [
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
] as const
const WHOLE = new Map([
  ['model.embed_tokens.weight', 'token_embd.weight'],
  ['model.norm.weight', 'output_norm.weight'],
  ['lm_head.weight', 'output.weight'],
])

function nameOf(name: string): string {
  const whole = WHOLE.get(name)
  if (whole !== undefined) return whole
  const [, layer, part] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? []
  const row = LAYER.find(([from]) => from === part)
  if (row === undefined) throw new RangeError(`${name} has no place in GGUF`)
  return `blk.${layer}.${row[1]}.weight`
}

/** Rows of queries and keys: halves of a head (Hugging Face) to adjacent pairs (GGUF's llama). */
function interleave(data: Float32Array, heads: number, columns: number): Float32Array {
  const out = new Float32Array(data.length)
  const size = data.length / columns / heads
  for (let head = 0; head < heads; head++)
    for (let row = 0; row < size; row++) {
      const from = head * size + row
      const to = head * size + (row < size / 2 ? 2 * row : 2 * (row - size / 2) + 1)
      out.set(data.subarray(from * columns, (from + 1) * columns), to * columns)
    }
  return out
}

class Bytes {
  readonly parts: Buffer[] = []
  uint32(value: number): this {
    const part = Buffer.alloc(4)
    part.writeUInt32LE(value)
    this.parts.push(part)
    return this
  }
  uint64(value: number): this {
    const part = Buffer.alloc(8)
    part.writeBigUInt64LE(BigInt(value))
    this.parts.push(part)
    return this
  }
  float32(value: number): this {
    const part = Buffer.alloc(4)
    part.writeFloatLE(value)
    this.parts.push(part)
    return this
  }
  text(value: string): this {
    const bytes = Buffer.from(value)
    this.uint64(bytes.length).parts.push(bytes)
    return this
  }
}

/** Writes `file` from the safetensors and config.json of `directory`. */
export function writeGguf(directory: string, file: string): void {
  const config = JSON.parse(readFileSync(path.join(directory, 'config.json'), 'utf8')) as Config
  using model = openSafetensors(directory)
  const head = config.hidden_size / config.num_attention_heads
  const facts: [string, 'uint32' | 'float32', number][] = [
    ['llama.context_length', 'uint32', config.max_position_embeddings],
    ['llama.embedding_length', 'uint32', config.hidden_size],
    ['llama.block_count', 'uint32', config.num_hidden_layers],
    ['llama.feed_forward_length', 'uint32', config.intermediate_size],
    ['llama.rope.dimension_count', 'uint32', head],
    ['llama.attention.head_count', 'uint32', config.num_attention_heads],
    ['llama.attention.head_count_kv', 'uint32', config.num_key_value_heads],
    ['llama.attention.layer_norm_rms_epsilon', 'float32', config.rms_norm_eps],
    ['llama.rope.freq_base', 'float32', config.rope_theta ?? 10_000],
    ['tokenizer.ggml.bos_token_id', 'uint32', 1],
    ['tokenizer.ggml.eos_token_id', 'uint32', 2],
    ['general.alignment', 'uint32', ALIGNMENT],
  ]
  const out = new Bytes()
  out.parts.push(Buffer.from('GGUF'))
  out
    .uint32(VERSION)
    .uint64(model.tensors.length)
    .uint64(facts.length + 5)
  out.text('general.architecture').uint32(TYPE.string).text('llama')
  out.text('tokenizer.ggml.model').uint32(TYPE.string).text('llama')
  for (const [key, type, value] of facts) out.text(key).uint32(TYPE[type])[type](value)
  const list = (key: string, type: number, add: (id: number) => void) => {
    out.text(key).uint32(TYPE.array).uint32(type).uint64(config.vocab_size)
    for (let id = 0; id < config.vocab_size; id++) add(id)
  }
  const piece = (id: number) =>
    id < 3
      ? ['<unk>', '<s>', '</s>'][id]!
      : id < 259
        ? `<0x${(id - 3).toString(16).toUpperCase().padStart(2, '0')}>`
        : `t${id}`
  list('tokenizer.ggml.tokens', TYPE.string, (id) => out.text(piece(id)))
  list('tokenizer.ggml.scores', TYPE.float32, (id) => out.float32(-id))
  list('tokenizer.ggml.token_type', TYPE.int32, (id) =>
    out.uint32(id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1),
  )
  let offset = 0
  for (const tensor of model.tensors) {
    out.text(nameOf(tensor.name)).uint32(tensor.shape.length)
    // Dimensions are written from the innermost out; type 0 is float32.
    for (const size of [...tensor.shape].reverse()) out.uint64(size)
    out.uint32(0).uint64(offset)
    offset += Math.ceil((tensor.elements * 4) / ALIGNMENT) * ALIGNMENT
  }
  const fd = openSync(file, 'w')
  try {
    const start = Buffer.concat(out.parts)
    writeSync(fd, start)
    writeSync(fd, Buffer.alloc((ALIGNMENT - (start.length % ALIGNMENT)) % ALIGNMENT))
    for (const tensor of model.tensors) {
      const data = model.readFloats(tensor, 0, tensor.elements)
      const heads = tensor.name.includes('q_proj')
        ? config.num_attention_heads
        : tensor.name.includes('k_proj')
          ? config.num_key_value_heads
          : 0
      const placed = heads > 0 ? interleave(data, heads, config.hidden_size) : data
      writeSync(fd, Buffer.from(placed.buffer, placed.byteOffset, placed.byteLength))
      writeSync(fd, Buffer.alloc((ALIGNMENT - (placed.byteLength % ALIGNMENT)) % ALIGNMENT))
    }
  } finally {
    closeSync(fd)
  }
}
