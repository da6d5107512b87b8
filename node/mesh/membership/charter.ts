/** What a village is: a charter signed by its founding key, an ID that is the hash of that key, and names made from it. */
import { createHash } from 'node:crypto'
import { base32 } from 'multiformats/bases/base32'
import { create as createDigest } from 'multiformats/hashes/digest'
import { VillageError } from '../../errors.ts'
import { Charter, DOMAINS, MAX_NAME_BYTES, RECORD_VERSION } from '../protocols/records.ts'
import { isSigned, type Signer } from './keys.ts'

const SHA2_256 = 0x12
const SHORT_ID_BYTES = 10

export type CharterBody = Omit<Charter, 'signature' | 'version' | 'publicKey'>

const body = (charter: Omit<Charter, 'signature'>) =>
  Charter.encode({ ...charter, signature: new Uint8Array(0) })

export function createCharter(founder: Signer, init: CharterBody): Charter {
  const unsigned = { ...init, version: RECORD_VERSION, publicKey: founder.publicKey }
  return { ...unsigned, signature: founder.sign(DOMAINS.charter, body(unsigned)) }
}

/** Throws INVITE_ALTERED when the founding key did not sign exactly this. */
export function checkCharter(charter: Charter): void {
  if (charter.version !== RECORD_VERSION)
    throw new VillageError('INVITE_MALFORMED', 'The charter of the village has a version that is not known', {
      fields: { version: charter.version },
    })
  if (
    !isSigned(charter.publicKey, DOMAINS.charter, body(charter), charter.signature) ||
    charter.name.length === 0
  )
    throw new VillageError('INVITE_ALTERED', 'The charter of the village is not signed by its founding key')
}

/** The 32 bytes that records name the village by. */
export function villageHash(publicKey: Uint8Array): Uint8Array {
  return createHash('sha256').update(publicKey).digest()
}

/** Multibase base32 of the SHA-256 multihash of the founding key: `bciq…`, 56 characters. */
export function villageId(publicKey: Uint8Array): string {
  return base32.encode(createDigest(SHA2_256, villageHash(publicKey)).bytes)
}

/**
 * Sixteen characters for names that strangers can see (mDNS, protocol IDs) or that must be short (files). It is a hash
 * of the ID, so that a listener on the network does not learn the ID itself.
 */
export function shortVillageId(publicKey: Uint8Array): string {
  const hash = createHash('sha256').update('village/short/1\0').update(villageHash(publicKey)).digest()
  return base32.encode(hash.subarray(0, SHORT_ID_BYTES)).slice(1)
}

/** A name as others will see it: no control characters, trimmed, and not over the bound of the records. */
export function cleanName(name: string, what: string): string {
  const clean = name
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .trim()
  if (clean.length === 0 || Buffer.byteLength(clean) > MAX_NAME_BYTES)
    throw new VillageError('INVALID_ARGUMENT', `The ${what} must have 1 to ${MAX_NAME_BYTES} bytes`, {
      fields: { bytes: Buffer.byteLength(clean) },
    })
  return clean
}
