import { statSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import type { Sessions } from '../onnx/sessions.ts'
import type { TensorValue } from '../onnx/tensor-value.ts'
import { CARD_FILE, type EncoderCard, MODEL_FILE, readCard, TOKENIZER_FILE } from './model-card.ts'
import { loadTokenizer, type TextTokenizer } from './tokenizer.ts'

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
  readonly tokenizer: TextTokenizer
}

/** Runs sentence encoders: cards and tokenizers stay loaded by directory, sessions are the components'. */
export function createSentenceEncoder(components: { sessions: Sessions }): SentenceEncoder {
  const open = new Map<string, OpenModel>()

  function openDirectory(modelDir: string): OpenModel {
    const stamp = [CARD_FILE, TOKENIZER_FILE].map((file) => stampOf(join(modelDir, file))).join()
    const known = open.get(modelDir)
    open.delete(modelDir)
    const model =
      known?.stamp === stamp
        ? known
        : { stamp, card: readCard(modelDir), tokenizer: loadTokenizer(join(modelDir, TOKENIZER_FILE)) }
    open.set(modelDir, model)
    if (open.size > MAX_OPEN_MODELS) open.delete(open.keys().next().value!)
    return model
  }

  return {
    async embed({ modelDir, texts, batch = DEFAULT_BATCH }, signal) {
      if (!Number.isInteger(batch) || batch < 1 || batch > MAX_BATCH)
        throw new VillageError('INVALID_ARGUMENT', `The batch must be a whole number from 1 to ${MAX_BATCH}.`)
      const { card, tokenizer } = openDirectory(modelDir)
      const tokens = texts.map((text) => tokenizer.encode(text, card.maxTokens))
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
        const rows = checkOutput(card, outputs, indexes.length)
        for (const [row, index] of indexes.entries())
          vectors.set(
            rows.subarray(row * card.dimensions, (row + 1) * card.dimensions),
            index * card.dimensions,
          )
      }
      return { dims: card.dimensions, vectors }
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
  }
}

function checkOutput(
  card: EncoderCard,
  outputs: Readonly<Record<string, TensorValue>>,
  rows: number,
): Float32Array {
  const output = Object.hasOwn(outputs, card.output) ? outputs[card.output] : undefined
  if (
    output?.type !== 'float32' ||
    output.dims.length !== 2 ||
    output.dims[0] !== rows ||
    output.dims[1] !== card.dimensions
  )
    throw new VillageError(
      'SESSION_FAILED',
      `The output "${card.output}" of the model is not what its card says.`,
    )
  if (!output.data.every(Number.isFinite))
    throw new VillageError('SESSION_FAILED', 'The model gave vectors that are not finite.')
  return output.data
}
