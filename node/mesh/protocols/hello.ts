/**
 * `/village/secure/1.0.0`: Noise XX, then the hello inside it, before a muxer exists (docs/protocols/transport.md).
 * Dialer: Hello. Listener: Welcome. Dialer: Verdict. A code that is not empty is a refusal, and the connection closes.
 */
import { bytes, type Infer, list, message, string, uint32, uint64 } from './message.ts'
import { MAX_JOIN_BYTES, MAX_RECORD_BYTES } from './records.ts'
import type { ProtocolSpec } from './spec.ts'

/** Not a stream of a connection but its beginning: the counts are connections, by address of the dialling machine. */
export const SECURE_PROTOCOL: ProtocolSpec = {
  id: '/village/secure/1.0.0',
  access: 'anyone',
  maxFrameBytes: 128 * 1024,
  /** For the whole exchange, after Noise. */
  frameTimeoutMs: 15_000,
  maxStreamsByPeer: 100,
  streamsByMinute: 6_000,
}
export const HELLO_VERSION = 1
const MAX_HELLO_RECORDS = 65
const MAX_CODE_BYTES = 64

export const Hello = message('Hello', {
  version: [1, uint32()],
  village: [2, bytes(32)],
  timeMs: [3, uint64()],
  /** Records that make the dialer a member to somebody who knows only the founding key. */
  records: [4, list(bytes(MAX_RECORD_BYTES), MAX_HELLO_RECORDS)],
  /** A JoinRequest of one who is not a member yet; else absent. */
  join: [5, bytes(MAX_JOIN_BYTES)],
  /** Digest of the dialer's roster. */
  digest: [6, bytes(32)],
})
export type Hello = Infer<typeof Hello>

export const Welcome = message('Welcome', {
  /** Empty, or a code of docs/errors.md. */
  code: [1, string(MAX_CODE_BYTES)],
  /** Proof of the listener, and of the joiner; with MEMBER_REVOKED the revocation and the proof of its author. */
  records: [2, list(bytes(MAX_RECORD_BYTES), 2 * MAX_HELLO_RECORDS)],
  digest: [3, bytes(32)],
})
export type Welcome = Infer<typeof Welcome>

export const Verdict = message('Verdict', {
  code: [1, string(MAX_CODE_BYTES)],
  /** With MEMBER_REVOKED: the revocation of the listener and the proof of its author. */
  records: [2, list(bytes(MAX_RECORD_BYTES), MAX_HELLO_RECORDS)],
})
export type Verdict = Infer<typeof Verdict>
