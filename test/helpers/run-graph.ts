/** Runs a graph of the `village` layout directly on onnxruntime, without any of the runtime's own code. */
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import type { LanguageCard } from '../../node/compute/models/language-card.ts'

export interface GraphRun {
  /** Rows of equal or unequal length; shorter ones are padded on the right with token 0. */
  readonly rows: readonly (readonly number[])[]
  /** LoRA matrices by name, with their dims; those that are left out have rank 0. */
  readonly adapters?: Readonly<Record<string, { dims: readonly number[]; data: Float32Array }>>
}

export interface LanguageGraphRunner {
  readonly session: ort.InferenceSession
  /** Logits of every token of every row, row after row: [sum of lengths, vocabulary]. */
  prefill(run: GraphRun): Promise<Float32Array>
  /** Logits of each token after the first `start`, one token a step over a cache. Of one row. */
  decode(tokens: readonly number[], start: number): Promise<Float32Array>
  close(): Promise<void>
}

const int64 = (values: readonly number[], dims: readonly number[]) =>
  new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [...dims])
const int32 = (values: readonly number[], dims: readonly number[]) =>
  new ort.Tensor('int32', Int32Array.from(values), [...dims])

export async function openGraph(directory: string, card: LanguageCard): Promise<LanguageGraphRunner> {
  const session = await ort.InferenceSession.create(join(directory, 'model.onnx'), {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  })

  function emptyCache(batch: number, capacity: number): Record<string, ort.Tensor> {
    const cache: Record<string, ort.Tensor> = {}
    const dims = [batch, card.keyValueHeads, capacity, card.headSize]
    const size = dims.reduce((product, dim) => product * dim, 1)
    for (let layer = 0; layer < card.layers; layer++)
      for (const what of ['key', 'value'])
        cache[`past_key_values.${layer}.${what}`] = new ort.Tensor('float32', new Float32Array(size), dims)
    return cache
  }

  function noAdapters(): Record<string, ort.Tensor> {
    const empty = (dims: number[]) => new ort.Tensor('float32', new Float32Array(0), dims)
    return Object.fromEntries(
      (card.adapters?.modules ?? []).flatMap(({ name, inputs, outputs }) => [
        [`${name}.lora_A`, empty([inputs, 0])],
        [`${name}.lora_B`, empty([0, outputs])],
      ]),
    )
  }

  function positions(rows: number, length: number, from: number): Record<string, ort.Tensor> {
    if (!card.positionInput) return {}
    const ids = Array.from({ length: rows * length }, (_, at) => from + (at % length))
    return { position_ids: int64(ids, [rows, length]) }
  }

  return {
    session,

    async prefill({ rows, adapters = {} }) {
      const length = Math.max(...rows.map((row) => row.length))
      const padded = rows.flatMap((row) => [...row, ...new Array<number>(length - row.length).fill(0)])
      const wanted = rows.flatMap((row, index) => row.map((_, at) => index * length + at))
      const outputs = await session.run({
        input_ids: int64(padded, [rows.length, length]),
        seqlens_k: int32(
          rows.map((row) => row.length - 1),
          [rows.length],
        ),
        total_sequence_length: int32([length], []),
        logit_rows: int64(wanted, [wanted.length]),
        ...positions(rows.length, length, 0),
        ...emptyCache(rows.length, length),
        ...noAdapters(),
        ...Object.fromEntries(
          Object.entries(adapters).map(([name, { dims, data }]) => [
            name,
            new ort.Tensor('float32', data, [...dims]),
          ]),
        ),
      })
      return outputs.logits!.data as Float32Array
    },

    async decode(tokens, start) {
      const capacity = tokens.length
      let cache = emptyCache(1, capacity)
      const logits = new Float32Array((capacity - start) * card.vocabulary)
      for (let at = 0; at < capacity; ) {
        const count = at === 0 ? start : 1
        const outputs: Record<string, ort.Tensor> = await session.run({
          input_ids: int64(tokens.slice(at, at + count), [1, count]),
          seqlens_k: int32([at + count - 1], [1]),
          total_sequence_length: int32([at + count], []),
          logit_rows: int64([count - 1], [1]),
          ...positions(1, count, at),
          ...cache,
          ...noAdapters(),
        })
        cache = Object.fromEntries(
          Object.keys(cache).map((name) => [name, outputs[name.replace('past_key_values', 'present')]!]),
        )
        if (at >= start) logits.set(outputs.logits!.data as Float32Array, (at - start) * card.vocabulary)
        at += count
      }
      return logits
    },

    close: () => session.release(),
  }
}
