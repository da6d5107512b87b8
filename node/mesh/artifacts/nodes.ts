/**
 * The inner blocks of an artifact: dag-pb nodes that hold UnixFS data, as any IPFS tool reads and writes them.
 * Written here: file nodes over raw leaves (at most 1,024 links) and directories. Read here: the same, and dag-pb leaves
 * with inline data, which other tools write. Symlinks, metadata and sharded directories are refused.
 * Source: https://specs.ipfs.tech/unixfs/, https://ipld.io/specs/codecs/dag-pb/spec/.
 */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { VillageError } from '../../errors.ts'
import { list, message, optional, uint64 } from '../protocols/message.ts'
import { isArtifactCid } from './cids.ts'

export const MAX_FILE_LINKS = 1024
/** A directory that does not fit a block of 1 MiB is refused: sharded directories are not supported. */
const MAX_DIRECTORY_BYTES = 2 ** 20
const MAX_NAME_BYTES = 255

/** A block with what is below it: the CID, the bytes of content, and the bytes of all blocks (dag-pb's Tsize). */
export interface Child {
  readonly cid: CID
  readonly contentBytes: number
  readonly dagBytes: number
}

export interface DirectoryEntry {
  readonly name: string
  readonly cid: CID
  /** Tsize as declared, unchecked: for a raw leaf it has to be the size of the block. Null when the node does not say. */
  readonly dagBytes: number | null
}

export type ArtifactNode =
  | { readonly type: 'file'; readonly children: readonly { cid: CID; contentBytes: number }[] }
  | { readonly type: 'inline'; readonly data: Uint8Array }
  | { readonly type: 'directory'; readonly entries: readonly DirectoryEntry[] }

/** UnixFS's own total, which the library recomputes instead of reading: a lie in it has to be seen. */
const DECLARED_SIZE = message('UnixFS', { fileSize: [3, optional(uint64())] })

/** UnixFS's DataType. */
const FILE = 2
/** Written here because the library's own writer damages sizes from 2 GiB on. */
const FILE_DATA = message('UnixFS', {
  type: [1, uint64()],
  fileSize: [3, uint64()],
  blockSizes: [4, list(uint64(), MAX_FILE_LINKS)],
})

export function encodeFileNode(children: readonly Child[]): Uint8Array {
  const blockSizes = children.map(({ contentBytes }) => contentBytes)
  const fileSize = blockSizes.reduce((sum, size) => sum + size, 0)
  return dagPb.encode({
    Data: FILE_DATA.encode({ type: FILE, fileSize, blockSizes }),
    Links: children.map((child) => ({ Name: '', Hash: child.cid, Tsize: child.dagBytes })),
  })
}

/** Throws ARTIFACT_UNSUPPORTED_FILE for a bad name, a name twice, or a directory that is too large. */
export function encodeDirectoryNode(entries: readonly (Child & { name: string })[]): Uint8Array {
  const names = new Set<string>()
  for (const { name } of entries) {
    const problem = nameProblem(name)
    if (problem !== null || names.has(name))
      throw new VillageError(
        'ARTIFACT_UNSUPPORTED_FILE',
        `The name ${JSON.stringify(name)} ${problem ?? 'is there twice'}`,
      )
    names.add(name)
  }
  const bytes = dagPb.encode(
    dagPb.prepare({
      Data: new UnixFS({ type: 'directory' }).marshal(),
      Links: entries.map((entry) => ({ Name: entry.name, Hash: entry.cid, Tsize: entry.dagBytes })),
    }),
  )
  if (bytes.byteLength > MAX_DIRECTORY_BYTES)
    throw new VillageError(
      'ARTIFACT_UNSUPPORTED_FILE',
      `A directory has too many entries (${entries.length})`,
    )
  return bytes
}

/** What is wrong with a file name from an artifact, or null: it must stay inside its directory on every system. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'is empty'
  if (name === '.' || name === '..') return 'leads out of its directory'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[/\\\u0000-\u001f\u007f]/.test(name)) return 'has a separator or a control character'
  if (!name.isWellFormed() || name.includes('\ufffd')) return 'is not valid Unicode'
  return Buffer.byteLength(name) > MAX_NAME_BYTES ? `is longer than ${MAX_NAME_BYTES} bytes` : null
}

export function invalidManifest(reason: string, cause?: unknown): VillageError {
  return new VillageError(
    'ARTIFACT_INVALID_MANIFEST',
    `The manifest of the artifact is not valid: ${reason}`,
    {
      cause,
    },
  )
}

function decodeUnixFs(bytes: Uint8Array): { links: dagPb.PBLink[]; data: UnixFS } {
  try {
    const node = dagPb.decode(bytes)
    if (node.Data === undefined) throw new Error('a node has no UnixFS data')
    const data = UnixFS.unmarshal(node.Data)
    const declared = DECLARED_SIZE.decode(node.Data).fileSize
    if (!data.isDirectory() && declared !== undefined && BigInt(declared) !== data.fileSize())
      throw new Error('a node declares a size that is not the sum of its parts')
    return { links: node.Links, data }
  } catch (error) {
    throw invalidManifest(
      error instanceof VillageError ? error.message : `${(error as Error).message}`,
      error,
    )
  }
}

function checkedLink(link: dagPb.PBLink): CID {
  const cid = link.Hash.toV1()
  if (!isArtifactCid(cid)) throw invalidManifest('a link is not raw or dag-pb with sha2-256')
  return cid
}

/** Throws ARTIFACT_INVALID_MANIFEST. */
export function decodeNode(bytes: Uint8Array): ArtifactNode {
  const { links, data } = decodeUnixFs(bytes)
  if (data.type === 'directory') {
    const names = new Set<string>()
    const entries = links.map((link) => {
      const name = link.Name ?? ''
      const problem = nameProblem(name)
      if (problem !== null) throw invalidManifest(`a name ${problem}`)
      if (names.has(name)) throw invalidManifest('a name is there twice')
      names.add(name)
      return { name, cid: checkedLink(link), dagBytes: link.Tsize ?? null }
    })
    return { type: 'directory', entries }
  }
  if (data.type !== 'file' && data.type !== 'raw')
    throw invalidManifest(`${data.type} nodes are not supported`)
  const inline = data.data ?? new Uint8Array(0)
  if (links.length === 0) {
    if (data.blockSizes.length > 0) throw invalidManifest('a node has sizes without links')
    return { type: 'inline', data: inline }
  }
  if (inline.byteLength > 0) throw invalidManifest('a node has both links and data of its own')
  if (links.length > MAX_FILE_LINKS) throw invalidManifest(`a file node has over ${MAX_FILE_LINKS} links`)
  if (links.length !== data.blockSizes.length) throw invalidManifest('links and sizes do not pair')
  const children = links.map((link, index) => {
    const contentBytes = Number(data.blockSizes[index])
    if (contentBytes === 0) throw invalidManifest('a part of a file is empty')
    if (!Number.isSafeInteger(contentBytes)) throw invalidManifest('a size is over 2^53')
    return { cid: checkedLink(link), contentBytes }
  })
  return { type: 'file', children }
}
