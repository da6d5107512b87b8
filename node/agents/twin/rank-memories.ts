/** Which memories fit a text: by the words that they share, and by the angle between their vectors. Pure. */
import type { Memory } from './memory.ts'
import type { Statement } from './subjects.ts'

export interface KnownMemory {
  readonly memory: Memory
  readonly statement: Statement
  readonly vector: Float32Array | null
}

export interface RankedMemory {
  readonly memory: Memory
  /** 0 to 1. */
  readonly score: number
}

const WORD_WEIGHT = 0.5
/**
 * Cosines of the embedded encoder between sentences with nothing in common lie about 0.1 to 0.3; what is below the middle of those says
 * nothing, and is taken as 0.
 */
const COSINE_FLOOR = 0.25

function cosine(a: Float32Array, b: Float32Array): number {
  let product = 0
  let squaredA = 0
  let squaredB = 0
  for (let index = 0; index < a.length; index += 1) {
    product += a[index]! * b[index]!
    squaredA += a[index]! ** 2
    squaredB += b[index]! ** 2
  }
  return squaredA === 0 || squaredB === 0 ? 0 : product / Math.sqrt(squaredA * squaredB)
}

/** Share of the weight of the memory's or the text's words that the other has too, rare words weighing more. */
function wordScore(
  asked: ReadonlySet<string>,
  terms: readonly string[],
  weight: (term: string) => number,
): number {
  const distinct = [...new Set(terms)]
  const sum = (list: readonly string[]) => list.reduce((total, term) => total + weight(term), 0)
  const shared = sum(distinct.filter((term) => asked.has(term)))
  const least = Math.min(sum(distinct), sum([...asked]))
  return least === 0 ? 0 : shared / least
}

/**
 * Best first, those at 0 left out. `vector` is null where there is no encoder: then words decide alone. The two scores are added as
 * 1 − (1 − words)(1 − vectors): either is enough.
 */
export function rankMemories(
  asked: { readonly terms: readonly string[]; readonly vector: Float32Array | null },
  memories: readonly KnownMemory[],
): RankedMemory[] {
  const counts = new Map<string, number>()
  for (const { statement } of memories)
    for (const term of new Set(statement.terms)) counts.set(term, (counts.get(term) ?? 0) + 1)
  const weight = (term: string) => Math.log(1 + (memories.length + 1) / ((counts.get(term) ?? 0) + 0.5))
  const terms = new Set(asked.terms)
  return memories
    .map(({ memory, statement, vector }) => {
      const words = WORD_WEIGHT * wordScore(terms, statement.terms, weight)
      const near =
        asked.vector === null || vector === null || vector.length !== asked.vector.length
          ? 0
          : Math.max(0, (cosine(asked.vector, vector) - COSINE_FLOOR) / (1 - COSINE_FLOOR))
      return { memory, score: 1 - (1 - words) * (1 - near) }
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || b.memory.updatedAtMs - a.memory.updatedAtMs)
}
