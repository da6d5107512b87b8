/** Tensors of parents, kept between merges of the same thread: candidates of a run are made of the same few models over and over. */

export interface TensorCache {
  /** The values under a key, read where they are not held. The array is shared: nobody writes to it. */
  get(key: string, read: () => Float32Array): Float32Array
  readonly sizeBytes: number
  clear(): void
}

/** Least recently used goes first; an array that is larger than half of the room is not kept. */
export function createTensorCache({ maxBytes }: { maxBytes: number }): TensorCache {
  const held = new Map<string, Float32Array>()
  let sizeBytes = 0
  function shrinkTo(bytes: number): void {
    for (const [key, values] of held) {
      if (sizeBytes <= bytes) return
      held.delete(key)
      sizeBytes -= values.byteLength
    }
  }
  return {
    get(key, read) {
      const found = held.get(key)
      if (found !== undefined) {
        held.delete(key)
        held.set(key, found)
        return found
      }
      const values = read()
      if (values.byteLength * 2 > maxBytes) return values
      shrinkTo(maxBytes - values.byteLength)
      held.set(key, values)
      sizeBytes += values.byteLength
      return values
    },
    get sizeBytes() {
      return sizeBytes
    },
    clear() {
      held.clear()
      sizeBytes = 0
    },
  }
}
