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
  /** The last `steps` tokens of every row, one a step behind the others in the cache: by step the logits [rows, vocabulary]. */
  decode(rows: readonly (readonly number[])[], steps: number): Promise<Float32Array[]>
  /** One row in parts of several tokens over a cache: logits of every token. */
  prefillInParts(tokens: readonly number[], sizes: readonly number[]): Promise<Float32Array>
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

  /** New tokens of each row behind those that the cache holds of it; logits of all of them, row after row. */
  async function step(
    rows: readonly (readonly number[])[],
    cached: readonly number[],
    cache: Record<string, ort.Tensor>,
    adapters: GraphRun['adapters'] = {},
  ): Promise<{ logits: Float32Array; cache: Record<string, ort.Tensor> }> {
    const length = Math.max(...rows.map((row) => row.length))
    const padded = rows.flatMap((row) => [...row, ...new Array<number>(length - row.length).fill(0)])
    const wanted = rows.flatMap((row, index) => row.map((_, at) => index * length + at))
    const totals = rows.map((row, index) => cached[index]! + row.length)
    const positions = rows.flatMap((_, index) => Array.from({ length }, (_, at) => cached[index]! + at))
    const outputs: Record<string, ort.Tensor> = await session.run({
      input_ids: int64(padded, [rows.length, length]),
      seqlens_k: int32(
        totals.map((total) => total - 1),
        [rows.length],
      ),
      total_sequence_length: int32([Math.max(...totals)], []),
      logit_rows: int64(wanted, [wanted.length]),
      ...(card.positionInput && { position_ids: int64(positions, [rows.length, length]) }),
      ...cache,
      ...noAdapters(),
      ...Object.fromEntries(
        Object.entries(adapters).map(([name, { dims, data }]) => [
          name,
          new ort.Tensor('float32', data, [...dims]),
        ]),
      ),
    })
    const present = Object.keys(cache).map((name) => [
      name,
      outputs[name.replace('past_key_values', 'present')]!,
    ])
    return { logits: outputs.logits!.data as Float32Array, cache: Object.fromEntries(present) }
  }

  return {
    session,

    async prefill({ rows, adapters }) {
      const length = Math.max(...rows.map((row) => row.length))
      const cache = emptyCache(rows.length, length)
      const { logits } = await step(
        rows,
        rows.map(() => 0),
        cache,
        adapters,
      )
      return logits
    },

    async decode(rows, steps) {
      const logits: Float32Array[] = []
      let cache = emptyCache(rows.length, Math.max(...rows.map((row) => row.length)))
      let cached = rows.map(() => 0)
      for (let left = steps; left >= 0; left--) {
        const ends = rows.map((row) => row.length - left)
        const parts = rows.map((row, index) => row.slice(cached[index]!, ends[index]))
        const ran = await step(parts, cached, cache)
        if (left < steps) logits.push(ran.logits)
        cache = ran.cache
        cached = ends
      }
      return logits
    },

    async prefillInParts(tokens, sizes) {
      const logits: number[] = []
      let cache = emptyCache(1, tokens.length)
      let cached = 0
      for (const size of sizes) {
        const ran = await step([tokens.slice(cached, cached + size)], [cached], cache)
        logits.push(...ran.logits)
        cache = ran.cache
        cached += size
      }
      return Float32Array.from(logits)
    },

    close: () => session.release(),
  }
}
