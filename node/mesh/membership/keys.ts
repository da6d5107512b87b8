/**
 * Ed25519 keys as raw bytes, for records that outlive a connection. Node's own crypto signs and verifies (about 0.1 ms
 * each); libp2p's key objects do the same behind promises, which would make every pure function here asynchronous.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { VillageError } from '../../errors.ts'

export const PUBLIC_KEY_BYTES = 32
export const SEED_BYTES = 32
export const SIGNATURE_BYTES = 64

export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes over `domain` and `bytes`. */
  sign(domain: string, bytes: Uint8Array): Uint8Array
}

/** RFC 8410: the frames of an Ed25519 key are constant. Node reads them several times faster than a JWK. */
const PKCS8_FRAME = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_FRAME = Buffer.from('302a300506032b6570032100', 'hex')

/** Domain separation: a signature made for one kind of record is never valid for another. */
function toBeSigned(domain: string, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${domain}\0`), bytes])
}

/** A signer from the 32-byte seed of RFC 8032. */
export function signerFromSeed(seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_FRAME, seed]), format: 'der', type: 'pkcs8' })
  return {
    publicKey: rawPublicKey(createPublicKey(key)),
    sign: (domain, bytes) => sign(null, toBeSigned(domain, bytes), key),
  }
}

/** The signer of this node's own identity. */
export function signerFromIdentity(privateKey: Ed25519PrivateKey): Signer {
  // libp2p's raw form is the seed followed by the public key.
  return signerFromSeed(privateKey.raw.subarray(0, SEED_BYTES))
}

export function generateSeed(): Uint8Array {
  const { privateKey } = generateKeyPairSync('ed25519')
  return privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-SEED_BYTES)
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'spki' }).subarray(-PUBLIC_KEY_BYTES)
}

/** False for anything but a valid signature, malformed keys included. */
export function isSigned(
  publicKey: Uint8Array,
  domain: string,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES || signature.byteLength !== SIGNATURE_BYTES) return false
  try {
    const key = createPublicKey({
      key: Buffer.concat([SPKI_FRAME, publicKey]),
      format: 'der',
      type: 'spki',
    })
    return verify(null, toBeSigned(domain, bytes), key, signature)
  } catch {
    return false // not a point of the curve
  }
}

/** Base58 peer ID of a raw Ed25519 public key. */
export function peerOf(publicKey: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString()
}

/** The raw public key inside a peer ID. Throws INVALID_ARGUMENT for anything but an Ed25519 peer ID. */
export function publicKeyOf(peer: string): Uint8Array {
  try {
    const { publicKey } = peerIdFromString(peer)
    if (publicKey?.type === 'Ed25519') return publicKey.raw
  } catch {
    // answered below
  }
  throw new VillageError('INVALID_ARGUMENT', 'This is not the peer ID of a node', { fields: { peer } })
}
