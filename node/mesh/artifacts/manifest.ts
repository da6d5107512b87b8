/**
 * The manifest of an artifact: everything that its dag-pb nodes say, read from the root down and checked on the way.
 *
 * Nodes may come from a hostile peer, so depth, the number of entries and parts, and the total size are bounded before
 * anything of that order is stored, and each declared size must be the sum of what is below it. The order of `leaves` (first
 * mention, depth first, entries as the directory lists them) is part of the exchange protocol: both sides number by it.
 */
import type { CID } from 'multiformats/cid'
import { VillageError } from '../../errors.ts'
import { MAX_BLOCK_BYTES } from './blocks.ts'
import { type BlockKey, keyOf, RAW_CODEC } from './cids.ts'
import { decodeNode, invalidManifest } from './nodes.ts'

export interface Leaf {
  readonly key: BlockKey
  readonly cid: CID
  /** Null: the manifest does not say (a single raw block is its own manifest); bounded by the block size only. */
  readonly sizeBytes: number | null
}

/** A stretch of a file: a raw leaf, or the inline data of a dag-pb node. */
export interface Part {
  readonly key: BlockKey
  readonly inline: boolean
  readonly sizeBytes: number | null
}

export interface ManifestFile {
  /** Relative, with `/`; '' for an artifact that is a single file. */
  readonly path: string
  readonly parts: readonly Part[]
  readonly sizeBytes: number
}

export interface Manifest {
  readonly root: CID
  readonly kind: 'file' | 'directory'
  /** Bytes of content. Parts of unknown size count as 0. */
  readonly sizeBytes: number
  readonly files: readonly ManifestFile[]
  /** Paths of all directories below the root, parents first. */
  readonly directories: readonly string[]
  /** The dag-pb nodes, each once, in the order in which they were first met. */
  readonly nodes: readonly { readonly key: BlockKey; readonly cid: CID }[]
  /** The raw leaves, each once, in the order in which they were first met. */
  readonly leaves: readonly Leaf[]
}

export interface ManifestSource {
  /** Called with the nodes that are needed next, before they are read one by one. */
  ensure(cids: readonly CID[]): Promise<void>
  /** The verified bytes of a node. */
  get(cid: CID): Promise<Uint8Array>
  /** The size of a leaf that is already here. */
  sizeOf(key: BlockKey): number | undefined
}

const MAX_FILE_DEPTH = 8
const MAX_DIRECTORY_DEPTH = 32
const MAX_ENTRIES = 65_536
/** Other tools cut files into 256 KiB; an artifact made of far smaller parts is an attack on memory. */
const MIN_MEAN_PART_BYTES = 64 * 1024
/** Parts of any size, for many small files. */
const SMALL_PARTS_ALLOWED = 65_536

/**
 * Bytes of nodes, read once or again, apart from content that is inside them: far more than honest trees have (60 bytes a part,
 * 400 an entry). Padded nodes and nodes that are linked again and again would cost terabytes of reading and hashing.
 */
const NODE_BYTES_ALLOWED = 64 * 2 ** 20
const CONTENT_BY_NODE_BYTE = 256
/** Nodes that are asked for ahead of being read. */
const ENSURED_AT_ONCE = 64

