/**
 * The bytes of a sealed store: header, key slots and records (docs/twin.md has the layout; test/vectors/sealed holds a store).
 *
 * Two levels of keys, so that a record is erased by overwriting 512 bytes: every record has a random key of its own, which lies in a
 * slot of the key file, encrypted under the key of the store; that one comes by HKDF-SHA256 (RFC 5869) from the private key of the node
 * and a salt in the header, so that a new salt ends every record at once. All encryption is AES-256-GCM (NIST SP 800-38D) with
 * random 96-bit nonces. What is authenticated with each part names the store, and the slot or the id: nothing can change places.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { VillageError } from './errors.ts'

export const HEADER_BYTES = 512
export const SLOT_BYTES = 512
/** The header lies twice at the start of the key file: a torn write of one leaves the other. */
export const SLOTS_OFFSET = 2 * HEADER_BYTES
export const MAX_ID_BYTES = 200

const MAGIC = Buffer.from('VSEALED1')
const RECORD_MAGIC = Buffer.from('VSR1')
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SALT_BYTES = 32
const KEY_BYTES = 32
const FILE_BYTES = 16
const SIGNED_HEADER_BYTES = 48
const SLOT_PLAIN_BYTES = SLOT_BYTES - NONCE_BYTES - TAG_BYTES
const SLOT_ID_OFFSET = KEY_BYTES + FILE_BYTES + 8 + 8 + 4
const RECORD_PREFIX_BYTES = 5
const LEAST_PADDED_BYTES = 256

/** Source of nonces, salts, keys and names of files; tests of the format give their own. */
export type RandomBytes = (sizeBytes: number) => Buffer

export interface SealedHeader {
  /** `clearing`: all records are being erased; opening goes on with it. */
  readonly state: 'ready' | 'clearing'
  readonly salt: Buffer
  /** Slots of the key file, free ones counted. */
  readonly slots: number
}

export interface SealedSlot {
  readonly id: string
  /** 32 bytes. */
  readonly key: Buffer
  /** Name of the record's file: 32 hex digits, random. */
  readonly file: string
  /** Grows with every put: of two slots with one id, the higher is the record. */
  readonly sequence: number
  readonly updatedAtMs: number
  /** Of the record's file. */
  readonly sizeBytes: number
}

function seal(key: Buffer, nonce: Buffer, plain: Buffer, aad: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Null where the key is another, or a bit was changed. */
function unseal(key: Buffer, sealed: Buffer, aad: Buffer): Buffer | null {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(aad).setAuthTag(sealed.subarray(sealed.byteLength - TAG_BYTES))
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, sealed.byteLength - TAG_BYTES))
  try {
    return Buffer.concat([plain, decipher.final()])
  } catch {
    plain.fill(0)
    return null
  }
}

function bound(kind: string, name: string, rest: string): Buffer {
  return Buffer.from(`village sealed ${kind} 1\0${name}\0${rest}`)
}

/** The key of a store. `secret`: the 32 bytes of the Ed25519 seed of the node. */
export function storeKey(secret: Uint8Array, salt: Uint8Array, name: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `village sealed store 1\0${name}`, KEY_BYTES))
}

export function newSalt(random: RandomBytes = randomBytes): Buffer {
  return random(SALT_BYTES)
}

export function encodeHeader(
  header: SealedHeader,
  key: Buffer,
  name: string,
  random: RandomBytes = randomBytes,
): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt8(header.state === 'ready' ? 1 : 2, 8)
  bytes.writeUInt32LE(header.slots, 12)
  header.salt.copy(bytes, 16)
  const aad = Buffer.concat([bound('header', name, ''), bytes.subarray(0, SIGNED_HEADER_BYTES)])
  seal(key, random(NONCE_BYTES), Buffer.alloc(0), aad).copy(bytes, SIGNED_HEADER_BYTES)
  return bytes
}

/** Null where it is not a header of this store and identity. */
export function decodeHeader(
  bytes: Buffer,
  secret: Uint8Array,
  name: string,
): { header: SealedHeader; key: Buffer } | null {
  if (bytes.byteLength !== HEADER_BYTES || !bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) return null
  const salt = Buffer.from(bytes.subarray(16, 16 + SALT_BYTES))
  const key = storeKey(secret, salt, name)
  const aad = Buffer.concat([bound('header', name, ''), bytes.subarray(0, SIGNED_HEADER_BYTES)])
  const sealed = bytes.subarray(SIGNED_HEADER_BYTES, SIGNED_HEADER_BYTES + NONCE_BYTES + TAG_BYTES)
  if (unseal(key, sealed, aad) === null) return null
  const state = bytes.readUInt8(8) === 1 ? 'ready' : 'clearing'
  return { header: { state, salt, slots: bytes.readUInt32LE(12) }, key }
}

