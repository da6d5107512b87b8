/** The counterpart of ByteWriter over bytes of unknown origin: it never reads past its end, and says SEGMENT_CORRUPT. */
import { corrupt } from './segment-format.ts'

export class ByteReader {
  readonly bytes: Uint8Array
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    if (at < 0 || at > end || end > bytes.length) throw corrupt('A part of a segment lies outside its file.')
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  uint8(): number {
    if (this.at >= this.end) throw corrupt('A part of a segment ends too early.')
    return this.bytes[this.at++]!
  }

  uint32(): number {
    const at = this.skip(4)
    return uint32At(this.bytes, at)
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.uint8()
      if (shift === 28 && byte > 0x0f) break
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw corrupt('A number in a segment is too long.')
  }

  /** Steps over bytes; returns where they began. */
  skip(count: number): number {
    const start = this.at
    if (count > this.end - start) throw corrupt('A part of a segment ends too early.')
    this.at += count
    return start
  }

  text(): string {
    const size = this.varint()
    const start = this.skip(size)
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, size).toString('utf8')
  }
}

export function uint32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}
