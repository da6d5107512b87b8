/** An encoder without a model: a text is the counts of its words, hashed. Words in common make vectors alike. */
import type { CollectionEncoder } from '../../node/agents/rag/collections/collection-encoder.ts'

const DIMS = 64

export function toyEncoder(
  init: { fails?: () => Error | null } = {},
): Pick<CollectionEncoder, 'resolve' | 'embed'> & { readonly embedded: string[] } {
  const embedded: string[] = []
  return {
    embedded,
    async resolve() {
      const failure = init.fails?.() ?? null
      if (failure !== null) throw failure
      return { cid: 'toy', dims: DIMS }
    },
    async embed(_, texts) {
      embedded.push(...texts)
      const vectors = new Float32Array(texts.length * DIMS)
      for (const [row, text] of texts.entries())
        for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
          let hash = 0
          for (const character of word) hash = (hash * 31 + character.codePointAt(0)!) >>> 0
          vectors[row * DIMS + (hash % DIMS)]! += 1
        }
      return {
        dims: DIMS,
        vectors,
        tokens: new Int32Array(texts.length),
        truncated: new Uint8Array(texts.length),
      }
    },
  }
}
