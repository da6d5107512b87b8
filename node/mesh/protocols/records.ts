/**
 * The signed records of a village (docs/protocols/membership.md): what is signed, by whom, and every bound.
 * A signature covers its domain, a zero byte, and the encoding of the message without its last field.
 */
import {
  bool,
  bytes,
  type Infer,
  list,
  message,
  nested,
  optional,
  string,
  uint32,
  uint64,
} from './message.ts'

export const RECORD_VERSION = 1
export const DOMAINS = {
  charter: 'village/charter/1',
  capability: 'village/capability/1',
  proof: 'village/proof/1',
  membership: 'village/membership/1',
  revocation: 'village/revocation/1',
  departure: 'village/departure/1',
} as const

/** On the wire; 0 is no role. A lower rank may do more. */
export const ROLE_CODES = { admin: 1, member: 2, edge: 3, guest: 4 } as const

export const MAX_NAME_BYTES = 64
export const MAX_REASON_BYTES = 256
export const MAX_RECORD_BYTES = 20 * 1024
/** A village holds at most this many records. */
export const MAX_RECORDS = 10_000
export const MAX_KEPT_ACTS = 1_000
export const KEPT_ACT_BYTES = 16
/** What two honest clocks may differ by. */
export const CLOCK_SKEW_MS = 10 * 60_000

export const Charter = message('Charter', {
  version: [1, uint32()],
  /** Raw Ed25519 key of the founder; the village ID is its hash. */
  publicKey: [2, bytes(32)],
  name: [3, string(MAX_NAME_BYTES)],
  createdAtMs: [4, uint64()],
  open: [5, bool()],
  signature: [6, bytes(64)],
})
export type Charter = Infer<typeof Charter>

/** What an invite grants. Signed by its issuer: the founding key, or the peer key of an admin. */
export const Capability = message('Capability', {
  village: [1, bytes(32)],
  id: [2, bytes(16)],
  role: [3, uint32()],
  issuedAtMs: [4, uint64()],
  expiresAtMs: [5, uint64()],
  uses: [6, uint32()],
  /** Public half of the key that the invite carries. */
  inviteKey: [7, bytes(32)],
  issuer: [8, bytes(32)],
  signature: [9, bytes(64)],
})
export type Capability = Infer<typeof Capability>
export const MAX_CAPABILITY_BYTES = 320

/** What a joiner asks for; `proof` is made with the invite key over the rest, so the key itself never travels. */
export const JoinRequest = message('JoinRequest', {
  subject: [1, bytes(32)],
  name: [2, string(MAX_NAME_BYTES)],
  capability: [3, bytes(MAX_CAPABILITY_BYTES)],
  joinedAtMs: [4, uint64()],
  proof: [5, bytes(64)],
})
export type JoinRequest = Infer<typeof JoinRequest>
export const MAX_JOIN_BYTES = 640

/** A join request that a member has admitted and countersigned. */
export const Membership = message('Membership', {
  village: [1, bytes(32)],
  join: [2, bytes(MAX_JOIN_BYTES)],
  sponsor: [3, bytes(32)],
  sponsoredAtMs: [4, uint64()],
  signature: [5, bytes(64)],
})
export type Membership = Infer<typeof Membership>
const MAX_MEMBERSHIP_BYTES = 1024

/** Ends a member (`subject`) or an invite (`capability`) for good. */
export const Revocation = message('Revocation', {
  village: [1, bytes(32)],
  subject: [2, bytes(32)],
  capability: [3, bytes(16)],
  reason: [4, string(MAX_REASON_BYTES)],
  revokedAtMs: [5, uint64()],
  by: [6, bytes(32)],
  /**
   * The acts of the subject that stay valid: the first 16 bytes of the SHA-256 of each record that it sponsored, each
   * capability that it issued and each revocation that it made. Everything else by it is void, whatever its date says.
   */
  keeps: [7, list(bytes(KEPT_ACT_BYTES), MAX_KEPT_ACTS)],
  signature: [8, bytes(64)],
})
export type Revocation = Infer<typeof Revocation>

/** A member says that it leaves; it is signed by the subject, and voids nothing that the subject did. */
export const Departure = message('Departure', {
  village: [1, bytes(32)],
  subject: [2, bytes(32)],
  leftAtMs: [3, uint64()],
  signature: [4, bytes(64)],
})
export type Departure = Infer<typeof Departure>
const MAX_DEPARTURE_BYTES = 256

/** Exactly one of the three. */
export const RecordEnvelope = message('Record', {
  membership: [1, optional(nested(Membership, MAX_MEMBERSHIP_BYTES))],
  revocation: [2, optional(nested(Revocation, MAX_RECORD_BYTES))],
  departure: [3, optional(nested(Departure, MAX_DEPARTURE_BYTES))],
})
