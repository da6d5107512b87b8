/** Generated documents that behave like real ones to an index: words by Zipf's law, vectors in clusters. The same for a seed. */
import { createHash } from 'node:crypto'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'

export interface GeneratorInit {
  readonly seed: number
  /** Length of a vector. */
  readonly dims: number
  readonly chunksPerDocument: number
  /** Mean; a chunk has between half and one and a half times as many. */
  readonly wordsPerChunk: number
}

export interface Generator {
  document(number: number): IndexedDocument
  /** Some words of rank 50 to 5,000, as people ask for, and a vector near one of the clusters. */
  query(number: number): { words: string[]; vector: Float32Array }
}

const VOCABULARY = 200_000
const CLUSTERS = 2_000
/** How far a vector is from the centre of its cluster, both of length about 1. */
const SPREAD = 0.8
const SYLLABLES = [
  'ba',
  'co',
  'de',
  'fi',
  'gu',
  'ha',
  'jo',
  'ke',
  'li',
  'mu',
  'na',
  'po',
  're',
  'si',
  'tu',
  'va',
]

function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A pronounceable word of its own for each rank; frequent ones are short, as in a language. */
function wordOf(rank: number): string {
  let word = ''
  for (let rest = rank + 1; rest > 0; rest = Math.floor(rest / SYLLABLES.length))
    word += SYLLABLES[rest % SYLLABLES.length]!
  return word
}

/** Cumulated 1/(rank + 2.7): Mandelbrot's form of Zipf's law. */
function zipf(size: number): Float64Array {
  const sums = new Float64Array(size)
  let sum = 0
  for (let rank = 0; rank < size; rank++) sums[rank] = sum += 1 / (rank + 2.7)
  return sums.map((value) => value / sum)
}

function rankOf(sums: Float64Array, share: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle]! < share) low = middle + 1
    else high = middle
  }
  return low
}

/** Sum of three uniform numbers, of variance 1: close enough to a Gaussian. */
const gaussian = (random: () => number): number => (random() + random() + random() - 1.5) * 2

export function createGenerator(init: GeneratorInit): Generator {
  const { seed, dims, chunksPerDocument, wordsPerChunk } = init
  const words = Array.from({ length: VOCABULARY }, (_, rank) => wordOf(rank))
  const sums = zipf(VOCABULARY)
  const centres = new Float32Array(CLUSTERS * dims)
  const fill = mulberry32(seed)
  for (let at = 0; at < centres.length; at++) centres[at] = gaussian(fill)

  function vectorNear(cluster: number, random: () => number, into: Float32Array): void {
    let square = 0
    for (let col = 0; col < dims; col++) {
      const value = centres[cluster * dims + col]! + SPREAD * gaussian(random)
      into[col] = value
      square += value * value
    }
    const scale = 1 / Math.sqrt(square)
    for (let col = 0; col < dims; col++) into[col]! *= scale
  }

  const text = (random: () => number): string => {
    const count = Math.floor(wordsPerChunk * (0.5 + random()))
    return Array.from({ length: count }, () => words[rankOf(sums, random())]!).join(' ')
  }

  return {
    document(number) {
      const random = mulberry32(seed ^ Math.imul(number + 1, 0x9e3779b1))
      const id = createHash('sha256').update(`${seed}/${number}`).digest('hex').slice(0, 32)
      const cluster = Math.floor(random() * CLUSTERS)
      const vectors = new Float32Array(chunksPerDocument * dims)
      const title = `${words[rankOf(sums, random())]} ${number}`
      const chunks = Array.from({ length: chunksPerDocument }, (_, ordinal) => {
        vectorNear(cluster, random, vectors.subarray(ordinal * dims, (ordinal + 1) * dims))
        const body = text(random)
        return {
          document: id,
          ordinal,
          title,
          headings: [words[rankOf(sums, random())]!],
          text: body,
          page: null,
          start: ordinal * 10_000,
          end: ordinal * 10_000 + body.length,
        }
      })
      const record = {
        id,
        source: `generated/${number}.md`,
        title,
        language: 'en',
        mediaType: 'text/markdown',
        contentHash: id.repeat(2),
        sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.text.length, 0),
        modifiedAtMs: 1_700_000_000_000 + number,
        fields: { number },
      }
      return { record, chunks, vectors }
    },
    query(number) {
      const random = mulberry32(seed ^ Math.imul(number + 1, 0x85ebca6b))
      const count = 2 + Math.floor(random() * 4)
      const vector = new Float32Array(dims)
      vectorNear(Math.floor(random() * CLUSTERS), random, vector)
      return {
        words: Array.from({ length: count }, () => words[50 + Math.floor(random() ** 2 * 4_950)]!),
        vector,
      }
    },
  }
}
