/** Document frequencies by segment of a collection and term: a segment never changes, so neither do they. The oldest go when there are too many. */
export interface FrequencyCache {
  /** Null unless every term is known. */
  get(segment: string, terms: readonly string[]): ReadonlyMap<string, number> | null
  set(segment: string, terms: readonly string[], frequencies: ReadonlyMap<string, number>): void
}

/** `maxEntries` numbers are kept; each takes about 100 bytes. */
export function createFrequencyCache(init: { maxEntries: number }): FrequencyCache {
  const known = new Map<string, number>()
  const keyOf = (segment: string, term: string) => `${segment} ${term}`
  return {
    get(segment, terms) {
      const found = new Map<string, number>()
      for (const term of terms) {
        const frequency = known.get(keyOf(segment, term))
        if (frequency === undefined) return null
        if (frequency > 0) found.set(term, frequency)
      }
      return found
    },
    set(segment, terms, frequencies) {
      for (const term of terms) {
        const key = keyOf(segment, term)
        known.delete(key)
        known.set(key, frequencies.get(term) ?? 0)
      }
      for (const key of known.keys()) {
        if (known.size <= init.maxEntries) break
        known.delete(key)
      }
    },
  }
}
