/** The requesting side of one stream of /village/artifacts/1.0.0: asks one provider about one root at a time. */
import type { CID } from 'multiformats/cid'
import { VillageError } from '../../errors.ts'
import type { FramedStream } from '../framed-stream.ts'
import type { Mesh } from '../mesh.ts'
import {
  ARTIFACTS_PROTOCOL,
  Bitmap,
  Chunk,
  MIN_CHUNK_BYTES,
  Opened,
  Request,
  RequestKind,
} from '../protocols/artifacts.ts'
import { MAX_BLOCK_BYTES } from './blocks.ts'
import type { Have, Range } from './schedule.ts'

export interface PeerSession {
  readonly peer: string
  /** Whether the provider said that it has every block. */
  readonly complete: boolean
  /** What the provider calls the artifact, unchecked; '' when it does not say. */
  readonly name: string
  /** Blocks of nodes, unverified, in the order of `digests`; null where the provider has none. At most MAX_REQUEST_NODES. */
  nodes(digests: readonly Uint8Array[]): Promise<(Uint8Array | null)[]>
  /** Which leaves the provider has now. */
  have(): Promise<Have>
  /** Asks for leaves; next() delivers them in order. */
  request(range: Range): Promise<void>
  /** The next leaf asked for, unverified, in pieces as they came; null when the provider has it no longer. */
  next(): Promise<{ index: number; parts: Uint8Array[] | null }>
  /** Leaves asked for and not delivered yet. */
  readonly outstanding: number
  /** An answer is due. */
  readonly busy: boolean
  abort(error: Error): void
  /** The stream, to be used for another root, once nothing is outstanding. */
  readonly stream: FramedStream
}

const NOTHING = new Uint8Array(0)
const EMPTY = { root: NOTHING, digests: [] as Uint8Array[], start: 0, count: 0, trace: NOTHING }

function malformed(reason: string): VillageError {
  return new VillageError('PROTOCOL_MALFORMED', `A provider broke the artifact protocol: ${reason}`)
}

/**
 * Opens `root` at a provider, on `idle` when a stream to it is at hand. Throws the provider's refusal (ARTIFACT_MISSING, PEER_BUSY), or
 * what goes wrong on the way. `stallTimeoutMs` is the longest wait for a chunk.
 */
export async function openSession(
  components: { mesh: Pick<Mesh, 'open'>; onReceived(sizeBytes: number): void },
  init: {
    peer: string
    root: CID
    idle: FramedStream | undefined
    stallTimeoutMs: number
    /** Context of a span, or empty. */
    trace: Uint8Array
    signal: AbortSignal
  },
): Promise<PeerSession> {
  const { peer, signal } = init
  const stream = init.idle ?? (await components.mesh.open(peer, ARTIFACTS_PROTOCOL, { signal }))
  const options = { signal, timeoutMs: init.stallTimeoutMs }
  /** Leaves asked for, in order. */
  const expected: number[] = []

  async function receiveBlock(index: number): Promise<Uint8Array[] | null> {
    const parts: Uint8Array[] = []
    let sizeBytes = -1
    let rest = 0
    do {
      const chunk = await stream.expect(Chunk, options)
      if (chunk.index !== index) throw malformed('a block was not asked for')
      if (chunk.missing) {
        if (parts.length > 0) throw malformed('a block went missing half-way')
        return null
      }
      if (parts.length === 0) {
        if (chunk.sizeBytes > MAX_BLOCK_BYTES) throw malformed('a block is over 2 MiB')
        sizeBytes = chunk.sizeBytes
        rest = sizeBytes
      } else if (chunk.sizeBytes !== sizeBytes) throw malformed('a block changed its size')
      const { byteLength } = chunk.data
      if (byteLength > rest || byteLength < Math.min(rest, MIN_CHUNK_BYTES))
        throw malformed('a chunk has the wrong size')
      parts.push(chunk.data)
      rest -= byteLength
      components.onReceived(byteLength)
    } while (rest > 0)
    return parts
  }

  let answersDue = 0
  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    answersDue += 1
    try {
      return await work()
    } catch (error) {
      stream.abort(error as Error)
      throw error
    } finally {
      answersDue -= 1
    }
  }

  return guarded(async () => {
    const { root, trace } = init
    await stream.send(Request, { ...EMPTY, kind: RequestKind.open, root: root.bytes, trace }, { signal })
    const opened = await stream.expect(Opened, options)
    if (opened.code !== '')
      throw new VillageError(
        opened.code === 'PEER_BUSY' ? 'PEER_BUSY' : 'ARTIFACT_MISSING',
        `${peer} does not serve the artifact`,
      )
    const session: PeerSession = {
      peer,
      stream,
      complete: opened.complete,
      name: opened.name,
      nodes: (digests) =>
        guarded(async () => {
          await stream.send(Request, { ...EMPTY, kind: RequestKind.nodes, digests: [...digests] }, { signal })
          const blocks: (Uint8Array | null)[] = []
          for (let index = 0; index < digests.length; index++) {
            const parts = await receiveBlock(index)
            blocks.push(parts === null ? null : Buffer.concat(parts))
          }
          return blocks
        }),
      have: () =>
        guarded(async () => {
          await stream.send(Request, { ...EMPTY, kind: RequestKind.bitmap }, { signal })
          const { bits } = await stream.expect(Bitmap, options)
          return { has: (index) => ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0 }
        }),
      request: (range) =>
        guarded(async () => {
          for (let offset = 0; offset < range.count; offset++) expected.push(range.start + offset)
          await stream.send(Request, { ...EMPTY, kind: RequestKind.leaves, ...range }, { signal })
        }),
      next: () =>
        guarded(async () => {
          const index = expected[0]
          if (index === undefined) throw new VillageError('INTERNAL', 'No leaf was asked for')
          const parts = await receiveBlock(index)
          expected.shift()
          return { index, parts }
        }),
      get outstanding() {
        return expected.length
      },
      get busy() {
        return expected.length > 0 || answersDue > 0
      },
      abort: (error) => stream.abort(error),
    }
    return session
  })
}
