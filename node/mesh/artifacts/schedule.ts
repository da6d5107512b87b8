/**
 * Which provider sends which leaf: the pure core of a fetch from several providers.
 *
 * Leaves are handed out in order, in short runs, so that a provider gets work in proportion to its speed. When none is left to hand
 * out, a provider that is free is given what another has not delivered yet (the one asked for longest ago first): the slow one is
 * raced, and whoever is first wins. A provider that fails gives back what it holds.
 */
export interface Have {
  has(index: number): boolean
}

export interface Range {
  start: number
  count: number
}

export interface Schedule {
  /** The next run of leaves for `provider`, at most `maxBytes` (but one leaf at least) and `maxLeaves`; null: nothing that it could do now. */
  assign(provider: string, have: Have, limits: { maxBytes: number; maxLeaves: number }): Range | null
  /** The leaf is stored. Returns false when it was there already. */
  done(index: number): boolean
  isDone(index: number): boolean
  /** `provider` does not deliver these after all (all of its own when no index is given). */
  release(provider: string, index?: number): void
  /** True while leaves are missing that `provider` has, whoever they are assigned to. */
  wants(have: Have): boolean
  readonly remaining: number
}

/** At most this many providers send the same leaf at once. */
const MAX_RACING = 2

export function createSchedule(init: {
  sizesBytes: readonly (number | null)[]
  present: (index: number) => boolean
}): Schedule {
  const { sizesBytes } = init
  const total = sizesBytes.length
  const finished = new Uint8Array(total)
  const holders = new Map<number, Set<string>>()
  let remaining = 0
  for (let index = 0; index < total; index++) {
    if (init.present(index)) finished[index] = 1
    else remaining += 1
  }
  /** No leaf below is missing and unassigned. */
  let firstFree = 0

  const isFree = (index: number) => finished[index] === 0 && !holders.has(index)

  function take(provider: string, index: number): void {
    const set = holders.get(index) ?? new Set()
    set.add(provider)
    holders.set(index, set)
  }

  function unhold(provider: string, index: number): void {
    const set = holders.get(index)
    if (set?.delete(provider) !== true) return
    if (set.size > 0) return
    holders.delete(index)
    if (finished[index] === 0) firstFree = Math.min(firstFree, index)
  }

  return {
    assign(provider, have, limits) {
      while (firstFree < total && !isFree(firstFree)) firstFree += 1
      for (let start = firstFree; start < total; start++) {
        if (!isFree(start) || !have.has(start)) continue
        let count = 0
        let bytes = 0
        for (let index = start; index < total && count < limits.maxLeaves; index++) {
          bytes += sizesBytes[index] ?? limits.maxBytes
          if (!isFree(index) || !have.has(index) || (count > 0 && bytes > limits.maxBytes)) break
          take(provider, index)
          count += 1
        }
        return { start, count }
      }
      // Map order is the order of assignment: the leaf that was asked for longest ago comes first.
      for (const [index, set] of holders)
        if (set.size < MAX_RACING && !set.has(provider) && have.has(index)) {
          take(provider, index)
          return { start: index, count: 1 }
        }
      return null
    },
    done(index) {
      holders.delete(index)
      if (finished[index] !== 0) return false
      finished[index] = 1
      remaining -= 1
      return true
    },
    isDone: (index) => finished[index] === 1,
    release(provider, index) {
      if (index !== undefined) unhold(provider, index)
      else for (const held of [...holders.keys()]) unhold(provider, held)
    },
    wants(have) {
      for (let index = 0; index < total; index++) if (finished[index] === 0 && have.has(index)) return true
      return false
    },
    get remaining() {
      return remaining
    },
  }
}
