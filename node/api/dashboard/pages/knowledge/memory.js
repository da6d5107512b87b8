/** The last few answers by what was asked, so that going back shows them at once. */

/** @param {number} most */
export function createMemory(most) {
  const kept = new Map()
  return {
    get: (key) => kept.get(key),
    set(key, value) {
      kept.delete(key)
      kept.set(key, value)
      if (kept.size > most) kept.delete(kept.keys().next().value)
    },
  }
}
