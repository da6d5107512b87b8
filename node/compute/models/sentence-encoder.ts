import { statSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import type { Sessions } from '../onnx/sessions.ts'
import type { TensorValue } from '../onnx/tensor-value.ts'
import { createEncoderTokens, type EncoderTokens } from './encoder-tokens.ts'
import { type EncoderCard, readCard } from './model-card.ts'
import { CARD_FILE, MODEL_FILE, TOKENIZER_FILE } from './model-files.ts'
import { normaliseRows, poolTokens } from './pool-tokens.ts'

export interface EmbedRequest {
  /** A directory with model.onnx, tokenizer.json and model.json. */
  readonly modelDir: string
  readonly texts: readonly string[]
  /** Most texts of one run. */
  readonly batch?: number
}

/** Row-major vectors, texts × dims. */
export interface Embeddings {
  readonly dims: number
  readonly vectors: Float32Array
  /** By text: tokens that the vector was made of, special ones included. */
  readonly tokens: Int32Array
  /** By text: 1 where it was longer than the model can take, and its end was left out. */
  readonly truncated: Uint8Array
}

export interface SentenceEncoder {
  /**
   * Embeds texts in their order. Texts of like length share a run, so that little is padded; padding changes
   * a vector by rounding alone. Throws SESSION_FAILED where the model gives something else than finite
   * vectors.
   */
  embed(request: EmbedRequest, signal: AbortSignal): Promise<Embeddings>
}

const DEFAULT_BATCH = 16
const MAX_BATCH = 256
const MAX_OPEN_MODELS = 8

interface OpenModel {
  readonly stamp: string
  readonly card: EncoderCard
  readonly encode: EncoderTokens
}

/** Runs sentence encoders: cards and tokenizers stay loaded by directory, sessions are the components'. */
export function createSentenceEncoder(components: { sessions: Sessions }): SentenceEncoder {
  const open = new Map<string, OpenModel>()

  function openDirectory(modelDir: string): OpenModel {
    const stamp = [CARD_FILE, TOKENIZER_FILE].map((file) => stampOf(join(modelDir, file))).join()
    const known = open.get(modelDir)
    open.delete(modelDir)
    const model = known?.stamp === stamp ? known : load(modelDir, stamp)
    open.set(modelDir, model)
    if (open.size > MAX_OPEN_MODELS) open.delete(open.keys().next().value!)
    return model
  }

  function load(modelDir: string, stamp: string): OpenModel {
    const card = readCard(modelDir)
    return { stamp, card, encode: createEncoderTokens(modelDir, card) }
  }

  return {
    async embed({ modelDir, texts, batch = DEFAULT_BATCH }, signal) {
      if (!Number.isInteger(batch) || batch < 1 || batch > MAX_BATCH)
        throw new VillageError('INVALID_ARGUMENT', `The batch must be a whole number from 1 to ${MAX_BATCH}.`)
      const { card, encode } = openDirectory(modelDir)
      const encoded = texts.map(encode)
      const tokens = encoded.map((one) => one.ids)
      const order = tokens
        .map((_, index) => index)
        .sort((a, b) => tokens[a]!.length - tokens[b]!.length || a - b)
      const vectors = new Float32Array(texts.length * card.dimensions)
      for (let at = 0; at < order.length; at += batch) {
        const indexes = order.slice(at, at + batch)
        const feeds = padBatch(
          card,
          indexes.map((index) => tokens[index]!),
        )
        const outputs = await components.sessions.run(
          { modelPath: join(modelDir, MODEL_FILE), feeds },
          signal,
        )
        const lengths = indexes.map((index) => tokens[index]!.length)
        const rows = pooled(card, outputs, lengths)
        for (const [row, index] of indexes.entries())
          vectors.set(
            rows.subarray(row * card.dimensions, (row + 1) * card.dimensions),
            index * card.dimensions,
          )
      }
      return {
        dims: card.dimensions,
        vectors,
        tokens: Int32Array.from(tokens, (ids) => ids.length),
        truncated: Uint8Array.from(encoded, ({ truncated }) => Number(truncated)),
      }
    },
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined)
    throw new VillageError('MODEL_CARD_INVALID', 'The model directory lacks its card or tokenizer.')
  return `${stat.size}:${stat.mtimeMs}:${stat.ino}`
}

/** Ids and mask of equal length; an empty text is one masked token. */
function padBatch(card: EncoderCard, rows: readonly (readonly number[])[]): Record<string, TensorValue> {
  const length = Math.max(1, ...rows.map((row) => row.length))
  const dims = [rows.length, length]
  const ids = new BigInt64Array(rows.length * length)
  const mask = new BigInt64Array(rows.length * length)
  for (const [row, tokens] of rows.entries()) {
    for (const [column, token] of tokens.entries()) {
      ids[row * length + column] = BigInt(token)
      mask[row * length + column] = 1n
    }
  }
  return {
    [card.inputs.ids]: { type: 'int64', dims, data: ids },
    [card.inputs.mask]: { type: 'int64', dims, data: mask },
    ...(card.inputs.types !== null && {
      [card.inputs.types]: { type: 'int64' as const, dims, data: new BigInt64Array(ids.length) },
    }),
  }
}

/** The vectors of a run, [rows, dimensions]. */
function pooled(
  card: EncoderCard,
  outputs: Readonly<Record<string, TensorValue>>,
  lengths: readonly number[],
): Float32Array {
  const { pooling, normalise, dimensions } = card
  const length = Math.max(1, ...lengths)
  const output = Object.hasOwn(outputs, card.output) ? outputs[card.output] : undefined
  const dims = pooling === 'none' ? [lengths.length, dimensions] : [lengths.length, length, dimensions]
  if (output?.type !== 'float32' || output.dims.join() !== dims.join())
    throw new VillageError(
      'SESSION_FAILED',
      `The output "${card.output}" of the model is not what its card says.`,
    )
  const vectors =
    pooling === 'none' ? output.data : poolTokens(pooling, output.data, lengths, length, dimensions)
  if (!vectors.every(Number.isFinite))
    throw new VillageError('SESSION_FAILED', 'The model gave vectors that are not finite.')
  if (normalise) normaliseRows(vectors, dimensions)
  return vectors
}
