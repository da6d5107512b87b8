/**
 * `/village/roster/1.0.0`: two members make their rosters equal, sending only what the other lacks
 * (docs/protocols/roster.md). New records are announced by gossip on the topic `roster`.
 */
import { bool, bytes, type Infer, list, message, uint32 } from './message.ts'
import { MAX_RECORD_BYTES } from './records.ts'
import type { ProtocolSpec } from './spec.ts'

export const ROSTER_PROTOCOL: ProtocolSpec = {
  id: '/village/roster/1.0.0',
  access: 'guest',
  maxFrameBytes: 512 * 1024,
  frameTimeoutMs: 15_000,
  maxStreamsByPeer: 4,
  streamsByMinute: 60,
}

export const ROSTER_TOPIC = 'roster'
export const MAX_ANNOUNCEMENT_BYTES = 32 * 1024
/** Records of one RosterRecords frame: the sender stops at this or at RECORDS_FRAME_BYTES. */
export const RECORDS_BY_FRAME = 256
export const RECORDS_FRAME_BYTES = 256 * 1024

/** Opener → responder. */
export const RosterOffer = message('RosterOffer', {
  digest: [1, bytes(32)],
  /** 64 digests of 16 bytes; bucket n holds the hashes whose first six bits are n. */
  buckets: [2, list(bytes(16), 64)],
})

/** Responder → opener: equal, or the responder's hashes in the buckets that differ. */
export const RosterDifference = message('RosterDifference', {
  equal: [1, bool()],
  buckets: [2, list(uint32(), 64)],
  /** SHA-256 of each record. */
  hashes: [3, list(bytes(32), 10_000)],
})

/** Opener → responder: what it lacks. RosterRecords frames with what the responder lacks follow. */
export const RosterWant = message('RosterWant', {
  hashes: [1, list(bytes(32), 10_000)],
})

/** Either direction; the last frame has `more` false. */
export const RosterRecords = message('RosterRecords', {
  records: [1, list(bytes(MAX_RECORD_BYTES), RECORDS_BY_FRAME)],
  more: [2, bool()],
})

/** Gossip: new records, and the digest of the sender's roster with them in it. */
export const RosterAnnouncement = message('RosterAnnouncement', {
  records: [1, list(bytes(MAX_RECORD_BYTES), 16)],
  digest: [2, bytes(32)],
})
export type RosterAnnouncement = Infer<typeof RosterAnnouncement>
