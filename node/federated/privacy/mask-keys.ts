/**
 * Keys, masks and sealed shares of secure aggregation: X25519 (RFC 7748), HKDF with SHA-256 (RFC 5869), AES-256 in counter mode as the
 * generator of masks (NIST SP 800-38A, section 6.5), ChaCha20-Poly1305 (RFC 8439) for what one client says to another through the server.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
} from 'node:crypto'
import { endianness } from 'node:os'
import { VillageError } from '../../errors.ts'

export const KEY_BYTES = 32

/** RFC 8410: the frames of an X25519 key are constant. */
const PKCS8_FRAME = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI_FRAME = Buffer.from('302a300506032b656e032100', 'hex')

/** A secret of one session: 32 random bytes and what they can do. */
export interface SecretKey {
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
  /** What this and another client share and nobody else knows. Throws SECURE_SUM_REFUSED for a public key that leaves nothing to share. */
  agree(publicKey: Uint8Array): Uint8Array
}

export function secretKey(secret: Uint8Array): SecretKey {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_FRAME, secret]),
    format: 'der',
    type: 'pkcs8',
  })
  return {
    secret,
    publicKey: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES),
    agree(publicKey) {
      try {
        const key = Buffer.concat([SPKI_FRAME, publicKey])
        return diffieHellman({
          privateKey,
          publicKey: createPublicKey({ key, format: 'der', type: 'spki' }),
        })
      } catch (error) {
        // A point of low order gives zeros for every secret (RFC 7748, section 6.1); OpenSSL refuses it.
        throw new VillageError('SECURE_SUM_REFUSED', 'A client sent a public key that is none', {
          cause: error,
        })
      }
    },
  }
}

/** A key for one purpose out of a shared secret; `context` is the hash of what the session agreed on. */
export function deriveKey(shared: Uint8Array, context: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', shared, context, `village secure sum ${purpose}`, KEY_BYTES))
}

/** What a client states about its seed before anybody needs it: shares that do not give this one back are wrong. */
export function hashSeed(context: Uint8Array, seed: Uint8Array): Uint8Array {
  return createHash('sha256').update('village secure sum seed\0').update(context).update(seed).digest()
}

/** Mask elements that are made at a time. */
const CHUNK_WORDS = 2 ** 18

/**
 * Adds (`sign` 1) or subtracts (−1) the mask of a key, element by element and modulo 2^32: the key stream of AES-256-CTR from counter 0, read as
 * little-endian 32-bit words. A ring of fewer bits takes the low ones.
 */
export function applyMask(target: Uint32Array, key: Uint8Array, sign: 1 | -1): void {
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(Math.min(target.length, CHUNK_WORDS) * 4)
  for (let start = 0; start < target.length; start += CHUNK_WORDS) {
    const length = Math.min(CHUNK_WORDS, target.length - start)
    const words = wordsOf(cipher.update(zeros.subarray(0, length * 4)))
    if (sign === 1) for (let at = 0; at < length; at++) target[start + at]! += words[at]!
    else for (let at = 0; at < length; at++) target[start + at]! -= words[at]!
  }
}

const IS_BIG_ENDIAN = endianness() === 'BE'

/** Bytes as little-endian words, without a copy where they lie well. */
function wordsOf(stream: Buffer): Uint32Array {
  if (IS_BIG_ENDIAN) stream.swap32()
  const isAligned = stream.byteOffset % 4 === 0
  const bytes = isAligned ? stream : Uint8Array.from(stream)
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

const TAG_BYTES = 16
/** Every key seals one message only (it is derived for sender, receiver and session), so a constant nonce is right. */
const NONCE = Buffer.alloc(12)
const OPTIONS = { authTagLength: TAG_BYTES } as const

export function seal(key: Uint8Array, text: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, NONCE, OPTIONS)
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
}

/** Null for what was not sealed with this key. */
export function unseal(key: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  if (sealed.byteLength < TAG_BYTES) return null
  const decipher = createDecipheriv('chacha20-poly1305', key, NONCE, OPTIONS)
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
  } catch {
    return null
  }
}

export const SEALED_BYTES = (textBytes: number): number => textBytes + TAG_BYTES
