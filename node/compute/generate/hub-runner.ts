/**
 * Drives graphs as they are published for onnxruntime: `attention_mask`, perhaps `position_ids`, and caches that grow by every
 * run (past in, present out). Rows are run one after the other: such caches cannot be joined without copying them.
 */
import type { Tensor } from 'onnxruntime-node'
import { VillageError } from '../../errors.ts'
import type { LanguageCard } from '../models/language-card.ts'
import { float16ToNumber } from '../onnx/data-types.ts'
import { float16Tensor } from '../onnx/tensor-value.ts'
import type { LanguageSession, Tensors } from './language-session.ts'
import { pieces, type Runner } from './runner.ts'

const KNOWN_INPUTS = /^(input_ids|attention_mask|position_ids|past_key_values\.\d+\.(key|value))$/
const CACHE_OUTPUT = /^present\.\d+\.(key|value)$/

/** Throws MODEL_UNSUPPORTED where the graph has inputs or outputs that nobody here knows. */
export function createHubRunner(session: LanguageSession, card: LanguageCard): Runner {
  const { ort, inputNames, outputNames } = session
  const odd = inputNames.find((name) => !KNOWN_INPUTS.test(name))
  if (odd !== undefined)
    throw new VillageError(
      'MODEL_UNSUPPORTED',
      `The model has the input "${odd}", which the runtime does not know`,
      {
        fields: { input: odd },
      },
    )
  const wanted = ['logits', ...outputNames.filter((name) => CACHE_OUTPUT.test(name))]
  const { vocabulary, keyValueHeads, headSize, layers } = card
  const numberBytes = card.cacheType === 'float16' ? 2 : 4
  const tokenBytes = 2 * layers * keyValueHeads * headSize * numberBytes
  /** By row: what is fed as past. */
  let caches: Tensors[] = []
  let lengths: number[] = []

  function emptyCache(): Tensors {
    const past: Tensors = {}
    for (const name of inputNames)
      if (name.startsWith('past_key_values.'))
        past[name] = cacheTensor(new Uint8Array(0), [1, keyValueHeads, 0, headSize])
    return past
  }

  function cacheTensor(bytes: Uint8Array, dims: readonly number[]): Tensor {
    const { buffer, byteOffset, byteLength } = bytes
    if (card.cacheType === 'float32')
      return new ort.Tensor('float32', new Float32Array(buffer, byteOffset, byteLength / 4), dims)
    const data = new Uint16Array(buffer, byteOffset, byteLength / 2)
    return float16Tensor(ort, data, dims)
  }

  /** The first `tokens` tokens of a cache; the graph takes no part of one. */
  function cut(past: Tensors, length: number, tokens: number): Tensors {
    if (length === tokens) return past
    return Object.fromEntries(
      Object.entries(past).map(([name, tensor]) => {
        const bytes = bytesOf(tensor)
        const [head, kept] = [length * headSize * numberBytes, tokens * headSize * numberBytes]
        const out = new Uint8Array(keyValueHeads * kept)
        for (let index = 0; index < keyValueHeads; index++)
          out.set(bytes.subarray(index * head, index * head + kept), index * kept)
        return [name, cacheTensor(out, [1, keyValueHeads, tokens, headSize])]
      }),
    )
  }

  /** Logits of all new tokens, [tokens, vocabulary]. */
  async function advance(row: number, tokens: readonly number[], from: number): Promise<Float32Array> {
    const past = cut(caches[row]!, lengths[row]!, from)
    const length = tokens.length
    const int64 = (count: number, value: (index: number) => number): Tensor =>
      new ort.Tensor(
        'int64',
        BigInt64Array.from({ length: count }, (_, index) => BigInt(value(index))),
        [1, count],
      )
    const feeds: Tensors = { input_ids: int64(length, (index) => tokens[index]!), ...past }
    if (inputNames.includes('attention_mask')) feeds.attention_mask = int64(from + length, () => 1)
    if (inputNames.includes('position_ids')) feeds.position_ids = int64(length, (index) => from + index)
    const outputs = await session.run(feeds, wanted)
    const next: Tensors = {}
    const dims = [1, keyValueHeads, from + length, headSize]
    for (const name of wanted.slice(1))
      next[name.replace('present', 'past_key_values')] = cacheTensor(bytesOf(outputs[name]!), dims)
    caches[row] = next
    lengths[row] = from + length
    return logitsOf(outputs.logits!, length, vocabulary)
  }

  return {
    cacheBytes: () => lengths.reduce((sum, length) => sum + length * tokenBytes, 0),
    bytesOf: (rows, tokens) => rows * tokens * tokenBytes,
    reserve(rows) {
      while (caches.length < rows) {
        caches.push(emptyCache())
        lengths.push(0)
      }
    },
    clear() {
      caches = []
      lengths = []
    },
    copy(from, to, tokens) {
      caches[to] = cut(caches[from]!, lengths[from]!, tokens)
      lengths[to] = tokens
    },
    async extend({ row, tokens, from, firstLogit, signal, visit }) {
      // All new tokens get logits here, so that every piece is as short as the vocabulary demands.
      for (const { start, end } of pieces(tokens.length, from, from, vocabulary)) {
        signal.throwIfAborted()
        const logits = await advance(row, tokens.slice(start, end), start)
        for (let index = Math.max(start, firstLogit); index < end; index++)
          await visit(index, logits.subarray((index - start) * vocabulary, (index - start + 1) * vocabulary))
      }
    },
    async step(tokens, places) {
      const logits = new Float32Array(tokens.length * vocabulary)
      for (const [row, token] of tokens.entries())
        logits.set(await advance(row, [token], places[row]!), row * vocabulary)
      return logits
    },
  }
}

function bytesOf(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function logitsOf(tensor: Tensor, length: number, vocabulary: number): Float32Array {
  const [batch, rows, columns] = tensor.dims
  if (batch !== 1 || rows !== length || columns !== vocabulary)
    throw new VillageError('SESSION_FAILED', 'The output "logits" of the model is not what its card says.')
  if (tensor.type === 'float32') return tensor.data as Float32Array
  if (tensor.type !== 'float16')
    throw new VillageError('SESSION_FAILED', 'The output "logits" of the model is not of floats.')
  // The library hands half floats over as numbers where the runtime has arrays of them, else as their bits.
  const data = tensor.data as Uint16Array | Float32Array
  return data instanceof Uint16Array ? Float32Array.from(data, float16ToNumber) : Float32Array.from(data)
}