export function encodeSlot(
  slot: SealedSlot,
  key: Buffer,
  name: string,
  index: number,
  random: RandomBytes = randomBytes,
): Buffer {
  const id = Buffer.from(slot.id)
  if (id.byteLength === 0 || id.byteLength > MAX_ID_BYTES)
    throw new VillageError('INVALID_ARGUMENT', `An id of a record has 1 to ${MAX_ID_BYTES} bytes`)
  const plain = Buffer.alloc(SLOT_PLAIN_BYTES)
  slot.key.copy(plain)
  plain.write(slot.file, KEY_BYTES, FILE_BYTES, 'hex')
  plain.writeBigUInt64LE(BigInt(slot.sequence), KEY_BYTES + FILE_BYTES)
  plain.writeBigUInt64LE(BigInt(slot.updatedAtMs), KEY_BYTES + FILE_BYTES + 8)
  plain.writeUInt32LE(slot.sizeBytes, KEY_BYTES + FILE_BYTES + 16)
  plain.writeUInt8(id.byteLength, SLOT_ID_OFFSET)
  id.copy(plain, SLOT_ID_OFFSET + 1)
  const sealed = seal(key, random(NONCE_BYTES), plain, bound('slot', name, String(index)))
  plain.fill(0)
  return sealed
}

/** Null where it does not belong there, under this key. */
export function decodeSlot(bytes: Buffer, key: Buffer, name: string, index: number): SealedSlot | null {
  const plain = unseal(key, bytes, bound('slot', name, String(index)))
  if (plain === null) return null
  const idBytes = plain.readUInt8(SLOT_ID_OFFSET)
  return {
    id: plain.toString('utf8', SLOT_ID_OFFSET + 1, SLOT_ID_OFFSET + 1 + idBytes),
    key: plain.subarray(0, KEY_BYTES),
    file: plain.toString('hex', KEY_BYTES, KEY_BYTES + FILE_BYTES),
    sequence: Number(plain.readBigUInt64LE(KEY_BYTES + FILE_BYTES)),
    updatedAtMs: Number(plain.readBigUInt64LE(KEY_BYTES + FILE_BYTES + 8)),
    sizeBytes: plain.readUInt32LE(KEY_BYTES + FILE_BYTES + 16),
  }
}

/**
 * Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PoPETs 2019, algorithm 1):
 * at most 12% more, and a size tells O(log log n) bits of what is inside. Nothing is below 256 bytes.
 */
export function paddedBytes(sizeBytes: number): number {
  if (sizeBytes <= LEAST_PADDED_BYTES) return LEAST_PADDED_BYTES
  const exponent = Math.floor(Math.log2(sizeBytes))
  const kept = Math.floor(Math.log2(exponent)) + 1
  const step = 2 ** (exponent - kept)
  return Math.ceil(sizeBytes / step) * step
}

/** Size of the file of a record of so many bytes. */
export function recordBytes(sizeBytes: number): number {
  return RECORD_MAGIC.byteLength + NONCE_BYTES + paddedBytes(RECORD_PREFIX_BYTES + sizeBytes) + TAG_BYTES
}

export function encodeRecord(
  value: { readonly bytes: Uint8Array; readonly isJson: boolean },
  slot: Pick<SealedSlot, 'id' | 'key'>,
  name: string,
  random: RandomBytes = randomBytes,
): Buffer {
  const plain = Buffer.alloc(paddedBytes(RECORD_PREFIX_BYTES + value.bytes.byteLength))
  plain.writeUInt8(value.isJson ? 1 : 0, 0)
  plain.writeUInt32LE(value.bytes.byteLength, 1)
  plain.set(value.bytes, RECORD_PREFIX_BYTES)
  const sealed = seal(slot.key, random(NONCE_BYTES), plain, bound('record', name, slot.id))
  plain.fill(0)
  return Buffer.concat([RECORD_MAGIC, sealed])
}

/** Null where it is not whole, not of this key and id, or was changed. */
export function decodeRecord(
  file: Buffer,
  slot: SealedSlot,
  name: string,
): { readonly bytes: Buffer; readonly isJson: boolean } | null {
  if (file.byteLength !== slot.sizeBytes || file.byteLength < recordBytes(0)) return null
  if (!file.subarray(0, RECORD_MAGIC.byteLength).equals(RECORD_MAGIC)) return null
  const plain = unseal(slot.key, file.subarray(RECORD_MAGIC.byteLength), bound('record', name, slot.id))
  if (plain === null) return null
  const length = plain.readUInt32LE(1)
  if (RECORD_PREFIX_BYTES + length > plain.byteLength) return null
  return {
    bytes: plain.subarray(RECORD_PREFIX_BYTES, RECORD_PREFIX_BYTES + length),
    isJson: plain.readUInt8(0) === 1,
  }
}
