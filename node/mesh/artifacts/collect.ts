/**
 * Garbage collection by pins: mark what the pinned and held artifacts need, sweep the other blocks. It runs beside
 * additions, fetches and reads: their holds are looked at right before each block is removed, and a root that comes to be held
 * after the mark starts a new mark.
 */
import type { BlockStore } from './blocks.ts'
import { type BlockKey, keyOf, parseCid } from './cids.ts'
import type { Holds } from './holds.ts'
import type { Manifest } from './manifest.ts'
import type { Records } from './records.ts'

/** A fetch that was cut off is kept this long for its resumption, pinned or not. */
export const PARTIAL_KEPT_MS = 24 * 3_600_000

export interface CollectComponents {
  blocks: BlockStore
  records: Records
  holds: Holds
  /** The manifest from local blocks; throws ARTIFACT_MISSING when a node of it is not here. */
  manifest(cid: string): Promise<Manifest>
  onRemoved(cid: string): void
}

async function mark(components: CollectComponents, roots: ReadonlySet<string>): Promise<Set<BlockKey>> {
  const marked = new Set<BlockKey>()
  for (const cid of roots) {
    const manifest = await components.manifest(cid).catch(() => null)
    if (manifest === null) {
      // The manifest of an artifact half fetched: nothing but the root is known to belong to it.
      marked.add(keyOf(parseCid(cid)))
      continue
    }
    for (const node of manifest.nodes) marked.add(node.key)
    for (const leaf of manifest.leaves) marked.add(leaf.key)
  }
  return marked
}

/**
 * Removes from `candidates` (all blocks when absent) what no kept artifact needs. Records must have been dropped before.
 */
export async function sweep(
  components: CollectComponents,
  candidates?: Iterable<BlockKey>,
  /** A root whose hold does not count: that of the very work which cleans up after itself. */
  except?: string,
): Promise<{ removedBlocks: number; freedBytes: number }> {
  const { blocks, records, holds } = components
  let removedBlocks = 0
  let freedBytes = 0
  const version = () => `${records.revision()}/${holds.generation()}`
  const keep = () =>
    new Set([
      ...records.list().map((record) => record.cid),
      ...[...holds.roots()].filter((root) => root !== except),
    ])
  let markedVersion = version()
  let roots = keep()
  let marked = await mark(components, roots)
  for (const key of [...(candidates ?? blocks.keys())]) {
    // Something may have come to be kept while this ran. From the end of this check to remove() there is no await.
    while (version() !== markedVersion) {
      markedVersion = version()
      const now = keep()
      if ([...now].every((cid) => roots.has(cid))) break
      roots = now
      marked = await mark(components, roots)
    }
    if (marked.has(key) || holds.isBlockHeld(key) || !blocks.has(key)) continue
    freedBytes += await blocks.remove(key)
    removedBlocks += 1
  }
  return { removedBlocks, freedBytes }
}

/** Drops the records of artifacts that nothing pins or holds, then sweeps. */
export async function collect(
  components: CollectComponents,
  init: { nowMs: number },
): Promise<{ removedBlocks: number; freedBytes: number }> {
  const { records, holds } = components
  for (const { cid } of records.list()) {
    // As it is now: it may have been pinned while others were dropped.
    const record = records.get(cid)
    if (record === undefined || record.pins.length > 0 || holds.isRootHeld(cid)) continue
    if (!record.complete && init.nowMs - record.addedAtMs < PARTIAL_KEPT_MS) continue
    await records.delete(cid)
    components.onRemoved(cid)
  }
  return sweep(components)
}
