/**
 * The one encoding of everything that is signed or hashed in a run: DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/), made of
 * arrays, byte strings, texts, numbers and null; no maps, no tags, no booleans. One value has one encoding: bytes that are not what
 * encoding their value gives are refused, so that a hash stands for a meaning.
 *
 * The readers below take what was decoded from a stranger's bytes and throw LEDGER_MALFORMED, naming the field, for anything else
 * than what they are asked for.
 */
import { createHash } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { VillageError } from '../../errors.ts'
import { canonicalJson, isJsonObject, type JsonObject } from '../../json.ts'
import { PUBLIC_KEY_BYTES, peerOf } from '../../mesh/membership/keys.ts'

export type CborValue = null | number | string | Uint8Array | readonly CborValue[]

export const HASH_BYTES = 32

export function malformed(reason: string, cause?: unknown): VillageError {
  return new VillageError('LEDGER_MALFORMED', `A record of a run is not valid: ${reason}`, { cause })
}

export const unsigned = (reason: string): VillageError =>
  new VillageError('LEDGER_UNSIGNED', `A record of a run is not valid: ${reason}`)

/** A plain Uint8Array of its own, whatever the library allocates. */
export const encodeCanonical = (value: CborValue): Uint8Array => Uint8Array.from(encode(value))

/** Throws LEDGER_MALFORMED for bytes that are too many, no DAG-CBOR, or not the one encoding of what they say. */
export function decodeCanonical(bytes: Uint8Array, maxBytes: number, what: string): unknown {
  if (bytes.byteLength > maxBytes) throw malformed(`${what} has over ${maxBytes} bytes`)
  let value: unknown
  let again: Uint8Array
  try {
    value = decode(bytes)
    again = encode(value)
  } catch (error) {
    throw malformed(`${what} is not DAG-CBOR`, error)
  }
  if (Buffer.compare(bytes, again) !== 0) throw malformed(`${what} is not in its one encoding`)
  return value
}

/** SHA-256 in lower-case hex. */
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const fromHex = (text: string): Uint8Array => Buffer.from(text, 'hex')

export function readTuple(value: unknown, length: number, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length) throw malformed(`${what} has not ${length} fields`)
  return value
}

export function readList(value: unknown, maxLength: number, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > maxLength)
    throw malformed(`${what} is no list of at most ${maxLength}`)
  return value
}

export function readInteger(value: unknown, min: number, max: number, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw malformed(`${what} is no whole number from ${min} to ${max}`)
  return value
}

export function readNumber(value: unknown, min: number, max: number, what: string): number {
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw malformed(`${what} is no number from ${min} to ${max}`)
  return value
}

/** A copy: what came from the network is a view of a much larger buffer. */
export function readBytes(value: unknown, minBytes: number, maxBytes: number, what: string): Uint8Array {
  if (!(value instanceof Uint8Array) || value.byteLength < minBytes || value.byteLength > maxBytes)
    throw malformed(
      minBytes === maxBytes
        ? `${what} is not ${minBytes} bytes`
        : `${what} is not ${minBytes} to ${maxBytes} bytes`,
    )
  return Uint8Array.from(value)
}

/** A SHA-256, as lower-case hex. */
export const readHash = (value: unknown, what: string): string =>
  Buffer.from(readBytes(value, HASH_BYTES, HASH_BYTES, what)).toString('hex')

/** The peer ID of a raw Ed25519 key. */
export function readPeer(value: unknown, what: string): string {
  return peerOf(readBytes(value, PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES, what))
}

export function readText(value: unknown, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw malformed(`${what} has another form`)
  return value
}

/**
 * JSON travels as its canonical text (RFC 8785: keys in order of their UTF-16 code units, numbers as ECMAScript writes them), so that
 * numbers keep the one form under which a strategy made them.
 */
export function readJson(value: unknown, maxBytes: number, what: string): JsonObject {
  if (typeof value !== 'string' || Buffer.byteLength(value) > maxBytes)
    throw malformed(`${what} is no text of at most ${maxBytes} bytes`)
  let parsed: unknown
  let again: string
  try {
    // "__proto__" as a name would make an object whose copies have another prototype.
    parsed = JSON.parse(value, (key, part: unknown) => {
      if (key === '__proto__') throw new SyntaxError('a name is not allowed')
      return part
    })
    again = isJsonObject(parsed) ? canonicalJson(parsed) : ''
  } catch (error) {
    throw malformed(`${what} is no JSON`, error)
  }
  if (!isJsonObject(parsed) || again !== value) throw malformed(`${what} is no canonical JSON object`)
  return parsed
}
