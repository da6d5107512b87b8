/** Which peer has which document: people collect what they care about, or (to compare) anything. */
import { eachToken } from '../../node/agents/rag/analysis/analyzer.ts'
import { hashTerm } from '../../node/agents/rag/routing/term-hash.ts'
import type { JudgedText } from './judged-set.ts'

export const ALLOCATIONS = ['topical', 'random'] as const
export type Allocation = (typeof ALLOCATIONS)[number]

/** tf-idf is projected onto this many random axes, which keeps cosines within about 1/√axes. */
const AXES = 128
const ITERATIONS = 8

/** By document the index of its peer. */
export function allocate(
  documents: readonly JudgedText[],
  init: { peers: number; allocation: Allocation; random: () => number },
): Int32Array {
  if (init.allocation === 'random')
    return Int32Array.from(documents, () => Math.floor(init.random() * init.peers))
  return cluster(projectTexts(documents), documents.length, init.peers, init.random)
}

/** Row-major unit vectors: (1 + ln f)·idf by term, times a sign by term and axis that hashes give. */
function projectTexts(documents: readonly JudgedText[]): Float32Array {
  const counts = documents.map(({ title, text }) => {
    const terms = new Map<string, number>()
    eachToken(`${title}\n${text}`, 'en', (term) => terms.set(term, (terms.get(term) ?? 0) + 1))
    return terms
  })
  const frequencies = new Map<string, number>()
  for (const terms of counts)
    for (const term of terms.keys()) frequencies.set(term, (frequencies.get(term) ?? 0) + 1)
  const signs = new Map<string, Uint32Array>()
  const rows = new Float32Array(documents.length * AXES)
  for (const [row, terms] of counts.entries()) {
    const vector = rows.subarray(row * AXES, (row + 1) * AXES)
    for (const [term, count] of terms) {
      const weight = (1 + Math.log(count)) * Math.log(documents.length / frequencies.get(term)!)
      const bits = signs.get(term) ?? signsOf(term)
      signs.set(term, bits)
      for (let axis = 0; axis < AXES; axis++)
        vector[axis]! += (bits[axis >>> 5]! >>> (axis & 31)) & 1 ? weight : -weight
    }
    normalise(vector)
  }
  return rows
}

function signsOf(term: string): Uint32Array {
  return Uint32Array.from({ length: AXES / 32 }, (_, word) => hashTerm(`${word} ${term}`).bucket)
}

/** Spherical k-means: assignment to the centre of largest cosine; an empty cluster starts again at a random text. */
function cluster(rows: Float32Array, count: number, clusters: number, random: () => number): Int32Array {
  const rowOf = (at: number) => rows.subarray(at * AXES, (at + 1) * AXES)
  const anyRow = () => rowOf(Math.floor(random() * count))
  const centres = Array.from({ length: clusters }, () => Float32Array.from(anyRow()))
  const assigned = new Int32Array(count)
  for (let round = 0; round < ITERATIONS; round++) {
    for (let at = 0; at < count; at++) assigned[at] = nearest(rowOf(at), centres)
    const sizes = new Int32Array(clusters)
    for (const centre of centres) centre.fill(0)
    for (let at = 0; at < count; at++) {
      const centre = centres[assigned[at]!]!
      sizes[assigned[at]!]!++
      const row = rowOf(at)
      for (let axis = 0; axis < AXES; axis++) centre[axis]! += row[axis]!
    }
    for (const [at, centre] of centres.entries()) {
      if (sizes[at] === 0) centre.set(anyRow())
      normalise(centre)
    }
  }
  return assigned
}

function nearest(row: Float32Array, centres: readonly Float32Array[]): number {
  let best = 0
  let highest = Number.NEGATIVE_INFINITY
  for (const [at, centre] of centres.entries()) {
    let dot = 0
    for (let axis = 0; axis < AXES; axis++) dot += row[axis]! * centre[axis]!
    if (dot > highest) {
      highest = dot
      best = at
    }
  }
  return best
}

function normalise(vector: Float32Array): void {
  const length = Math.hypot(...vector)
  if (length > 0) for (let axis = 0; axis < vector.length; axis++) vector[axis]! /= length
}
