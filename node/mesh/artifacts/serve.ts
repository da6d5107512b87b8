/** The providing side of /village/artifacts/1.0.0: answers requests for what this node holds and may give. */
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { FramedStream } from '../framed-stream.ts'
import type { StreamContext } from '../mesh.ts'
import {
  Bitmap,
  Chunk,
  MAX_BITMAP_BYTES,
  MAX_NAME_BYTES,
  MAX_REQUEST_LEAVES,
  Opened,
  Request,
  RequestKind,
} from '../protocols/artifacts.ts'
import type { Infer } from '../protocols/message.ts'
import { type ServeSpan, serveSpan } from './artifact-spans.ts'
import type { BlockStore } from './blocks.ts'
import { type BlockKey, decodeCid, keyOf, keyOfDigest } from './cids.ts'
import type { Library } from './library.ts'
import type { Manifest } from './manifest.ts'
import { isHidden, type Records } from './records.ts'
import type { UploadLimit } from './upload-limit.ts'

export interface ServeComponents {
  blocks: BlockStore
  library: Library
  records: Pick<Records, 'get'>
  log: Log
  uploadLimit: UploadLimit
  /** Whether guests may read a root. */
  published(cid: string): boolean
  /** Whether members may read a private root; they may read every other. */
  open(cid: string): boolean
  onSent(sizeBytes: number): void
}

/** A requester that asks for nothing this long loses its stream. */
const IDLE_MS = 60_000
const MAX_STREAMS = 48

interface Session {
  root: string
  manifest: Manifest
  nodes: ReadonlySet<BlockKey>
  span: ServeSpan
}

