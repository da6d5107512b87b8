/**
 * The invite: one copyable text, `village1` and base58 of a protobuf and a checksum (docs/protocols/membership.md).
 * It is a secret: it holds the pre-shared key and the private key of the capability.
 */
import { createHash } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { base58btc } from 'multiformats/bases/base58'
import { VillageError } from '../../errors.ts'
import { bytes, type Infer, list, message, uint32 } from '../protocols/message.ts'
import { Charter, MAX_CAPABILITY_BYTES } from '../protocols/records.ts'
import { checkCharter, villageHash } from './charter.ts'
import { SEED_BYTES, signerFromSeed } from './keys.ts'
import { type CapabilityFacts, parseCapability } from './records.ts'

const PREFIX = 'village1'
const VERSION = 1
const CHECKSUM_BYTES = 4
const MAX_CHARTER_BYTES = 256
const MAX_ADDRESS_BYTES = 256
const MAX_ADDRESSES = 8
const MAX_TEXT = 4_096

const InvitePayload = message('Invite', {
  version: [1, uint32()],
  charter: [2, bytes(MAX_CHARTER_BYTES)],
  /** Binary multiaddrs, each with /p2p/. */
  addresses: [3, list(bytes(MAX_ADDRESS_BYTES), MAX_ADDRESSES)],
  /** 32 bytes; absent in an open village. */
  psk: [4, bytes(32)],
  /** Absent when the invite lets a guest into an open village. */
  capability: [5, bytes(MAX_CAPABILITY_BYTES)],
  inviteSeed: [6, bytes(SEED_BYTES)],
})
type InvitePayload = Infer<typeof InvitePayload>

export interface OpenedInvite {
  readonly charter: Charter
  readonly addresses: string[]
  readonly psk: Uint8Array | null
  /** Null: an invite for guests. */
  readonly grant: {
    readonly capability: Uint8Array
    readonly facts: CapabilityFacts
    readonly seed: Uint8Array
  } | null
}

function checksum(payload: Uint8Array): Uint8Array {
  return createHash('sha256')
    .update('village/invite/1\0')
    .update(payload)
    .digest()
    .subarray(0, CHECKSUM_BYTES)
}

export function writeInvite(init: {
  charter: Charter
  addresses: readonly string[]
  psk: Uint8Array | null
  capability: Uint8Array | null
  seed: Uint8Array | null
}): string {
  const payload = InvitePayload.encode({
    version: VERSION,
    charter: Charter.encode(init.charter),
    addresses: init.addresses.slice(0, MAX_ADDRESSES).map((address) => multiaddr(address).bytes),
    psk: init.psk ?? new Uint8Array(0),
    capability: init.capability ?? new Uint8Array(0),
    inviteSeed: init.seed ?? new Uint8Array(0),
  })
  return PREFIX + base58btc.baseEncode(Buffer.concat([payload, checksum(payload)]))
}

function decodeText(text: string): InvitePayload {
  if (!text.startsWith(PREFIX) || text.length > MAX_TEXT) throw new VillageError('INVITE_MALFORMED')
  let bytes: Uint8Array
  try {
    bytes = base58btc.baseDecode(text.slice(PREFIX.length))
  } catch (error) {
    throw new VillageError('INVITE_MALFORMED', 'The invite has a character that no invite has', {
      cause: error,
    })
  }
  if (bytes.byteLength <= CHECKSUM_BYTES) throw new VillageError('INVITE_MALFORMED')
  const payload = bytes.subarray(0, -CHECKSUM_BYTES)
  if (Buffer.compare(checksum(payload), bytes.subarray(-CHECKSUM_BYTES)) !== 0)
    throw new VillageError('INVITE_ALTERED', 'The invite was changed or not copied whole')
  try {
    return InvitePayload.decode(payload)
  } catch (error) {
    throw new VillageError('INVITE_MALFORMED', undefined, { cause: error })
  }
}

/**
 * Opens an invite and checks everything that needs no peer: form, checksum, signatures, that its parts belong together,
 * and its date. Throws INVITE_MALFORMED, INVITE_ALTERED, INVITE_OTHER_VILLAGE or INVITE_EXPIRED.
 */
export function openInvite(text: string, nowMs: number): OpenedInvite {
  // People paste invites out of chats, where they are wrapped over lines.
  const payload = decodeText(text.replace(/\s+/g, ''))
  if (payload.version !== VERSION)
    throw new VillageError('INVITE_MALFORMED', 'The invite was made by a newer version; update this daemon', {
      fields: { version: payload.version },
    })
  let charter: Charter
  let addresses: string[]
  try {
    charter = Charter.decode(payload.charter)
    addresses = payload.addresses.map((address) => multiaddr(address).toString())
  } catch (error) {
    throw new VillageError('INVITE_MALFORMED', undefined, { cause: error })
  }
  checkCharter(charter)
  if (charter.open !== (payload.psk.byteLength === 0) || ![0, 32].includes(payload.psk.byteLength))
    throw new VillageError('INVITE_ALTERED', 'The invite has no key that fits its village')
  const psk = payload.psk.byteLength === 0 ? null : payload.psk
  if (payload.capability.byteLength === 0) {
    if (!charter.open)
      throw new VillageError('INVITE_ALTERED', 'The invite to a private village grants nothing')
    return { charter, addresses, psk, grant: null }
  }
  const { facts, inviteKey } = parseCapability(payload.capability, villageHash(charter.publicKey))
  if (
    payload.inviteSeed.byteLength !== SEED_BYTES ||
    Buffer.compare(signerFromSeed(payload.inviteSeed).publicKey, inviteKey) !== 0
  )
    throw new VillageError('INVITE_ALTERED', 'The invite does not hold the key of its capability')
  if (nowMs > facts.expiresAtMs)
    throw new VillageError('INVITE_EXPIRED', undefined, { fields: { expiresAtMs: facts.expiresAtMs } })
  return {
    charter,
    addresses,
    psk,
    grant: { capability: payload.capability, facts, seed: payload.inviteSeed },
  }
}
