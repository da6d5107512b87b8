/**
 * `/village/federate/1.0.0`: the server of a federation asks a member to take part, and to train in a round
 * (docs/protocols/federate.md). The server opens every stream; its first frame is an `offer` or a `task`. Large vectors follow
 * in `chunk` frames, of the length and hash that the frame before has named.
 */
import {
  bool,
  bytes,
  double,
  type Infer,
  message,
  nested,
  optional,
  string,
  uint32,
  uint64,
} from './message.ts'
import type { ProtocolSpec } from './spec.ts'

export const FEDERATE_CHUNK_BYTES = 256 * 1024

export const FEDERATE_PROTOCOL: ProtocolSpec = {
  id: '/village/federate/1.0.0',
  access: 'member',
  maxFrameBytes: FEDERATE_CHUNK_BYTES + 1024,
  frameTimeoutMs: 20_000,
  maxStreamsByPeer: 4,
  streamsByMinute: 240,
}

export const MAX_TERMS_BYTES = 32 * 1024
/** What the server signs: the domain, a zero byte, and the terms. */
export const TERMS_DOMAIN = 'village/federation/1'
/** A client that trains says so at least this often. */
export const FEDERATE_BEAT_MS = 5_000

const CODE_BYTES = 64

/** `terms` are canonical JSON: the hash of them is the federation. */
const Offer = message('Offer', {
  terms: [1, bytes(MAX_TERMS_BYTES)],
  signature: [2, bytes(64)],
})

const Task = message('Task', {
  /** The first 16 bytes of SHA-256 of the terms. */
  federation: [1, bytes(16)],
  round: [2, uint32()],
  /** The last round of which the server has used an update of this client. */
  counted: [3, optional(uint32())],
  /** Of the vector of parameters; 4 bytes each. */
  elements: [4, uint64()],
  /** SHA-256 over names and shapes of the parameters. */
  layout: [5, bytes(32)],
  /** SHA-256 of the vectors that follow when the client wants them: parameters, then the control variate if there is one. */
  vectors: [6, bytes(32)],
  hasControl: [7, bool()],
})

const Chunk = message('Chunk', { data: [1, bytes(FEDERATE_CHUNK_BYTES)] })

/** Ends the exchange; an empty code: the update was taken. */
const Settled = message('Settled', { code: [1, string(CODE_BYTES)] })

/** A stage of secure aggregation (docs/federated.md); its bytes follow in chunks. */
const Secure = message('Secure', { stage: [1, string(16)], sizeBytes: [2, uint64()] })

/** One field a frame. */
export const ServerFrame = message('ServerFrame', {
  offer: [1, optional(nested(Offer, MAX_TERMS_BYTES + 128))],
  task: [2, optional(nested(Task, 512))],
  chunk: [3, optional(nested(Chunk, FEDERATE_CHUNK_BYTES + 16))],
  settled: [4, optional(nested(Settled, 128))],
  secure: [5, optional(nested(Secure, 64))],
})
export type ServerFrame = Infer<typeof ServerFrame>

/** Answers an offer, and a task at once: an empty code is a yes. */
const Answer = message('Answer', {
  code: [1, string(CODE_BYTES)],
  cores: [2, uint32()],
  /** Of a task: false when the client has the update already, so that the vectors need not be sent. */
  wantsVectors: [3, bool()],
})

const Progress = message('Progress', { share: [1, double()] })

/** The bytes of the update follow in chunks, then those of the control variate. */
const Update = message('Update', {
  updateBytes: [1, uint64()],
  controlBytes: [2, uint64()],
  /** SHA-256 over all of them. */
  hash: [3, bytes(32)],
  tokens: [4, uint64()],
  loss: [5, double()],
  busyMs: [6, uint64()],
})

const Failure = message('Failure', { code: [1, string(CODE_BYTES)] })

/** One field a frame. */
export const ClientFrame = message('ClientFrame', {
  answer: [1, optional(nested(Answer, 128))],
  progress: [2, optional(nested(Progress, 16))],
  update: [3, optional(nested(Update, 128))],
  chunk: [4, optional(nested(Chunk, FEDERATE_CHUNK_BYTES + 16))],
  failure: [5, optional(nested(Failure, 128))],
  secure: [6, optional(nested(Secure, 64))],
})
export type ClientFrame = Infer<typeof ClientFrame>
