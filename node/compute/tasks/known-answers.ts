/**
 * Answers that this node computed itself, to hold other peers' results against: hidden known-answer items, as volunteer
 * computing has them. A worker is given no sign of which items of a task are known here, so that it cannot answer those
 * honestly and the others not. In memory only: after a restart answers are computed again when they are needed.
 */
export interface KnownAnswer {
  /** Numbers of a vector, or an encoded record. */
  readonly values: Float32Array | Uint8Array
  /** How many results were compared with it. */
  uses: number
}

export interface KnownAnswers {
  get(question: string): KnownAnswer | undefined
  /** Keeps a copy; an answer that is known already stays as it is. */
  put(question: string, values: Float32Array | Uint8Array): void
  /** `count` of the candidates, at random and in no order. */
  choose<T>(candidates: readonly T[], count: number): T[]
}

/** Some 16,000 answers of 512 numbers. */
const MAX_BYTES = 32 * 2 ** 20

/** `random` is uniform in [0, 1). The answers that were put in first go first when there are more than `maxBytes`. */
export function createKnownAnswers(init: { random: () => number; maxBytes?: number }): KnownAnswers {
  const maxBytes = init.maxBytes ?? MAX_BYTES
  const answers = new Map<string, KnownAnswer>()
  let sizeBytes = 0
  return {
    get: (question) => answers.get(question),
    put(question, values) {
      if (answers.has(question) || values.byteLength > maxBytes) return
      answers.set(question, { values: values.slice(), uses: 0 })
      sizeBytes += values.byteLength
      for (const [oldest, { values: dropped }] of answers) {
        if (sizeBytes <= maxBytes) break
        answers.delete(oldest)
        sizeBytes -= dropped.byteLength
      }
    },
    choose(candidates, count) {
      const left = [...candidates]
      const chosen = []
      while (chosen.length < count && left.length > 0)
        chosen.push(...left.splice(Math.floor(init.random() * left.length), 1))
      return chosen
    },
  }
}
