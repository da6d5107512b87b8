/**
 * The list of a term in postings.bin. More than 128 chunks:
 *
 *     skip table  for each block: u32 last chunk, u32 offset of the block, u32 offset of its positions (both from the start of
 *                 the list), u32 frequency and u32 chunk length of its posting of largest impact
 *     blocks      of 128 chunks, the last one of what is left
 *     positions   block by block
 *
 * Up to 128: a varint with the bytes of the block, the block, its positions. A block of 128 is a byte with the bits of a
 * distance, a byte with the bits of a frequency, 128 packed distances (chunk − chunk before − 1, from −1 at first), 128 packed
 * frequencies − 1. A smaller block has for each chunk a varint of distance·2 + 1 for a frequency of 1, or of distance·2 and a varint
 * of the frequency − 2. Positions are, for each chunk, a varint of the first and of each distance − 1.
 */
import { impactOf } from '../lexical/bm25.ts'
import { bitsFor, pack, packedBytes } from './bit-packing.ts'
import { ByteWriter } from './byte-writer.ts'
import { BLOCK_SIZE } from './segment-format.ts'

export const SKIP_ROW_BYTES = 20

export interface EncodedList {
  /** Valid until the next list is encoded. */
  readonly bytes: Uint8Array
  /** Of the posting of largest impact. */
  readonly peakFrequency: number
  readonly peakLength: number
}

/** One encoder writes all lists of a segment. `lengths`: terms by chunk. */
export function createPostingsEncoder(
  lengths: Uint32Array,
  averageLength: number,
): (df: number, read: () => number) => EncodedList {
  const skips = new ByteWriter()
  const blocks = new ByteWriter()
  const positions = new ByteWriter()
  const list = new ByteWriter()
  const distances = new Uint32Array(BLOCK_SIZE)
  const frequencies = new Uint32Array(BLOCK_SIZE)

  return (df, read) => {
    for (const writer of [skips, blocks, positions, list]) writer.clear()
    const isLong = df > BLOCK_SIZE
    const skipBytes = isLong ? Math.ceil(df / BLOCK_SIZE) * SKIP_ROW_BYTES : 0
    let chunk = -1
    let listPeak = -1
    let peakFrequency = 0
    let peakLength = 0
    for (let done = 0; done < df; done += BLOCK_SIZE) {
      const count = Math.min(BLOCK_SIZE, df - done)
      const blockAt = blocks.length
      const positionsAt = positions.length
      let peak = -1
      let frequencyOfPeak = 0
      let lengthOfPeak = 0
      for (let index = 0; index < count; index++) {
        const distance = read()
        const frequency = read()
        chunk += distance
        distances[index] = distance - 1
        frequencies[index] = frequency - 1
        for (let occurrence = 0; occurrence < frequency; occurrence++)
          positions.varint(occurrence === 0 ? read() : read() - 1)
        const impact = impactOf(frequency, lengths[chunk]!, averageLength)
        if (impact > peak) {
          peak = impact
          frequencyOfPeak = frequency
          lengthOfPeak = lengths[chunk]!
        }
      }
      if (count === BLOCK_SIZE) writePacked(blocks, distances, frequencies)
      else writeShort(blocks, distances, frequencies, count)
      if (peak > listPeak) {
        listPeak = peak
        peakFrequency = frequencyOfPeak
        peakLength = lengthOfPeak
      }
      for (const value of [chunk, skipBytes + blockAt, positionsAt, frequencyOfPeak, lengthOfPeak])
        skips.uint32(value)
    }
    if (isLong) {
      for (let row = 0; row < skips.length; row += SKIP_ROW_BYTES)
        addUint32(skips.bytes, row + 8, skipBytes + blocks.length)
      list.append(skips.view())
    } else list.varint(blocks.length)
    list.append(blocks.view())
    list.append(positions.view())
    return { bytes: list.view(), peakFrequency, peakLength }
  }
}

/** Offsets of positions are known when all blocks are. */
function addUint32(bytes: Uint8Array, at: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setUint32(at, view.getUint32(at, true) + value, true)
}

function writePacked(out: ByteWriter, distances: Uint32Array, frequencies: Uint32Array): void {
  const distanceBits = bitsFor(distances, BLOCK_SIZE)
  const frequencyBits = bitsFor(frequencies, BLOCK_SIZE)
  out.uint8(distanceBits)
  out.uint8(frequencyBits)
  const distancesAt = out.reserve(packedBytes(distanceBits))
  pack(distances, distanceBits, out.bytes, distancesAt)
  const frequenciesAt = out.reserve(packedBytes(frequencyBits))
  pack(frequencies, frequencyBits, out.bytes, frequenciesAt)
}

function writeShort(out: ByteWriter, distances: Uint32Array, frequencies: Uint32Array, count: number): void {
  for (let index = 0; index < count; index++) {
    const isOnce = frequencies[index] === 0
    out.varint(distances[index]! * 2 + (isOnce ? 1 : 0))
    if (!isOnce) out.varint(frequencies[index]! - 1)
  }
}
