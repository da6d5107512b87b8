/** Which peer has which document: people collect what they care about, or (to compare) anything. */
import { eachToken } from '../../node/agents/rag/analysis/analyzer.ts'
import type { JudgedText } from './judged-set.ts'

export const ALLOCATIONS = ['topical', 'random'] as const
export type Allocation = (typeof ALLOCATIONS)[number]

const ITERATIONS = 8

/** By document the index of its peer. */
export function allocate(
  documents: readonly JudgedText[],
  init: { peers: number; allocation: Allocation; random: () => number },
): Int32Array {
  if (init.allocation === 'random')
    return Int32Array.from(documents, () => Math.floor(init.random() * init.peers))
  return cluster(weighTexts(documents), init.peers, init.random)
}

/** The (1 + ln f)·idf of each term of a text, scaled to length 1. */
interface WeighedText {
  readonly terms: Int32Array
  readonly weights: Float32Array
}

function weighTexts(documents: readonly JudgedText[]): { texts: WeighedText[]; vocabulary: number } {
  const ids = new Map<string, number>()
  const frequencies: number[] = []
  const counted = documents.map(({ title, text }) => {
    const counts = new Map<number, number>()
    eachToken(`${title}\n${text}`, 'en', (term) => {
      const id = ids.get(term) ?? ids.size
      ids.set(term, id)
      counts.set(id, (counts.get(id) ?? 0) + 1)
    })
    for (const id of counts.keys()) frequencies[id] = (frequencies[id] ?? 0) + 1
    return counts
  })
  const texts = counted.map((counts) => {
    const weights = Float32Array.from(
      counts,
      ([id, count]) => (1 + Math.log(count)) * Math.log(documents.length / frequencies[id]!),
    )
    normalise(weights)
    return { terms: Int32Array.from(counts.keys()), weights }
  })
  return { texts, vocabulary: ids.size }
}

/** Spherical k-means (Dhillon & Modha, 2001): each text goes to the centre of largest cosine; an empty cluster starts again at a text. */
function cluster(
  { texts, vocabulary }: { texts: readonly WeighedText[]; vocabulary: number },
  clusters: number,
  random: () => number,
): Int32Array {
  /** Term-major: the weights that a term has in all centres lie together. */
  const centres = new Float32Array(vocabulary * clusters)
  const add = ({ terms, weights }: WeighedText, centre: number) =>
    terms.forEach((term, at) => {
      centres[term * clusters + centre]! += weights[at]!
    })
  const anyText = () => texts[Math.floor(random() * texts.length)]!
  for (let centre = 0; centre < clusters; centre++) add(anyText(), centre)
  const assigned = new Int32Array(texts.length)
  for (let round = 0; round < ITERATIONS; round++) {
    for (const [at, text] of texts.entries()) assigned[at] = nearest(text, centres, clusters)
    const sizes = new Int32Array(clusters)
    centres.fill(0)
    for (const [at, text] of texts.entries()) {
      add(text, assigned[at]!)
      sizes[assigned[at]!]!++
    }
    for (const [centre, size] of sizes.entries()) if (size === 0) add(anyText(), centre)
    normaliseCentres(centres, clusters)
  }
  return assigned
}

function nearest({ terms, weights }: WeighedText, centres: Float32Array, clusters: number): number {
  const cosines = new Float32Array(clusters)
  for (const [at, term] of terms.entries())
    for (let centre = 0; centre < clusters; centre++)
      cosines[centre]! += weights[at]! * centres[term * clusters + centre]!
  return cosines.indexOf(cosines.reduce((most, cosine) => Math.max(most, cosine)))
}

function normaliseCentres(centres: Float32Array, clusters: number): void {
  const squares = new Float64Array(clusters)
  for (const [at, weight] of centres.entries()) squares[at % clusters]! += weight ** 2
  for (const at of centres.keys()) centres[at]! /= Math.sqrt(squares[at % clusters]!) || 1
}

function normalise(vector: Float32Array): void {
  const length = Math.hypot(...vector)
  if (length > 0) for (let at = 0; at < vector.length; at++) vector[at]! /= length
}
