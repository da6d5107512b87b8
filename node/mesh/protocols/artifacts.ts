/**
 * The exchange of artifacts, specified in docs/protocols/artifacts.md. A stream is about one root at a time: the requester
 * sends requests, beginning with `open`, and the provider answers each in order. Leaves are numbered as in manifest.ts.
 * A request asks for at most MAX_REQUEST_LEAVES leaves; what a requester has asked for and not yet received is all that a
 * provider may send, which bounds the memory of both sides.
 */
import { bool, bytes, list, message, string, uint32 } from './message.ts'
import type { ProtocolSpec } from './spec.ts'

export const MAX_REQUEST_NODES = 64
export const MAX_REQUEST_LEAVES = 64
/** Content bytes in one Chunk: small enough that other streams get their turn, large enough to cost little. */
export const CHUNK_BYTES = 256 * 1024
/** A provider whose upload is limited sends smaller chunks, so that each comes in time. */
export const MIN_CHUNK_BYTES = 16 * 1024
/** A bitmap of this many bytes covers 2,097,152 leaves: 2 TiB in leaves of 1 MiB. */
export const MAX_BITMAP_BYTES = 256 * 1024

/** As long as a file name may be. */
export const MAX_NAME_BYTES = 255

export const ARTIFACTS_PROTOCOL: ProtocolSpec = {
  id: '/village/artifacts/1.0.0',
  access: 'guest',
  maxFrameBytes: CHUNK_BYTES + 1024,
  frameTimeoutMs: 20_000,
  maxStreamsByPeer: 16,
  streamsByMinute: 1200,
}

/** Frames of the requester. `kind` says which of the other fields count. */
export const RequestKind = { open: 0, nodes: 1, bitmap: 2, leaves: 3 } as const
export const Request = message('Request', {
  kind: [1, uint32()],
  /** open: the root CID in binary form. It may be repeated on one stream, for another root. */
  root: [2, bytes(64)],
  /** nodes: sha2-256 digests of dag-pb nodes of the root. */
  digests: [3, list(bytes(32), MAX_REQUEST_NODES)],
  /** leaves: `count` of them from number `start` on. */
  start: [4, uint32()],
  count: [5, uint32()],
  /** open: what the fetch is traced as (node/tracing.ts TRACE_CONTEXT_BYTES), or empty. */
  trace: [6, bytes(25)],
})

/** Answers open. */
export const Opened = message('Opened', {
  /** '' or a row of the error table: ARTIFACT_MISSING, PEER_BUSY. */
  code: [1, string(64)],
  /** Every block is there: no need to ask which. */
  complete: [2, bool()],
  /** What the provider calls the artifact, or '': a hint that nothing proves, and that decides nothing. */
  name: [3, string(MAX_NAME_BYTES)],
})

/** Answers bitmap: bit n % 8 of byte floor(n / 8), lowest bit first, says that leaf n is there. */
export const Bitmap = message('Bitmap', { bits: [1, bytes(MAX_BITMAP_BYTES)] })

/** Answers nodes and leaves: each block in the order asked for, cut into chunks of MIN_CHUNK_BYTES or more but for its last. */
export const Chunk = message('Chunk', {
  /** Number of the leaf, or position in `digests`. */
  index: [1, uint32()],
  /** Size of the whole block. */
  sizeBytes: [2, uint32()],
  data: [3, bytes(CHUNK_BYTES)],
  /** The provider does not have this block; it is the only chunk. */
  missing: [4, bool()],
})
