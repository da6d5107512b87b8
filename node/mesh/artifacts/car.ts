/**
 * CAR files (content-addressable archives, version 1): artifacts on a USB stick, readable by any IPFS tool.
 * Source: https://ipld.io/specs/transport/car/carv1/. Writing is `@ipld/car`; reading is done here, because that library
 * buffers whatever length a file claims, and a file from a stranger may claim anything.
 */
import type { CarWriter } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { VillageError } from '../../errors.ts'
import { type BlockStore, MAX_BLOCK_BYTES } from './blocks.ts'
import { type BlockKey, isArtifactCid, keyOf } from './cids.ts'
import type { Holds } from './holds.ts'
import type { Library } from './library.ts'
import type { Manifest } from './manifest.ts'
import type { ArtifactInfo } from './records.ts'

const MAX_HEADER_BYTES = 128 * 1024
const MAX_CID_BYTES = 64
const MAX_ROOTS = 1024
const MAX_VARINT_BYTES = 5

const malformed = (reason: string, cause?: unknown) =>
  new VillageError('CAR_MALFORMED', `The CAR file cannot be imported: ${reason}`, { cause })

export interface CarComponents {
  blocks: BlockStore
  library: Library
  holds: Holds
}

/** Streams the artifacts as one CAR: roots in the given order, each block once. Throws ARTIFACT_MISSING, INVALID_ARGUMENT. */
export async function* exportCar(
  components: CarComponents,
  roots: readonly CID[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (roots.length === 0 || roots.length > MAX_ROOTS)
    throw new VillageError('INVALID_ARGUMENT', `A CAR file holds 1 to ${MAX_ROOTS} artifacts`)
  const releases = roots.map((root) => components.holds.root(root.toString()))
  try {
    const manifests: Manifest[] = []
    for (const root of roots) manifests.push(await components.library.complete(root))
    // Few nodes ever write one.
    const { CarWriter } = await import('@ipld/car')
    const { writer, out } = CarWriter.create([...roots])
    const stop = new AbortController()
    const writing = writeBlocks(
      components,
      manifests,
      writer,
      AbortSignal.any([stop.signal, ...(signal ? [signal] : [])]),
    )
    // A failure to read a block ends the archive here, where the reader of it sees it.
    writing.catch(() => writer.close()).catch(() => {})
    try {
      for await (const chunk of out) yield chunk
      await writing
    } finally {
      stop.abort()
    }
  } finally {
    for (const release of releases) release()
  }
}

async function writeBlocks(
  components: CarComponents,
  manifests: readonly Manifest[],
  writer: ReturnType<typeof CarWriter.create>['writer'],
  signal: AbortSignal,
): Promise<void> {
  const written = new Set<BlockKey>()
  for (const manifest of manifests)
    for (const { cid, key } of [...manifest.nodes, ...manifest.leaves]) {
      if (written.has(key)) continue
      written.add(key)
      signal.throwIfAborted()
      await writer.put({ cid, bytes: await components.blocks.get(key) })
    }
  await writer.close()
}

/** Cuts a byte stream into sections (varint length, then that many bytes), never holding more than one. */
async function* readSections(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let maxBytes = MAX_HEADER_BYTES
  let length = 0
  let lengthBytes = 0
  let section: Buffer | null = null
  let filled = 0
  for await (const chunk of source) {
    for (let offset = 0; offset < chunk.byteLength; ) {
      if (section === null) {
        const byte = chunk[offset]!
        offset += 1
        length += (byte & 0x7f) * 2 ** (7 * lengthBytes)
        lengthBytes += 1
        if (byte & 0x80) {
          if (lengthBytes === MAX_VARINT_BYTES) throw malformed('a length is not a valid number')
          continue
        }
        if (length === 0) throw malformed('a section is empty')
        if (length > maxBytes)
          throw malformed(`a section of ${length} bytes is over the limit of ${maxBytes}`)
        section = Buffer.allocUnsafeSlow(length)
        filled = 0
      }
      const count = Math.min(section.byteLength - filled, chunk.byteLength - offset)
      section.set(chunk.subarray(offset, offset + count), filled)
      filled += count
      offset += count
      if (filled < section.byteLength) continue
      yield section
      section = null
      length = 0
      lengthBytes = 0
      maxBytes = MAX_BLOCK_BYTES + MAX_CID_BYTES
    }
  }
  if (section !== null || lengthBytes > 0) throw malformed('it is cut off')
}

function readHeader(section: Uint8Array): CID[] {
  let header: { version?: unknown; roots?: unknown }
  try {
    header = dagCbor.decode(section)
  } catch (error) {
    throw malformed('it has no CAR header', error)
  }
  if (header === null || typeof header !== 'object' || header.version !== 1)
    throw malformed('it is not version 1')
  if (!Array.isArray(header.roots) || header.roots.length === 0 || header.roots.length > MAX_ROOTS)
    throw malformed(`it must name 1 to ${MAX_ROOTS} roots`)
  return header.roots.map((root: unknown) => {
    const cid = CID.asCID(root)?.toV1()
    if (cid === undefined || !isArtifactCid(cid)) throw malformed('a root does not name an artifact')
    return cid
  })
}

function readBlock(section: Uint8Array): { cid: CID; bytes: Uint8Array } {
  try {
    const [cid, bytes] = CID.decodeFirst(section)
    if (!isArtifactCid(cid.toV1())) throw new Error('a block is neither raw nor dag-pb with sha2-256')
    return { cid: cid.toV1(), bytes }
  } catch (error) {
    throw malformed((error as Error).message, error)
  }
}

/**
 * Reads a CAR and records each root as an artifact. All or nothing: every block is verified, every root must be whole, and
 * what belongs to no root is dropped. Throws CAR_MALFORMED, ARTIFACT_INVALID_MANIFEST, DISK_FULL, ABORTED.
 */
export async function importCar(
  components: CarComponents,
  source: AsyncIterable<Uint8Array>,
  options: { pin?: string; signal?: AbortSignal },
): Promise<ArtifactInfo[]> {
  const { library } = components
  const stored: BlockKey[] = []
  const { infos, needed } = await library.adding(async (put) => {
    let roots: CID[] | null = null
    for await (const section of readSections(source)) {
      options.signal?.throwIfAborted()
      if (roots === null) {
        roots = readHeader(section)
        continue
      }
      const { cid, bytes } = readBlock(section)
      const { isNew } = await put(bytes, keyOf(cid)).catch((error: unknown) => {
        throw error instanceof VillageError && error.code === 'ARTIFACT_CORRUPT'
          ? malformed('a block does not match its hash', error)
          : error
      })
      if (isNew) stored.push(keyOf(cid))
    }
    if (roots === null) throw malformed('it is empty')
    const manifests: Manifest[] = []
    for (const root of roots)
      manifests.push(
        await library.complete(root).catch((error: unknown) => {
          throw error instanceof VillageError && error.code === 'ARTIFACT_MISSING'
            ? malformed('it does not hold all blocks of its roots', error)
            : error
        }),
      )
    const infos: ArtifactInfo[] = []
    for (const manifest of manifests)
      infos.push(await library.record(manifest, options.pin === undefined ? {} : { pin: options.pin }))
    const needed = new Set(
      manifests.flatMap(({ nodes, leaves }) => [...nodes, ...leaves].map(({ key }) => key)),
    )
    return { infos, needed }
  })
  await library.discard(stored.filter((key) => !needed.has(key)))
  return infos
}
