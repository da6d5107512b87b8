/** How texts become the inputs of a model with a tokenizer: an encoder, or a language model that has seen nothing before. */
import { join } from 'node:path'
import type { LanguageCard } from '../models/language-card.ts'
import { type EncoderCard, readAnyCard } from '../models/model-card.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { loadLanguageTokenizer } from '../models/tokenizer.ts'
import { openModel } from '../onnx/read.ts'
import type { TensorValue } from '../onnx/tensor-value.ts'

export interface TextFeeds {
  /** Most rows of one run. */
  readonly maxRows: number
  /** Tokens of a text, with the special tokens that the model is used to; at most `maxTokens`. */
  encode(text: string, maxTokens: number): number[]
  /** Inputs of one run over rows of equal length. */
  feeds(rows: readonly (readonly number[])[]): Record<string, TensorValue>
}

type Feeds = Record<string, TensorValue>
type MakeFeeds = TextFeeds['feeds']

const MAX_ROWS = 16
/** Of a text, however few its logits would be. */
const MIN_TOKENS = 16

/** Logits of a run take at most 64 MiB: a large vocabulary times every token would take gigabytes. */
const MAX_LOGITS = 2 ** 24

/** By the card of the directory. Throws MODEL_CARD_INVALID, TOKENIZER_INVALID. */
export function openTextFeeds(modelDirectory: string): TextFeeds {
  const card = readAnyCard(modelDirectory)
  const tokenizer = loadLanguageTokenizer(modelDirectory)
  const specialTokens = card.task === 'text-generation' || card.specialTokens
  const { feeds, longest, maxRows } = callOf(card, modelDirectory)
  return {
    maxRows,
    encode: (text, maxTokens) =>
      tokenizer.encode(text, { specialTokens }).slice(0, Math.min(longest, maxTokens)),
    feeds,
  }
}

function callOf(
  card: EncoderCard | LanguageCard,
  modelDirectory: string,
): { feeds: MakeFeeds; longest: number; maxRows: number } {
  if (card.task === 'sentence-embedding')
    return { feeds: encoderFeeds(card), longest: card.maxTokens, maxRows: MAX_ROWS }
  if (card.layout === 'village')
    return { feeds: villageFeeds(card), longest: card.contextTokens, maxRows: MAX_ROWS }
  // Such a graph gives the logits of every token: there are fewer of them instead.
  const longest = Math.min(card.contextTokens, Math.max(MIN_TOKENS, Math.floor(MAX_LOGITS / card.vocabulary)))
  return { feeds: hubFeeds(card, modelDirectory), longest, maxRows: 1 }
}

const int64 = (dims: readonly number[], values: Iterable<number>): TensorValue => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
})

const int32 = (dims: readonly number[], values: Iterable<number>): TensorValue => ({
  type: 'int32',
  dims,
  data: Int32Array.from(values),
})

const filled = (count: number, value: number): number[] => new Array<number>(count).fill(value)

function zeros(type: 'float32' | 'float16', dims: readonly number[]): TensorValue {
  const size = dims.reduce((product, dim) => product * dim, 1)
  return type === 'float32'
    ? { type, dims, data: new Float32Array(size) }
    : { type, dims, data: new Uint16Array(size) }
}

function encoderFeeds({ inputs }: EncoderCard): MakeFeeds {
  return (rows) => {
    const dims = [rows.length, rows[0]!.length]
    const count = rows.length * rows[0]!.length
    return {
      [inputs.ids]: int64(dims, rows.flat()),
      [inputs.mask]: int64(dims, filled(count, 1)),
      ...(inputs.types !== null && { [inputs.types]: int64(dims, filled(count, 0)) }),
    }
  }
}

/** Every token, or as many of them, evenly apart, as have room. */
function logitRows(tokens: number, vocabulary: number): number[] {
  const count = Math.min(tokens, Math.max(1, Math.floor(MAX_LOGITS / vocabulary)))
  return Array.from({ length: count }, (_, row) => Math.floor((row * tokens) / count))
}

function positionsOf(rows: number, length: number): number[] {
  return Array.from({ length: rows * length }, (_, at) => at % length)
}

function villageFeeds(card: LanguageCard): MakeFeeds {
  const { layers, keyValueHeads, headSize, vocabulary } = card
  return (rows) => {
    const [batch, length] = [rows.length, rows[0]!.length]
    const selected = logitRows(batch * length, vocabulary)
    const feeds: Feeds = {
      input_ids: int64([batch, length], rows.flat()),
      seqlens_k: int32([batch], filled(batch, length - 1)),
      total_sequence_length: int32([], [length]),
      logit_rows: int64([selected.length], selected),
    }
    if (card.positionInput) feeds.position_ids = int64([batch, length], positionsOf(batch, length))
    for (let layer = 0; layer < layers; layer++)
      for (const what of ['key', 'value'])
        feeds[`past_key_values.${layer}.${what}`] = zeros('float32', [batch, keyValueHeads, length, headSize])
    for (const { name, inputs, outputs } of card.adapters?.modules ?? []) {
      feeds[`${name}.lora_A`] = zeros('float32', [inputs, 0])
      feeds[`${name}.lora_B`] = zeros('float32', [0, outputs])
    }
    return feeds
  }
}

/** The caches of a graph from a hub start empty and grow. */
function hubFeeds(card: LanguageCard, modelDirectory: string): MakeFeeds {
  const { keyValueHeads, headSize, cacheType } = card
  using model = openModel(join(modelDirectory, MODEL_FILE))
  const names = model.graph.inputs
    .map(({ name }) => name)
    .filter((name) => !model.graph.initializers.has(name))
  return (rows) => {
    const [batch, length] = [rows.length, rows[0]!.length]
    const ids = [batch, length]
    const known: Readonly<Record<string, () => TensorValue>> = {
      input_ids: () => int64(ids, rows.flat()),
      attention_mask: () => int64(ids, filled(batch * length, 1)),
      position_ids: () => int64(ids, positionsOf(batch, length)),
    }
    const feeds: Feeds = {}
    for (const name of names)
      if (Object.hasOwn(known, name)) feeds[name] = known[name]!()
      else if (name.startsWith('past_key_values.'))
        feeds[name] = zeros(cacheType, [batch, keyValueHeads, 0, headSize])
    return feeds
  }
}
