/**
 * Cuts content into leaves and builds the tree above them: a balanced tree of at most 1,024 links a node, level by level,
 * as IPFS importers build it with raw leaves and that chunk size, so that the CIDs are the same.
 */
import type { CID } from 'multiformats/cid'
import { DAG_PB_CODEC, RAW_CODEC } from './cids.ts'
import { type Child, encodeFileNode, MAX_FILE_LINKS } from './nodes.ts'

export const LEAF_BYTES = 2 ** 20

/** Stores a block and returns its CID. */
export type PutBlock = (codec: number, bytes: Uint8Array) => Promise<CID>

/** Leaves hashed and written at once: enough to keep two cores and the disk busy, 4 MiB at most in memory. */
export const LEAVES_IN_FLIGHT = 4

/** Yields chunks of exactly `size` bytes (the last may be shorter) in buffers of their own; one empty chunk for no bytes. */
export async function* rechunk(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let buffer: Buffer | undefined
  let filled = 0
  let yielded = false
  for await (const piece of source) {
    for (let offset = 0; offset < piece.byteLength; ) {
      buffer ??= Buffer.allocUnsafeSlow(size)
      const count = Math.min(size - filled, piece.byteLength - offset)
      buffer.set(piece.subarray(offset, offset + count), filled)
      filled += count
      offset += count
      if (filled === size) {
        yield buffer
        yielded = true
        buffer = undefined
        filled = 0
      }
    }
  }
  if (buffer !== undefined) yield Buffer.from(buffer.subarray(0, filled))
  else if (!yielded) yield Buffer.alloc(0)
}

async function reduceLevel(children: Child[], put: PutBlock): Promise<Child> {
  const bytes = encodeFileNode(children)
  return {
    cid: await put(DAG_PB_CODEC, bytes),
    contentBytes: children.reduce((sum, child) => sum + child.contentBytes, 0),
    dagBytes: children.reduce((sum, child) => sum + child.dagBytes, bytes.byteLength),
  }
}

interface TreeInit {
  put: PutBlock
  maxLinks?: number
  signal?: AbortSignal
}

/** Builds one file. A file of one leaf is that leaf. `maxLinks` and `leafBytes` are smaller in tests only. */
export function buildFile(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { leafBytes, ...init }: TreeInit & { leafBytes?: number },
): Promise<Child> {
  return buildTree(rechunk(source, leafBytes ?? LEAF_BYTES), init)
}

/**
 * Builds one file of leaves that are cut already. While a leaf is asked for, at most LEAVES_IN_FLIGHT - 1 of those before it
 * are still being stored.
 */
export async function buildTree(leaves: AsyncIterable<Uint8Array>, init: TreeInit): Promise<Child> {
  const maxLinks = init.maxLinks ?? MAX_FILE_LINKS
  const levels: Child[][] = [[]]
  const pending: Promise<Child>[] = []

  async function add(child: Child, level: number): Promise<void> {
    levels[level] ??= []
    const siblings = levels[level]
    siblings.push(child)
    if (siblings.length < maxLinks) return
    levels[level] = []
    await add(await reduceLevel(siblings, init.put), level + 1)
  }

  try {
    for await (const bytes of leaves) {
      init.signal?.throwIfAborted()
      const sizeBytes = bytes.byteLength
      const leaf = init
        .put(RAW_CODEC, bytes)
        .then((cid) => ({ cid, contentBytes: sizeBytes, dagBytes: sizeBytes }))
      leaf.catch(() => {
        // Awaited below, in order.
      })
      pending.push(leaf)
      if (pending.length >= LEAVES_IN_FLIGHT) await add(await pending.shift()!, 0)
    }
    while (pending.length > 0) await add(await pending.shift()!, 0)
  } catch (error) {
    await Promise.allSettled(pending)
    throw error
  }
  for (let level = 0; ; level++) {
    const siblings = levels[level]!
    const isTop = levels.slice(level + 1).every((above) => above.length === 0)
    if (isTop && siblings.length === 1) return siblings[0]!
    if (siblings.length > 0) await add(await reduceLevel(siblings.splice(0), init.put), level + 1)
  }
}
