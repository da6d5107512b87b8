/**
 * Holds keep blocks out of the collector's reach while something works with them: an addition or a fetch holds each
 * block that it relies on (also one that was already there), a reader holds the root that it reads.
 */
import type { BlockKey } from './cids.ts'

export interface Hold {
  /** Call it before looking whether the block is there, so that it cannot vanish in between. */
  block(key: BlockKey): void
  release(): void
}

export interface Holds {
  open(): Hold
  /** Protects everything under a root, by its CID. Returns the function that ends the hold. */
  root(cid: string): () => void
  isBlockHeld(key: BlockKey): boolean
  isRootHeld(cid: string): boolean
  roots(): Iterable<string>
  /** Rises with each new held root: a mark made at an earlier generation may be too small. */
  generation(): number
}

export function createHolds(): Holds {
  const open = new Set<Set<BlockKey>>()
  const rootCounts = new Map<string, number>()
  let generation = 0
  return {
    open() {
      const keys = new Set<BlockKey>()
      open.add(keys)
      return {
        block: (key) => keys.add(key),
        release: () => open.delete(keys),
      }
    },
    root(cid) {
      const count = rootCounts.get(cid) ?? 0
      rootCounts.set(cid, count + 1)
      if (count === 0) generation += 1
      let released = false
      return () => {
        if (released) return
        released = true
        const rest = (rootCounts.get(cid) ?? 1) - 1
        if (rest === 0) rootCounts.delete(cid)
        else rootCounts.set(cid, rest)
      }
    },
    isBlockHeld(key) {
      for (const keys of open) if (keys.has(key)) return true
      return false
    },
    isRootHeld: (cid) => rootCounts.has(cid),
    roots: () => rootCounts.keys(),
    generation: () => generation,
  }
}
