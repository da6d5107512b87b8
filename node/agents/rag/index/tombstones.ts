/**
 * Which chunks of a segment are deleted, as a file of its own beside it: the segment never changes. Layout, little-endian:
 *
 *   4 bytes   "VTMB"
 *   u32       version, 1
 *   u32       chunks of the segment
 *   bytes     one bit a chunk, the lowest bit of a byte first; 1 is deleted; bits past the last chunk are 0
 *
 * The file is named after the SHA-256 of its bytes, so that a manifest vouches for it.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { toVillageError, VillageError } from '../../../errors.ts'
import { writeDurably } from './durable-files.ts'

const MAGIC = 0x424d5456
const VERSION = 1
const HEAD_BYTES = 12
export const TOMBSTONES_SUFFIX = '.tombstones'

/** A set of numbers below `size`. */
export interface Bits {
  readonly size: number
  readonly bytes: Uint8Array
}

export const createBits = (size: number): Bits => ({ size, bytes: new Uint8Array(Math.ceil(size / 8)) })
export const copyBits = (bits: Bits): Bits => ({ size: bits.size, bytes: bits.bytes.slice() })
export const hasBit = (bits: Bits, at: number): boolean => ((bits.bytes[at >>> 3]! >>> (at & 7)) & 1) === 1
export const setBit = (bits: Bits, at: number): void => {
  bits.bytes[at >>> 3]! |= 1 << (at & 7)
}

/** The numbers of the set, rising. */
export function* eachBit(bits: Bits): Generator<number> {
  for (const [at, byte] of bits.bytes.entries())
    for (let bit = 0; bit < 8 && byte >>> bit !== 0; bit++) if ((byte >>> bit) & 1) yield at * 8 + bit
}

/** The set of the given numbers, all below `size`. */
export function bitsOf(size: number, numbers: Iterable<number>): Bits {
  const bits = createBits(size)
  for (const number of numbers) setBit(bits, number)
  return bits
}

export function countBits(bits: Bits): number {
  let count = 0
  for (const byte of bits.bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) count++
  return count
}

export function encodeTombstones(deleted: Bits): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32LE(MAGIC, 0)
  head.writeUInt32LE(VERSION, 4)
  head.writeUInt32LE(deleted.size, 8)
  return Buffer.concat([head, deleted.bytes])
}

/** Throws INDEX_CORRUPT where the bytes are not those of a segment with that many chunks. */
export function decodeTombstones(bytes: Uint8Array, chunks: number): Bits {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fits =
    buffer.length === HEAD_BYTES + Math.ceil(chunks / 8) &&
    buffer.readUInt32LE(0) === MAGIC &&
    buffer.readUInt32LE(4) === VERSION &&
    buffer.readUInt32LE(8) === chunks
  const spare = chunks & 7
  if (!fits || (spare !== 0 && buffer[buffer.length - 1]! >>> spare !== 0))
    throw new VillageError('INDEX_CORRUPT', 'A file of deleted chunks is not valid.')
  return { size: chunks, bytes: Uint8Array.prototype.slice.call(buffer, HEAD_BYTES) }
}

export const nameOfTombstones = (bytes: Uint8Array): string =>
  `${createHash('sha256').update(bytes).digest('hex')}${TOMBSTONES_SUFFIX}`

/** Its name; the caller synchronises the directory. Throws DISK_FULL, DATA_DIR_READ_ONLY. */
export function writeTombstones(directory: string, deleted: Bits): string {
  const bytes = encodeTombstones(deleted)
  const name = nameOfTombstones(bytes)
  const file = path.join(directory, name)
  if (!existsSync(file)) writeDurably(file, bytes)
  return name
}

/** Null where nothing is deleted. Throws INDEX_CORRUPT where the file is absent or is not what its name says. */
export function readTombstones(directory: string, name: string | null, chunks: number): Bits | null {
  if (name === null) return null
  let bytes: Buffer
  try {
    bytes = readFileSync(path.join(directory, name))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw toVillageError(error)
    throw new VillageError('INDEX_CORRUPT', 'A file of deleted chunks is gone.', {
      cause: error,
      fields: { directory, file: name },
    })
  }
  if (nameOfTombstones(bytes) !== name)
    throw new VillageError('INDEX_CORRUPT', 'A file of deleted chunks was changed.', {
      fields: { directory, file: name },
    })
  return decodeTombstones(bytes, chunks)
}