/** Throws ARTIFACT_INVALID_MANIFEST, ARTIFACT_TOO_LARGE, and whatever the source throws. */
export async function readManifest(
  root: CID,
  source: ManifestSource,
  limits: { maxContentBytes: number },
): Promise<Manifest> {
  const files: ManifestFile[] = []
  const directories: string[] = []
  const nodes = new Map<BlockKey, CID>()
  const leaves = new Map<BlockKey, Leaf>()
  let entryCount = 0
  let partCount = 0
  let contentBytes = 0
  let nodeBytes = 0

  async function loadNode(cid: CID) {
    const bytes = await source.get(cid)
    nodes.set(keyOf(cid), cid)
    const node = decodeNode(bytes)
    nodeBytes += bytes.byteLength - (node.type === 'inline' ? node.data.byteLength : 0)
    if (nodeBytes > NODE_BYTES_ALLOWED + contentBytes / CONTENT_BY_NODE_BYTE)
      throw invalidManifest('its nodes are far larger than what they describe')
    return node
  }

  /** Visits in order; nodes are fetched some at a time, so that a lie is seen before all of it has come. */
  async function visitAll<T extends { cid: CID }>(items: readonly T[], visit: (item: T) => Promise<unknown>) {
    for (let from = 0; from < items.length; from += ENSURED_AT_ONCE) {
      const some = items.slice(from, from + ENSURED_AT_ONCE)
      await source.ensure(some.map(({ cid }) => cid).filter((cid) => cid.code !== RAW_CODEC))
      for (const item of some) await visit(item)
    }
  }

  function addPart(parts: Part[], cid: CID, inline: boolean, declared: number | null): number {
    const key = keyOf(cid)
    const local = inline ? undefined : source.sizeOf(key)
    if (declared !== null && declared > MAX_BLOCK_BYTES) throw invalidManifest('a leaf is over 2 MiB')
    if (declared !== null && local !== undefined && local !== declared)
      throw invalidManifest('a leaf has another size than declared')
    const sizeBytes = declared ?? local ?? null
    partCount += 1
    // By what was seen, not by what is declared: a lie about the total buys nothing.
    if (partCount > SMALL_PARTS_ALLOWED + contentBytes / MIN_MEAN_PART_BYTES)
      throw invalidManifest('files are cut into too many small parts')
    if (!inline) {
      const known = leaves.get(key)
      if (known === undefined) leaves.set(key, { key, cid, sizeBytes })
      else if (known.sizeBytes !== null && sizeBytes !== null && known.sizeBytes !== sizeBytes)
        throw invalidManifest('one leaf is declared with two sizes')
    }
    parts.push({ key, inline, sizeBytes })
    contentBytes += sizeBytes ?? 0
    if (contentBytes > limits.maxContentBytes) throw tooLarge(contentBytes, limits.maxContentBytes)
    return sizeBytes ?? 0
  }

  /** Adds the parts below `cid` and returns their bytes, which must be `declared` unless that is null. */
  async function visitFile(
    cid: CID,
    declared: number | null,
    depth: number,
    parts: Part[],
    loaded?: Awaited<ReturnType<typeof loadNode>>,
  ): Promise<number> {
    if (cid.code === RAW_CODEC) return addPart(parts, cid, false, declared)
    if (depth > MAX_FILE_DEPTH) throw invalidManifest(`a file is over ${MAX_FILE_DEPTH} levels deep`)
    const node = loaded ?? (await loadNode(cid))
    if (node.type === 'directory') throw invalidManifest('a directory is inside a file')
    if (node.type === 'inline') {
      if (declared !== null && node.data.byteLength !== declared)
        throw invalidManifest('a leaf has another size than declared')
      return addPart(parts, cid, true, node.data.byteLength)
    }
    const sum = node.children.reduce((total, child) => total + child.contentBytes, 0)
    if (declared !== null && sum !== declared)
      throw invalidManifest('a node declares a size that is not the sum of its parts')
    if (sum > limits.maxContentBytes) throw tooLarge(sum, limits.maxContentBytes)
    await visitAll(node.children, (child) => visitFile(child.cid, child.contentBytes, depth + 1, parts))
    return sum
  }

  async function visitEntry(
    cid: CID,
    path: string,
    depth: number,
    rawBytes: number | null,
  ): Promise<boolean> {
    const node = cid.code === RAW_CODEC ? undefined : await loadNode(cid)
    if (node?.type !== 'directory') {
      const parts: Part[] = []
      const sizeBytes = await visitFile(cid, cid.code === RAW_CODEC ? rawBytes : null, 0, parts, node)
      files.push({ path, parts, sizeBytes })
      return false
    }
    if (depth > MAX_DIRECTORY_DEPTH)
      throw invalidManifest(`directories are over ${MAX_DIRECTORY_DEPTH} levels deep`)
    entryCount += node.entries.length
    if (entryCount > MAX_ENTRIES) throw invalidManifest(`it has over ${MAX_ENTRIES} entries`)
    if (path !== '') directories.push(path)
    await visitAll(node.entries, (entry) =>
      visitEntry(entry.cid, path === '' ? entry.name : `${path}/${entry.name}`, depth + 1, entry.dagBytes),
    )
    return true
  }

  if (root.code !== RAW_CODEC) await source.ensure([root])
  const isDirectory = await visitEntry(root, '', 0, null)
  return {
    root,
    kind: isDirectory ? 'directory' : 'file',
    sizeBytes: contentBytes,
    files,
    directories,
    nodes: [...nodes].map(([key, cid]) => ({ key, cid })),
    leaves: [...leaves.values()],
  }
}

function tooLarge(sizeBytes: number, maxBytes: number): VillageError {
  return new VillageError('ARTIFACT_TOO_LARGE', `The artifact has ${sizeBytes} bytes or more`, {
    fields: { sizeBytes, maxBytes },
  })
}
