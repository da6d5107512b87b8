/**
 * Making and checking the signed records of a village. Everything here is a pure function of its arguments: a record
 * that passes `parseRecord` has valid signatures and belongs to this village; whether it counts is the roster's matter.
 */
import { createHash, randomBytes } from 'node:crypto'
import { isErrorCode, VillageError } from '../../errors.ts'
import {
  Capability,
  Departure,
  DOMAINS,
  JoinRequest,
  KEPT_ACT_BYTES,
  MAX_RECORD_BYTES,
  Membership,
  RecordEnvelope,
  Revocation,
  ROLE_CODES,
} from '../protocols/records.ts'
import { isSigned, PUBLIC_KEY_BYTES, peerOf, type Signer } from './keys.ts'

export type Role = 'admin' | 'member' | 'edge' | 'guest'

const NOTHING = new Uint8Array(0)
const NO_RECORD = { membership: undefined, revocation: undefined, departure: undefined }
const CAPABILITY_ID_BYTES = 16
const MAX_USES = 10_000
export const ROLE_RANK: Record<Role, number> = ROLE_CODES

export function roleOf(code: number): Role | null {
  return (Object.keys(ROLE_CODES) as Role[]).find((role) => ROLE_CODES[role] === code) ?? null
}

export interface MembershipRecord {
  readonly kind: 'membership'
  readonly hash: string
  readonly bytes: Uint8Array
  /** Base58 peer IDs. */
  readonly subject: string
  readonly sponsor: string
  readonly name: string
  readonly role: Role
  readonly joinedAtMs: number
  readonly sponsoredAtMs: number
  readonly capability: CapabilityFacts
}

export interface RevocationRecord {
  readonly kind: 'revocation'
  readonly hash: string
  readonly bytes: Uint8Array
  /** A peer ID, or null when an invite is withdrawn. */
  readonly subject: string | null
  /** Hex ID of the withdrawn invite, or null. */
  readonly invite: string | null
  readonly by: string
  readonly reason: string
  readonly revokedAtMs: number
  readonly keeps: ReadonlySet<string>
}

export interface DepartureRecord {
  readonly kind: 'departure'
  readonly hash: string
  readonly bytes: Uint8Array
  readonly subject: string
  readonly leftAtMs: number
}

export type VillageRecord = MembershipRecord | RevocationRecord | DepartureRecord