export function createServer(components: ServeComponents) {
  const { blocks, library } = components
  let streams = 0

  /** Only what has a record: by the CID of a block one could read a part of what is private. */
  function mayRead(cid: string, { role }: StreamContext): boolean {
    const info = components.records.get(cid)
    if (info === undefined) return false
    if (role === 'guest') return components.published(cid)
    return !isHidden(info) || components.open(cid)
  }

  async function openRoot(
    { root, trace }: Infer<typeof Request>,
    context: StreamContext,
  ): Promise<Session | null> {
    const cid = decodeCid(root)
    const text = cid.toString()
    if (!mayRead(text, context)) return null
    // No hold: a peer that reads must not keep this node from freeing space. It is told what is missing by then.
    try {
      const manifest = await library.manifest(cid)
      // A root that is a leaf has a manifest whether it is here or not.
      if (!blocks.has(keyOf(cid))) return null
      const span = serveSpan({ cid: text, peer: context.peer, role: context.role, context: trace })
      return { root: text, manifest, nodes: new Set(manifest.nodes.map((node) => node.key)), span }
    } catch (error) {
      if (!(error instanceof VillageError)) throw error
      components.log.debug({ err: error, cid: text }, 'artifact asked for cannot be served')
      return null
    }
  }

  function nameFor(manifest: Manifest): string {
    const name = components.records.get(manifest.root.toString())?.name ?? ''
    return Buffer.byteLength(name) <= MAX_NAME_BYTES ? name : ''
  }

  async function sendBlock(
    stream: FramedStream,
    index: number,
    bytes: Uint8Array | null,
    session: Session | null,
    signal: AbortSignal,
  ): Promise<void> {
    if (bytes === null) {
      await stream.send(Chunk, { index, sizeBytes: 0, data: new Uint8Array(0), missing: true }, { signal })
      return
    }
    const { chunkBytes } = components.uploadLimit
    for (let offset = 0; offset === 0 || offset < bytes.byteLength; offset += chunkBytes) {
      const data = bytes.subarray(offset, offset + chunkBytes)
      await components.uploadLimit.take(data.byteLength, signal)
      await stream.send(Chunk, { index, sizeBytes: bytes.byteLength, data, missing: false }, { signal })
      components.onSent(data.byteLength)
      session?.span.sent(data.byteLength)
    }
  }

  /** A block that is not here, or that has just proved to be damaged, is null: the requester takes it from another. */
  async function readBlock(key: BlockKey | undefined): Promise<Uint8Array | null> {
    if (key === undefined || !blocks.has(key)) return null
    try {
      return await blocks.get(key)
    } catch (error) {
      components.log.warn({ err: error, block: key }, 'block cannot be served')
      return null
    }
  }

  /** Sends the blocks in order, reading the next while one is on its way. */
  async function sendAll(
    stream: FramedStream,
    wanted: readonly { index: number; key: BlockKey | undefined }[],
    session: Session | null,
    signal: AbortSignal,
  ): Promise<void> {
    let ahead = readBlock(wanted[0]?.key)
    for (const [position, { index }] of wanted.entries()) {
      const bytes = await ahead
      const next = wanted[position + 1]
      ahead = next === undefined ? Promise.resolve(null) : readBlock(next.key)
      await sendBlock(stream, index, bytes, session, signal)
    }
  }

  function bitmapOf(manifest: Manifest): Uint8Array {
    const bits = new Uint8Array(Math.min(MAX_BITMAP_BYTES, Math.ceil(manifest.leaves.length / 8)))
    manifest.leaves.forEach((leaf, index) => {
      const byte = index >> 3
      if (byte < bits.length && blocks.has(leaf.key)) bits[byte]! |= 1 << (index & 7)
    })
    return bits
  }

  async function answer(
    stream: FramedStream,
    request: Infer<typeof Request>,
    session: Session | null,
    signal: AbortSignal,
  ): Promise<void> {
    switch (request.kind) {
      case RequestKind.bitmap:
        await stream.send(
          Bitmap,
          { bits: session === null ? new Uint8Array(0) : bitmapOf(session.manifest) },
          { signal },
        )
        return
      case RequestKind.nodes: {
        const wanted = request.digests.map((digest, index) => {
          const key = keyOfDigest(digest)
          return { index, key: session?.nodes.has(key) === true ? key : undefined }
        })
        await sendAll(stream, wanted, session, signal)
        return
      }
      case RequestKind.leaves: {
        if (request.count > MAX_REQUEST_LEAVES)
          throw new VillageError('PROTOCOL_MALFORMED', `A request names over ${MAX_REQUEST_LEAVES} leaves`)
        const wanted = Array.from({ length: request.count }, (_, offset) => {
          const index = request.start + offset
          return { index, key: session?.manifest.leaves[index]?.key }
        })
        await sendAll(stream, wanted, session, signal)
        return
      }
      default:
        throw new VillageError('PROTOCOL_MALFORMED', 'A request is of an unknown kind')
    }
  }

  function closed(session: Session | null): null {
    session?.span.end()
    return null
  }

  /** Handles one stream to its end. */
  return async function serve(stream: FramedStream, context: StreamContext): Promise<void> {
    const { signal } = context
    let session: Session | null = null
    streams += 1
    try {
      for (;;) {
        const request = await stream.receive(Request, { signal, timeoutMs: IDLE_MS })
        if (request === null) break
        if (request.kind !== RequestKind.open) {
          // It may have been lent for a task that is over.
          if (session !== null && !mayRead(session.root, context)) session = closed(session)
          await answer(stream, request, session, signal)
          continue
        }
        session = closed(session)
        const busy = streams > MAX_STREAMS
        if (!busy) session = await openRoot(request, context)
        await stream.send(
          Opened,
          {
            code: busy ? 'PEER_BUSY' : session === null ? 'ARTIFACT_MISSING' : '',
            complete: session !== null && library.holdsAll(session.manifest),
            name: session === null ? '' : nameFor(session.manifest),
          },
          { signal },
        )
      }
      await stream.close()
    } finally {
      closed(session)
      streams -= 1
    }
  }
}
