/**
 * Blocks of stored texts as they are without compression, remembered for all segments of a thread together: to inflate one takes
 * longer than to find what is in it, and what is read once (a first round of feedback, a page of results, the passages of an
 * answer) is mostly read again.
 */
export interface InflatedBlocks {
  get(block: number): Uint8Array | undefined
  set(block: number, bytes: Uint8Array): void
  /** The file is closed: nothing of it stays in memory. */
  clear(): void
}

const MAX_BYTES = 16 * 1024 * 1024
/** What is larger is made anew each time: it would push out too much else. */
const MAX_BLOCK_BYTES = MAX_BYTES / 16

interface Entry {
  readonly blocks: Map<number, Entry>
  readonly block: number
  readonly bytes: Uint8Array
}

/** Least recently used first. */
const entries = new Set<Entry>()
let sizeBytes = 0

function remove(entry: Entry): void {
  entries.delete(entry)
  entry.blocks.delete(entry.block)
  sizeBytes -= entry.bytes.length
}

/** Of one file. */
export function createInflatedBlocks(): InflatedBlocks {
  const blocks = new Map<number, Entry>()
  return {
    get(block) {
      const entry = blocks.get(block)
      if (entry === undefined) return undefined
      entries.delete(entry)
      entries.add(entry)
      return entry.bytes
    },
    set(block, bytes) {
      if (bytes.length > MAX_BLOCK_BYTES || blocks.has(block)) return
      const entry = { blocks, block, bytes }
      blocks.set(block, entry)
      entries.add(entry)
      sizeBytes += bytes.length
      for (const oldest of entries) {
        if (sizeBytes <= MAX_BYTES) return
        remove(oldest)
      }
    },
    clear() {
      for (const entry of [...blocks.values()]) remove(entry)
    },
  }
}

/** Of all files. */
export const inflatedBytes = (): number => sizeBytes
