/** llama2.c by itself: its two file formats, its encoder and decoder, written from run.c's behaviour for the tests. */
import { readFileSync, writeFileSync } from 'node:fs'
import {
  plainFrequencies,
  type ReferenceConfig,
  type ReferenceWeights,
} from '../../node/compute/reference/llama.ts'
import { tinyNoise } from './language-models.ts'

export interface Checkpoint {
  readonly config: ReferenceConfig
  /** Rows of queries and keys as they lie in the file: neighbouring features turn together. */
  readonly weights: ReferenceWeights
}

const PER_LAYER: readonly [string, (sizes: Sizes) => number][] = [
  ['input_layernorm', ({ width }) => width],
  ['self_attn.q_proj', ({ width }) => width * width],
  ['self_attn.k_proj', ({ width, keyWidth }) => keyWidth * width],
  ['self_attn.v_proj', ({ width, keyWidth }) => keyWidth * width],
  ['self_attn.o_proj', ({ width }) => width * width],
  ['post_attention_layernorm', ({ width }) => width],
  ['mlp.gate_proj', ({ width, hidden }) => width * hidden],
  ['mlp.down_proj', ({ width, hidden }) => width * hidden],
  ['mlp.up_proj', ({ width, hidden }) => width * hidden],
]

interface Sizes {
  readonly width: number
  readonly keyWidth: number
  readonly hidden: number
}

export function readCheckpoint(path: string): Checkpoint {
  const file = readFileSync(path)
  const int = (index: number) => file.readInt32LE(index * 4)
  const [width, hidden, layers, heads, keyValueHeads] = [0, 1, 2, 3, 4].map(int) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const vocabulary = Math.abs(int(5))
  const headSize = width / heads
  const sizes = { width, hidden, keyWidth: headSize * keyValueHeads }
  const weights = new Map<string, Float32Array>()
  let at = 28
  const take = (name: string, count: number) => {
    weights.set(
      name,
      Float32Array.from({ length: count }, (_, i) => file.readFloatLE(at + i * 4)),
    )
    at += count * 4
  }
  take('model.embed_tokens.weight', vocabulary * width)
  for (const [part, count] of PER_LAYER)
    for (let layer = 0; layer < layers; layer++) take(`model.layers.${layer}.${part}.weight`, count(sizes))
  take('model.norm.weight', width)
  at += int(6) * headSize * 4
  if (int(5) < 0) take('lm_head.weight', vocabulary * width)
  const frequencies = plainFrequencies(headSize, 10_000)
  return {
    config: {
      width,
      hidden,
      layers,
      heads,
      keyValueHeads,
      headSize,
      vocabulary,
      epsilon: 1e-5,
      frequencies,
      pairs: 'adjacent',
    },
    weights: (name) => weights.get(name),
  }
}

export interface Vocabulary {
  readonly pieces: readonly string[]
  readonly scores: readonly number[]
}

export function readVocabulary(path: string): Vocabulary {
  const file = readFileSync(path)
  const pieces: string[] = []
  const scores: number[] = []
  for (let at = 4; at < file.length; ) {
    const length = file.readInt32LE(at + 4)
    scores.push(file.readFloatLE(at))
    pieces.push(file.toString('utf8', at + 8, at + 8 + length))
    at += 8 + length
  }
  return { pieces, scores }
}

/** The pair whose piece has the best score is merged until no pair makes a piece. Nothing is added at the ends. */
export function llama2cEncode({ pieces, scores }: Vocabulary, text: string): number[] {
  const ids = new Map(pieces.map((piece, id) => [piece, id]))
  const tokens: number[] = text === '' ? [] : [ids.get(' ')!]
  for (const letter of text) {
    const id = ids.get(letter)
    if (id !== undefined) tokens.push(id)
    else for (const byte of Buffer.from(letter)) tokens.push(byte + 3)
  }
  for (;;) {
    let best = { score: -1e10, at: -1, id: -1 }
    for (let at = 0; at + 1 < tokens.length; at++) {
      const id = ids.get(`${pieces[tokens[at]!]!}${pieces[tokens[at + 1]!]!}`)
      if (id !== undefined && scores[id]! > best.score) best = { score: scores[id]!, at, id }
    }
    if (best.at < 0) return tokens
    tokens.splice(best.at, 2, best.id)
  }
}

export function llama2cDecode({ pieces }: Vocabulary, tokens: readonly number[]): string {
  const bytes: number[] = []
  for (let at = 1; at < tokens.length; at++) {
    const piece = pieces[tokens[at]!]!
    const byte = /^<0x([0-9A-F]{2})>$/.exec(piece)
    if (byte !== null) bytes.push(Number.parseInt(byte[1]!, 16))
    else bytes.push(...Buffer.from(at === 1 && piece.startsWith(' ') ? piece.slice(1) : piece))
  }
  return Buffer.from(bytes).toString('utf8')
}

const PIECES = [
  ' ',
  'a',
  'b',
  'c',
  'd',
  'e',
  'h',
  'n',
  't',
  '.',
  'é',
  'ab',
  'bc',
  ' a',
  'he',
  ' t',
  'abc',
  '  ',
]
const MORE = ['aa', 'aaa', 'nd', 'the', ' the', ' and', 'and', 'ca', '    ', ' c', 'cab', 'bb', 'hehe']

/** Two layers, width 32, four heads over two; a vocabulary of bytes and a few pieces. */
export function writeTinyCheckpoint(init: {
  checkpoint: string
  tokenizer: string
  ownClassifier?: boolean
  /** In tokens; 16 otherwise. */
  context?: number
}): void {
  const texts = [...PIECES, ...MORE]
  const names = [
    '<unk>',
    '\n<s>\n',
    '\n</s>\n',
    ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    ...texts,
  ]
  const entries = names.map((name, id) => {
    const bytes = Buffer.from(name)
    const head = Buffer.alloc(8)
    // Scores in an order of their own: letters last, as in SentencePiece.
    const piece = id - 259
    head.writeFloatLE(piece < 0 ? 0 : -((piece * 7) % texts.length) - (texts[piece]!.length === 1 ? 100 : 0))
    head.writeInt32LE(bytes.length, 4)
    return Buffer.concat([head, bytes])
  })
  writeFileSync(init.tokenizer, Buffer.concat([Buffer.from([7, 0, 0, 0]), ...entries]))
  const [width, hidden, layers, heads, keyHeads, context] = [32, 40, 2, 4, 2, init.context ?? 16]
  const header = Buffer.alloc(28)
  const vocabulary = init.ownClassifier === true ? -names.length : names.length
  for (const [index, value] of [width, hidden, layers, heads, keyHeads, vocabulary, context].entries())
    header.writeInt32LE(value, index * 4)
  const sizes = { width, hidden, keyWidth: (width / heads) * keyHeads }
  const floats = [tinyNoise(names.length * width, 1, 0.3)]
  for (const [index, [part, count]] of PER_LAYER.entries()) {
    const noise = tinyNoise(layers * count(sizes), index + 2, part.endsWith('norm') ? 0.1 : 0.2)
    floats.push(part.endsWith('norm') ? noise.map((value) => 1 + value) : noise)
  }
  floats.push(tinyNoise(width, 20, 0.1).map((value) => 1 + value))
  floats.push(new Float32Array((context * width) / heads))
  if (init.ownClassifier === true) floats.push(tinyNoise(names.length * width, 21, 0.3))
  writeFileSync(init.checkpoint, Buffer.concat([header, ...floats.map((part) => Buffer.from(part.buffer))]))
}
