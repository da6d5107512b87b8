/**
 * Keys and values of several rows, for graphs of the `village` layout: for each layer two tensors [rows, heads, capacity,
 * headSize] in one piece of memory each. The first n rows are a tensor too, and so is any single row: views over the same
 * memory, so that rows come and go without copying the others.
 */
import type { Tensor } from 'onnxruntime-node'
import type { Ort, Tensors } from './language-session.ts'

export interface CacheShape {
  readonly layers: number
  readonly keyValueHeads: number
  readonly headSize: number
}

export interface KeyValueCache {
  readonly rows: number
  /** Tokens that a row can hold. */
  readonly capacity: number
  readonly sizeBytes: number
  /** Feeds and fetches of `count` rows from `first` on. */
  view(first: number, count: number): { readonly past: Tensors; readonly present: Tensors }
  /** Copies the first `tokens` tokens of a row into another. */
  copyRow(from: number, to: number, tokens: number): void
}

const FLOAT_BYTES = 4

export function cacheBytesOf(shape: CacheShape, rows: number, capacity: number): number {
  return rows * capacity * 2 * shape.layers * shape.keyValueHeads * shape.headSize * FLOAT_BYTES
}

/** Makes a cache; rows of `previous` are copied in. The system gives memory as it is first written. */
export function createKeyValueCache(
  ort: Ort,
  shape: CacheShape,
  init: { rows: number; capacity: number; previous?: KeyValueCache | null },
): KeyValueCache {
  const { layers, keyValueHeads, headSize } = shape
  const { rows, capacity, previous = null } = init
  const rowNumbers = keyValueHeads * capacity * headSize
  const buffers = Array.from({ length: 2 * layers }, () => new Float32Array(rows * rowNumbers))
  const views = new Map<string, { past: Tensors; present: Tensors }>()
  const nameOf = (buffer: number) => `${Math.floor(buffer / 2)}.${buffer % 2 === 0 ? 'key' : 'value'}`

  if (previous !== null) {
    const old = previous.view(0, previous.rows).past
    const oldHead = previous.capacity * headSize
    const kept = Math.min(previous.capacity, capacity) * headSize
    for (const [index, buffer] of buffers.entries()) {
      const data = old[`past_key_values.${nameOf(index)}`]!.data as Float32Array
      for (let head = 0; head < Math.min(rows, previous.rows) * keyValueHeads; head++)
        buffer.set(data.subarray(head * oldHead, head * oldHead + kept), head * capacity * headSize)
    }
  }

  return {
    rows,
    capacity,
    sizeBytes: cacheBytesOf(shape, rows, capacity),
    view(first, count) {
      const key = `${first}:${count}`
      const known = views.get(key)
      if (known !== undefined) return known
      const past: Tensors = {}
      const present: Tensors = {}
      for (const [index, buffer] of buffers.entries()) {
        const data = buffer.subarray(first * rowNumbers, (first + count) * rowNumbers)
        const tensor: Tensor = new ort.Tensor('float32', data, [count, keyValueHeads, capacity, headSize])
        past[`past_key_values.${nameOf(index)}`] = tensor
        present[`present.${nameOf(index)}`] = tensor
      }
      const made = { past, present }
      views.set(key, made)
      return made
    },
    copyRow(from, to, tokens) {
      if (from === to) return
      for (const buffer of buffers)
        for (let head = 0; head < keyValueHeads; head++) {
          const start = from * rowNumbers + head * capacity * headSize
          buffer.copyWithin(to * rowNumbers + head * capacity * headSize, start, start + tokens * headSize)
        }
    },
  }
}
