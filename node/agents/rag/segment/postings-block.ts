/** A block of postings, decoded and checked. encode-postings.ts has the layout. */
import { unpack } from './bit-packing.ts'
import type { ByteReader } from './byte-reader.ts'
import { BLOCK_SIZE, corrupt } from './segment-format.ts'

/** Both of the same length: the chunks with the term, rising, and how often each has it. */
export interface PostingsBlock {
  readonly chunks: Uint32Array
  readonly frequencies: Uint32Array
}

/** No segment has more chunks, and no chunk more terms, than 2^22. */
const MAX_BITS = 23
const MAX_FREQUENCY = 0x7fff_ffff

const SLAB_BLOCKS = 64

/** Many small arrays are cut from one: an array of its own costs more than what is in it. */
let slab = new Uint32Array(0)
let slabUsed = 0

function cut(count: number): Uint32Array {
  if (slabUsed + count > slab.length) {
    slab = new Uint32Array(SLAB_BLOCKS * 2 * BLOCK_SIZE)
    slabUsed = 0
  }
  slabUsed += count
  return slab.subarray(slabUsed - count, slabUsed)
}

/** `before`: the last chunk of the block before, or -1. Throws SEGMENT_CORRUPT unless all chunks are below `limit`. */
export function decodeBlock(reader: ByteReader, count: number, before: number, limit: number): PostingsBlock {
  const chunks = cut(count)
  const frequencies = cut(count)
  if (count === BLOCK_SIZE) decodePacked(reader, chunks, frequencies)
  else decodeShort(reader, chunks, frequencies)
  let chunk = before
  for (let index = 0; index < count; index++) {
    chunk += chunks[index]! + 1
    chunks[index] = chunk
    frequencies[index]!++
  }
  if (chunk >= limit) throw corrupt('A list of postings names chunks that do not exist.')
  return { chunks, frequencies }
}

/** Distances − 1 and frequencies − 1. */
function decodePacked(reader: ByteReader, distances: Uint32Array, frequencies: Uint32Array): void {
  const distanceBits = reader.uint8()
  const frequencyBits = reader.uint8()
  if (
    distanceBits > MAX_BITS ||
    frequencyBits > MAX_BITS ||
    reader.left < (distanceBits + frequencyBits) * 16
  )
    throw corrupt('A block of postings is damaged.')
  unpack(reader.bytes, reader.at, distanceBits, distances)
  unpack(reader.bytes, reader.at + distanceBits * 16, frequencyBits, frequencies)
}

function decodeShort(reader: ByteReader, distances: Uint32Array, frequencies: Uint32Array): void {
  for (let index = 0; index < distances.length; index++) {
    const distance = reader.varint()
    if (distance >>> (MAX_BITS + 1) !== 0) throw corrupt('A block of postings is damaged.')
    distances[index] = distance >>> 1
    frequencies[index] = (distance & 1) === 1 ? 0 : Math.min(reader.varint(), MAX_FREQUENCY) + 1
  }
}
