/**
 * Checkpoints of llama2.c (run.c's version 0, "legacy") as directories in Hugging Face's form. The file: seven int32 (width,
 * hidden width, layers, heads, heads of keys and values, vocabulary, negative where the classifier is a matrix of its own,
 * context), then float32 tensors in a fixed order, all little-endian. Synchronous: run it in a worker.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../../errors.ts'
import { SAFETENSORS_FILE } from '../../safetensors/read.ts'
import { type WrittenTensor, writeSafetensors } from '../../safetensors/write.ts'
import { CONFIG_FILE, TOKENIZER_FILE } from '../model-files.ts'
import { readLlama2cPieces, sentencePieceTokenizer } from './llama2c-tokenizer.ts'

const HEADER_BYTES = 7 * 4
const MAX_TOKENIZER_BYTES = 64 * 2 ** 20
const CHUNK_ELEMENTS = 2 ** 20
/** As run.c has it. */
const EPSILON = 1e-5
const THETA = 10_000

interface Header {
  readonly width: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly vocabulary: number
  readonly context: number
  readonly ownClassifier: boolean
}

/** A tensor of the file, by where its float32 elements begin. */
interface Section {
  readonly name: string
  readonly shape: readonly number[]
  readonly start: number
  /** Rows of a head whose rotary pairs lie beside each other; 0 for tensors that are copied as they lie. */
  readonly pairedHeadSize: number
}

function invalid(what: string): VillageError {
  return new VillageError('MODEL_CHECKPOINT_INVALID', `The checkpoint of llama2.c ${what}.`)
}

function openPlainFile(path: string): { fd: number; sizeBytes: number } {
  const fd = openSync(path, constants.O_RDONLY)
  const stat = fstatSync(fd)
  if (stat.isFile()) return { fd, sizeBytes: stat.size }
  closeSync(fd)
  throw invalid('or its tokenizer is not a plain file')
}

function readFully(fd: number, position: number, target: Uint8Array): void {
  for (let at = 0; at < target.length; ) {
    const read = readSync(fd, target, at, target.length - at, position + at)
    if (read === 0) throw invalid('became shorter while it was read')
    at += read
  }
}

function parseHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES)
  const [width, hidden, layers, heads, keyValueHeads, signed, context] = Array.from({ length: 7 }, (_, i) =>
    view.getInt32(i * 4, true),
  ) as [number, number, number, number, number, number, number]
  const limits: [string, number, number][] = [
    ['width', width, 65_536],
    ['hidden width', hidden, 262_144],
    ['number of layers', layers, 512],
    ['number of heads', heads, 1024],
    ['number of heads of keys', keyValueHeads, heads],
    ['vocabulary', Math.abs(signed), 2 ** 20],
    ['context', context, 2 ** 20],
  ]
  for (const [what, value, max] of limits)
    if (value < 1 || value > max) throw invalid(`has a ${what} of ${value}`)
  if (width % heads !== 0 || heads % keyValueHeads !== 0 || (width / heads) % 2 !== 0)
    throw invalid(`has ${heads} heads over ${keyValueHeads} in a width of ${width}`)
  return {
    width,
    hidden,
    layers,
    heads,
    keyValueHeads,
    vocabulary: Math.abs(signed),
    context,
    ownClassifier: signed < 0,
  }
}

/** The tensors in the order of the file, and how many elements the file has. */
function sectionsOf(header: Header): { sections: Section[]; elements: number } {
  const { width, hidden, layers, heads, keyValueHeads, vocabulary, context } = header
  const headSize = width / heads
  const sections: Section[] = []
  let at = 0
  const take = (name: string, shape: readonly number[], pairedHeadSize = 0): void => {
    sections.push({ name, shape, start: at, pairedHeadSize })
    at += shape.reduce((product, size) => product * size, 1)
  }
  const stack = (name: string, shape: readonly number[], pairedHeadSize = 0): void => {
    for (let layer = 0; layer < layers; layer++)
      take(`model.layers.${layer}.${name}.weight`, shape, pairedHeadSize)
  }
  take('model.embed_tokens.weight', [vocabulary, width])
  stack('input_layernorm', [width])
  stack('self_attn.q_proj', [heads * headSize, width], headSize)
  stack('self_attn.k_proj', [keyValueHeads * headSize, width], headSize)
  stack('self_attn.v_proj', [keyValueHeads * headSize, width])
  stack('self_attn.o_proj', [width, heads * headSize])
  stack('post_attention_layernorm', [width])
  stack('mlp.gate_proj', [hidden, width])
  stack('mlp.down_proj', [width, hidden])
  stack('mlp.up_proj', [hidden, width])
  take('model.norm.weight', [width])
  // Cosines and sines of all positions, which any reader can make itself.
  at += context * headSize
  if (header.ownClassifier) take('lm_head.weight', [vocabulary, width])
  return { sections, elements: at }
}

