/**
 * Makes an artifact local: manifest first, then its leaves from several providers at once. Every block is hashed before it is
 * stored, so a fetch that is cut off, also by SIGKILL, leaves verified blocks only, and the next one fetches what is missing.
 */
import type { CID } from 'multiformats/cid'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { MAX_REQUEST_NODES } from '../protocols/artifacts.ts'
import { verifySpan } from './artifact-spans.ts'
import type { BlockStore } from './blocks.ts'
import { type BlockKey, digestOf, keyOf, keyOfDigest } from './cids.ts'
import { fetchLeaves } from './fetch-leaves.ts'
import type { Hold } from './holds.ts'
import type { Library } from './library.ts'
import { type Manifest, type ManifestSource, readManifest } from './manifest.ts'
import type { PeerSession } from './peer-session.ts'
import type { IdleStreams, Providers } from './providers.ts'

export interface FetchComponents {
  blocks: BlockStore
  library: Library
  idle: IdleStreams
  log: Log
  /** A peer has proved to lie (ARTIFACT_CORRUPT) or to break the protocol. */
  onMisbehaviour(peer: string, code: string): void
}

export interface FetchInit {
  root: CID
  providers: Providers
  hold: Hold
  maxBytes: number
  /** Whether what is here has to prove its hash first: after a cut-off fetch a power failure may have torn blocks. */
  recheck: boolean
  /** How long a provider that has only a part is asked again for more while nothing new comes from anyone. */
  starvedTimeoutMs: number
  signal: AbortSignal
  /** A block came that was not here before. */
  onStored(key: BlockKey): Promise<void>
  onProgress(doneBytes: number, totalBytes: number): void
}

const LOST = new Set(['PEER_DISCONNECTED', 'PROTOCOL_UNEXPECTED_END'])
const MISBEHAVIOUR = new Set(['ARTIFACT_CORRUPT', 'PROTOCOL_MALFORMED', 'PROTOCOL_FRAME_TOO_LARGE'])

export const unavailable = (root: CID) =>
  new VillageError('ARTIFACT_UNAVAILABLE', `No reachable peer provides all of ${root}`, {
    fields: { cid: root.toString() },
  })

/** Failures that no other provider can mend. */
export function isFinal(error: unknown): boolean {
  const { code } = toVillageError(error)
  return ['ARTIFACT_INVALID_MANIFEST', 'ARTIFACT_TOO_LARGE', 'DISK_FULL', 'DATA_DIR_READ_ONLY'].includes(code)
}

/** Throws ARTIFACT_UNAVAILABLE, ARTIFACT_INVALID_MANIFEST, ARTIFACT_TOO_LARGE, DISK_FULL, and the reason of the signal. */
export async function fetchArtifact(components: FetchComponents, init: FetchInit): Promise<Manifest> {
  const { blocks, library, log } = components
  const { root, signal, hold } = init
  /** Open sessions that nobody uses at the moment. */
  const free: PeerSession[] = []

  function drop(session: PeerSession, error: unknown): void {
    session.abort(error as Error)
    const { code } = toVillageError(error)
    log.debug({ err: error, peer: session.peer, cid: root.toString() }, 'provider dropped')
    if (signal.aborted) return
    if (MISBEHAVIOUR.has(code)) components.onMisbehaviour(session.peer, code)
    if (LOST.has(code)) init.providers.retry(session.peer)
  }

  async function store(key: BlockKey, parts: readonly Uint8Array[]): Promise<void> {
    if (keyOfDigest(digestOf(...parts)) !== key)
      throw new VillageError('ARTIFACT_CORRUPT', 'A provider sent bytes that do not match their hash')
    hold.block(key)
    if (await blocks.putVerified(key, parts, { durable: false })) await init.onStored(key)
  }

  /** Fetches nodes that are not here, from whichever provider has them. */
  async function fetchNodes(cids: readonly CID[]): Promise<void> {
    for (const cid of cids) hold.block(keyOf(cid))
    let missing = [...new Map(cids.map((cid) => [keyOf(cid), cid]))].filter(([key]) => !blocks.has(key))
    while (missing.length > 0) {
      const session = free.shift() ?? (await init.providers.next())
      if (session === null) throw unavailable(root)
      try {
        const batch = missing.slice(0, MAX_REQUEST_NODES)
        const received = await session.nodes(batch.map(([, cid]) => cid.multihash.digest))
        for (const [index, bytes] of received.entries())
          if (bytes !== null) await store(batch[index]![0], [bytes])
        // A provider without some of the nodes is of no use here; one that has them is used again.
        if (received.every((bytes) => bytes !== null)) free.unshift(session)
        else components.idle.keep(session.stream)
      } catch (error) {
        drop(session, error)
        if (isFinal(error) || signal.aborted) throw error
      }
      missing = missing.filter(([key]) => !blocks.has(key))
    }
  }

  /** A block that has gone bad is removed by the store, and missing from then on. */
  async function getSound(key: BlockKey): Promise<Uint8Array | null> {
    try {
      return await blocks.get(key)
    } catch (error) {
      const { code } = toVillageError(error)
      if (code === 'ARTIFACT_CORRUPT' || code === 'ARTIFACT_MISSING') return null
      throw error
    }
  }

  const source: ManifestSource = {
    ensure: fetchNodes,
    get: async (cid) => {
      await fetchNodes([cid])
      const bytes = await getSound(keyOf(cid))
      if (bytes !== null) return bytes
      await fetchNodes([cid])
      return blocks.get(keyOf(cid))
    },
    sizeOf: (key) => blocks.sizeOf(key),
  }

  try {
    const manifest = await readManifest(root, source, { maxContentBytes: init.maxBytes })
    for (const leaf of manifest.leaves) hold.block(leaf.key)
    if (init.recheck)
      await verifySpan(async () => {
        for (const leaf of manifest.leaves) {
          signal.throwIfAborted()
          if (blocks.has(leaf.key)) await getSound(leaf.key)
        }
      })
    const missingBytes = manifest.leaves.reduce(
      (sum, leaf) => sum + (blocks.has(leaf.key) ? 0 : (leaf.sizeBytes ?? 0)),
      0,
    )
    if (blocks.usage().sizeBytes + missingBytes > init.maxBytes)
      throw new VillageError('DISK_FULL', `The disk share has no room for ${missingBytes} bytes more`, {
        fields: { missingBytes, usedBytes: blocks.usage().sizeBytes, maxBytes: init.maxBytes },
      })
    await fetchLeaves({ blocks, manifest, missingBytes, free, store, drop }, init)
    // Sizes that only the leaves could tell are checked now that they are here.
    return await verifySpan(() => library.complete(root))
  } finally {
    for (const session of free) {
      if (!session.busy && !signal.aborted) components.idle.keep(session.stream)
      else session.abort(new VillageError('ABORTED'))
    }
    init.providers.close()
  }
}