export interface CapabilityFacts {
  readonly hash: string
  readonly id: string
  readonly role: Role
  readonly issuer: string
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  readonly uses: number
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
export const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
/** How a revocation names an act that it keeps: the first half of its hash. */
export const keptName = (hash: string) => hash.slice(0, KEPT_ACT_BYTES * 2)

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

function altered(reason: string): VillageError {
  return new VillageError('INVITE_ALTERED', `A record of the village is not valid: ${reason}`)
}

const unsignedCapability = (value: Capability) => Capability.encode({ ...value, signature: NOTHING })
const unsignedJoin = (value: JoinRequest) => JoinRequest.encode({ ...value, proof: NOTHING })
const unsignedMembership = (value: Membership) => Membership.encode({ ...value, signature: NOTHING })
const unsignedDeparture = (value: Departure) => Departure.encode({ ...value, signature: NOTHING })
const unsignedRevocation = (value: Revocation) => Revocation.encode({ ...value, signature: NOTHING })

export function createCapability(
  issuer: Signer,
  init: {
    village: Uint8Array
    role: Role
    issuedAtMs: number
    expiresAtMs: number
    uses: number
    inviteKey: Uint8Array
  },
): Uint8Array {
  const unsigned: Capability = {
    ...init,
    id: randomBytes(CAPABILITY_ID_BYTES),
    role: ROLE_CODES[init.role],
    issuer: issuer.publicKey,
    signature: NOTHING,
  }
  return Capability.encode({
    ...unsigned,
    signature: issuer.sign(DOMAINS.capability, unsignedCapability(unsigned)),
  })
}

/** Decodes a capability and checks its form and signature; throws INVITE_ALTERED or INVITE_OTHER_VILLAGE. */
export function parseCapability(
  bytes: Uint8Array,
  village: Uint8Array,
): { facts: CapabilityFacts; inviteKey: Uint8Array } {
  const value = decodeCanonical(Capability, bytes)
  if (!same(value.village, village)) throw new VillageError('INVITE_OTHER_VILLAGE')
  const role = roleOf(value.role)
  if (role === null || role === 'guest' || value.id.byteLength !== CAPABILITY_ID_BYTES)
    throw altered('the capability has no known role or ID')
  if (value.uses < 1 || value.uses > MAX_USES)
    throw altered('the capability has an impossible number of uses')
  if (!isSigned(value.issuer, DOMAINS.capability, unsignedCapability(value), value.signature))
    throw altered('the capability is not signed by its issuer')
  const { issuedAtMs, expiresAtMs, uses } = value
  return {
    facts: {
      hash: hashOf(bytes),
      id: hex(value.id),
      role,
      issuer: peerOf(value.issuer),
      issuedAtMs,
      expiresAtMs,
      uses,
    },
    inviteKey: value.inviteKey,
  }
}

export function createJoinRequest(
  invite: Signer,
  init: { subject: Uint8Array; name: string; capability: Uint8Array; joinedAtMs: number },
): Uint8Array {
  const unsigned: JoinRequest = { ...init, proof: NOTHING }
  return JoinRequest.encode({ ...unsigned, proof: invite.sign(DOMAINS.proof, unsignedJoin(unsigned)) })
}

export interface JoinFacts {
  readonly subject: string
  readonly name: string
  readonly joinedAtMs: number
  readonly capability: CapabilityFacts
}

/** Checks a join request: the capability is well signed and its invite key signed for exactly this subject. */
export function parseJoinRequest(bytes: Uint8Array, village: Uint8Array): JoinFacts {
  const value = decodeCanonical(JoinRequest, bytes)
  const { facts: capability, inviteKey } = parseCapability(value.capability, village)
  if (value.subject.byteLength !== PUBLIC_KEY_BYTES) throw altered('the joiner has no key')
  if (!isSigned(inviteKey, DOMAINS.proof, unsignedJoin(value), value.proof))
    throw altered('the join request is not signed with the key of its invite')
  return { subject: peerOf(value.subject), name: value.name, joinedAtMs: value.joinedAtMs, capability }
}

export function createMembership(
  sponsor: Signer,
  init: { village: Uint8Array; join: Uint8Array; sponsoredAtMs: number },
): Uint8Array {
  const unsigned: Membership = { ...init, sponsor: sponsor.publicKey, signature: NOTHING }
  const membership = {
    ...unsigned,
    signature: sponsor.sign(DOMAINS.membership, unsignedMembership(unsigned)),
  }
  return RecordEnvelope.encode({ ...NO_RECORD, membership })
}

export function createRevocation(
  by: Signer,
  init: {
    village: Uint8Array
    subject?: Uint8Array
    invite?: string
    reason: string
    revokedAtMs: number
    keeps: readonly string[]
  },
): Uint8Array {
  const unsigned: Revocation = {
    village: init.village,
    subject: init.subject ?? NOTHING,
    capability: init.invite === undefined ? NOTHING : Buffer.from(init.invite, 'hex'),
    reason: init.reason,
    revokedAtMs: init.revokedAtMs,
    by: by.publicKey,
    keeps: init.keeps.map((hash) => Buffer.from(keptName(hash), 'hex')),
    signature: NOTHING,
  }
  const revocation = { ...unsigned, signature: by.sign(DOMAINS.revocation, unsignedRevocation(unsigned)) }
  return RecordEnvelope.encode({ ...NO_RECORD, revocation })
}

export function createDeparture(
  subject: Signer,
  init: { village: Uint8Array; leftAtMs: number },
): Uint8Array {
  const unsigned: Departure = { ...init, subject: subject.publicKey, signature: NOTHING }
  const signature = subject.sign(DOMAINS.departure, unsignedDeparture(unsigned))
  return RecordEnvelope.encode({ ...NO_RECORD, departure: { ...unsigned, signature } })
}

/**
 * Decodes a record and checks its form, its village and every signature in it.
 * Throws INVITE_ALTERED, INVITE_OTHER_VILLAGE or PROTOCOL_MALFORMED.
 */
export function parseRecord(bytes: Uint8Array, village: Uint8Array): VillageRecord {
  if (bytes.byteLength > MAX_RECORD_BYTES)
    throw new VillageError('PROTOCOL_MALFORMED', 'A record of the village is too large', {
      fields: { sizeBytes: bytes.byteLength },
    })
  const { membership, revocation, departure } = decodeCanonical(RecordEnvelope, bytes)
  const parts = [membership, revocation, departure].filter((part) => part !== undefined)
  if (parts.length !== 1) throw altered('it is not one membership, revocation or departure')
  // A copy: what came from the network is a view of a much larger buffer.
  const common = { hash: hashOf(bytes), bytes: Uint8Array.from(bytes) }
  if (membership !== undefined) {
    if (!same(membership.village, village)) throw new VillageError('INVITE_OTHER_VILLAGE')
    if (
      !isSigned(membership.sponsor, DOMAINS.membership, unsignedMembership(membership), membership.signature)
    )
      throw altered('the membership is not signed by its sponsor')
    const join = parseJoinRequest(membership.join, village)
    return {
      kind: 'membership',
      ...common,
      ...join,
      role: join.capability.role,
      sponsor: peerOf(membership.sponsor),
      sponsoredAtMs: membership.sponsoredAtMs,
    }
  }
  if (revocation !== undefined) {
    if (!same(revocation.village, village)) throw new VillageError('INVITE_OTHER_VILLAGE')
    const ofPeer =
      revocation.subject.byteLength === PUBLIC_KEY_BYTES && revocation.capability.byteLength === 0
    const ofInvite =
      revocation.subject.byteLength === 0 && revocation.capability.byteLength === CAPABILITY_ID_BYTES
    if (!ofPeer && !ofInvite) throw altered('the revocation names neither one peer nor one invite')
    if (!isSigned(revocation.by, DOMAINS.revocation, unsignedRevocation(revocation), revocation.signature))
      throw altered('the revocation is not signed by its author')
    return {
      kind: 'revocation',
      ...common,
      subject: ofPeer ? peerOf(revocation.subject) : null,
      invite: ofInvite ? hex(revocation.capability) : null,
      by: peerOf(revocation.by),
      reason: revocation.reason,
      revokedAtMs: revocation.revokedAtMs,
      keeps: new Set(revocation.keeps.map(hex)),
    }
  }
  const left = departure!
  if (!same(left.village, village)) throw new VillageError('INVITE_OTHER_VILLAGE')
  if (left.subject.byteLength !== PUBLIC_KEY_BYTES) throw altered('the departure names no peer')
  if (!isSigned(left.subject, DOMAINS.departure, unsignedDeparture(left), left.signature))
    throw altered('the departure is not signed by its subject')
  return { kind: 'departure', ...common, subject: peerOf(left.subject), leftAtMs: left.leftAtMs }
}

interface Decodable<T> {
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
}

/** One meaning has one encoding: unknown fields or another order would give one record two hashes. */
function decodeCanonical<T>(message: Decodable<T>, bytes: Uint8Array): T {
  const value = message.decode(bytes)
  if (!same(message.encode(value), bytes)) throw altered('it is not encoded in the one allowed way')
  return value
}

/** A refusal that came from a peer, as a code of our own table; a code that is not known is a malformed answer. */
export function refusal(code: string): VillageError {
  if (isErrorCode(code)) return new VillageError(code)
  return new VillageError('PROTOCOL_MALFORMED', 'A peer refused for a reason that is not known')
}