/**
 * Writes config.json, tokenizer.json and model.safetensors (float32) into `outDir`. llama2.c turns neighbouring features of a
 * head together, Hugging Face those half a head apart: the rows of queries and keys change places for it. Throws
 * MODEL_CHECKPOINT_INVALID.
 */
export function importLlama2c(init: { checkpoint: string; tokenizer: string; outDir: string }): void {
  const { fd, sizeBytes } = openPlainFile(init.checkpoint)
  try {
    if (sizeBytes < HEADER_BYTES) throw invalid('is too short')
    const head = new Uint8Array(HEADER_BYTES)
    readFully(fd, 0, head)
    const header = parseHeader(head)
    const { sections, elements } = sectionsOf(header)
    if (sizeBytes !== HEADER_BYTES + elements * 4)
      throw invalid(`has ${sizeBytes} bytes, and its header asks for ${HEADER_BYTES + elements * 4}`)
    const pieces = readLlama2cPieces(readTokenizer(init.tokenizer), header.vocabulary)
    const tokenizer = JSON.stringify(sentencePieceTokenizer(pieces))
    const tensors = sections.map((section): WrittenTensor => {
      const { name, shape } = section
      return { name, shape, dtype: 'F32', values: () => readSection(fd, section) }
    })
    writeSafetensors(join(init.outDir, SAFETENSORS_FILE), tensors, { format: 'pt' })
    writeFileSync(join(init.outDir, TOKENIZER_FILE), `${tokenizer}\n`)
    writeFileSync(join(init.outDir, CONFIG_FILE), `${JSON.stringify(configOf(header), null, 2)}\n`)
  } finally {
    closeSync(fd)
  }
}

function readTokenizer(path: string): Uint8Array {
  const { fd, sizeBytes } = openPlainFile(path)
  try {
    if (sizeBytes < 4 || sizeBytes > MAX_TOKENIZER_BYTES)
      throw invalid(`has a tokenizer of ${sizeBytes} bytes`)
    const bytes = new Uint8Array(sizeBytes)
    readFully(fd, 0, bytes)
    return bytes
  } finally {
    closeSync(fd)
  }
}

function configOf(header: Header) {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: header.width,
    intermediate_size: header.hidden,
    num_hidden_layers: header.layers,
    num_attention_heads: header.heads,
    num_key_value_heads: header.keyValueHeads,
    vocab_size: header.vocabulary,
    max_position_embeddings: header.context,
    rms_norm_eps: EPSILON,
    rope_theta: THETA,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: !header.ownClassifier,
    bos_token_id: 1,
    // Its texts lie one after another with <s> between them: that token ends one too.
    eos_token_id: [1, 2],
    torch_dtype: 'float32',
  }
}

function readFloats(fd: number, start: number, count: number): Float32Array {
  const data = new Float32Array(count)
  readFully(fd, HEADER_BYTES + start * 4, new Uint8Array(data.buffer))
  return data
}

function* readSection(fd: number, section: Section): Generator<Float32Array> {
  const { shape, start, pairedHeadSize: headSize } = section
  const elements = shape.reduce((product, size) => product * size, 1)
  if (headSize === 0) {
    for (let at = 0; at < elements; at += CHUNK_ELEMENTS)
      yield readFloats(fd, start + at, Math.min(CHUNK_ELEMENTS, elements - at))
    return
  }
  const width = shape[1]!
  for (let at = 0; at < elements; at += headSize * width) {
    const head = readFloats(fd, start + at, headSize * width)
    const split = new Float32Array(head.length)
    for (let row = 0; row < headSize; row++) {
      // Row 2i and 2i + 1 of a pair become i and i + headSize / 2.
      const to = (row >> 1) + (row % 2 === 0 ? 0 : headSize / 2)
      split.set(head.subarray(row * width, (row + 1) * width), to * width)
    }
    yield split
  }
}
