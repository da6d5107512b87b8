/** Drives graphs of the `village` layout: caches of fixed capacity that are written in place, several rows in one step. */
import type { Tensor } from 'onnxruntime-node'
import { VillageError } from '../../errors.ts'
import type { LanguageCard } from '../models/language-card.ts'
import { cacheBytesOf, createKeyValueCache, type KeyValueCache } from './key-value-cache.ts'
import type { LanguageSession, Tensors } from './language-session.ts'
import { type LoadedAdapter, pieces, type Runner } from './runner.ts'

/** Capacities are doubled from here on, so that growth costs little in all. */
const MIN_CAPACITY = 64

/** Feeds and fetches of one step of n rows, used again as long as the cache stays where it is. */
interface Step {
  readonly ids: BigInt64Array
  readonly places: BigInt64Array
  readonly lengths: Int32Array
  readonly total: Int32Array
  readonly logits: Float32Array
  readonly feeds: Tensors
  readonly fetches: Tensors
  readonly adapter: LoadedAdapter | null
}

export function createVillageRunner(session: LanguageSession, card: LanguageCard): Runner {
  const { ort } = session
  const { vocabulary, contextTokens } = card
  if (card.cacheType !== 'float32')
    throw new VillageError('MODEL_CARD_INVALID', 'The layout village has caches of float32', {
      fields: { field: 'cacheType' },
    })
  const withoutAdapter = createZeroAdapter(session, card)
  let cache: KeyValueCache | null = null
  const steps = new Map<number, Step>()

  const capacityFor = (tokens: number): number => {
    let capacity = MIN_CAPACITY
    while (capacity < tokens) capacity *= 2
    return Math.min(capacity, contextTokens)
  }

  const tensor = (type: 'int64' | 'int32' | 'float32', data: Tensor.DataType, dims: readonly number[]) =>
    new ort.Tensor(type, data as Float32Array, dims) as Tensor

  function common(
    ids: BigInt64Array,
    places: BigInt64Array,
    lengths: Int32Array,
    total: Int32Array,
    rows: BigInt64Array,
    adapter: LoadedAdapter | null,
  ): Tensors {
    const dims = [lengths.length, ids.length / lengths.length]
    return {
      input_ids: tensor('int64', ids, dims),
      seqlens_k: tensor('int32', lengths, [lengths.length]),
      total_sequence_length: tensor('int32', total, []),
      logit_rows: tensor('int64', rows, [rows.length]),
      ...(card.positionInput && { position_ids: tensor('int64', places, dims) }),
      ...(adapter ?? withoutAdapter)?.feeds,
    }
  }

  function stepOf(rows: number, adapter: LoadedAdapter | null): Step {
    const known = steps.get(rows)
    if (known?.adapter === adapter) return known
    const { past, present } = cache!.view(0, rows)
    const [ids, places] = [new BigInt64Array(rows), new BigInt64Array(rows)]
    const [lengths, total] = [new Int32Array(rows), new Int32Array(1)]
    const logits = new Float32Array(rows * vocabulary)
    const wanted = BigInt64Array.from({ length: rows }, (_, row) => BigInt(row))
    const feeds = { ...common(ids, places, lengths, total, wanted, adapter), ...past }
    const fetches = { logits: tensor('float32', logits, [rows, vocabulary]), ...present }
    const made = { ids, places, lengths, total, logits, feeds, fetches, adapter }
    steps.set(rows, made)
    return made
  }

  return {
    cacheBytes: () => cache?.sizeBytes ?? 0,
    bytesOf: (rows, tokens) => cacheBytesOf(card, rows, capacityFor(tokens)),
    reserve(rows, tokens) {
      const capacity = capacityFor(tokens)
      if (cache !== null && cache.rows >= rows && cache.capacity >= capacity) return
      cache = createKeyValueCache(ort, card, {
        rows: Math.max(rows, cache?.rows ?? 0),
        capacity: Math.max(capacity, cache?.capacity ?? 0),
        previous: cache,
      })
      steps.clear()
    },
    clear() {
      cache = null
      steps.clear()
    },
    copy: (from, to, tokens) => cache!.copyRow(from, to, tokens),

    async extend({ row, tokens, from, firstLogit, adapter, signal, visit }) {
      for (const piece of pieces(tokens.length, from, firstLogit, vocabulary)) {
        signal.throwIfAborted()
        const { start, end } = piece
        // The graph always gives logits of some row: a piece without any wanted asks for its last.
        const first = Math.min(piece.firstLogit, end - 1)
        const ids = BigInt64Array.from(tokens.slice(start, end), BigInt)
        const places = BigInt64Array.from({ length: end - start }, (_, at) => BigInt(start + at))
        const wanted = BigInt64Array.from({ length: end - first }, (_, at) => BigInt(first - start + at))
        const logits = new Float32Array(wanted.length * vocabulary)
        const { past, present } = cache!.view(row, 1)
        const feeds = common(ids, places, Int32Array.of(end - 1), Int32Array.of(end), wanted, adapter)
        await session.runInto(
          { ...feeds, ...past },
          { logits: tensor('float32', logits, [wanted.length, vocabulary]), ...present },
        )
        for (let index = piece.firstLogit; index < end; index++)
          await visit(index, logits.subarray((index - first) * vocabulary, (index - first + 1) * vocabulary))
      }
    },

    async step(tokens, lengths, adapter) {
      const step = stepOf(tokens.length, adapter)
      let longest = 0
      for (const [row, token] of tokens.entries()) {
        const length = lengths[row]!
        step.ids[row] = BigInt(token)
        step.places[row] = BigInt(length)
        step.lengths[row] = length
        if (length >= longest) longest = length + 1
      }
      step.total[0] = longest
      await session.runInto(step.feeds, step.fetches)
      return step.logits
    },
  }
}

/** What is fed where no adapter is chosen: matrices of rank 0, whose product is zero. */
function createZeroAdapter(session: LanguageSession, card: LanguageCard): LoadedAdapter | null {
  if (card.adapters === null) return null
  const feeds: Tensors = {}
  for (const { name, inputs, outputs } of card.adapters.modules) {
    feeds[`${name}.lora_A`] = new session.ort.Tensor('float32', new Float32Array(0), [inputs, 0])
    feeds[`${name}.lora_B`] = new session.ort.Tensor('float32', new Float32Array(0), [0, outputs])
  }
  return { feeds }
}
