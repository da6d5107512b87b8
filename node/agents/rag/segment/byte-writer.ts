/** Bytes that grow: little-endian integers, variable-length integers of 7 bits a byte (low bits first), UTF-8. */
export class ByteWriter {
  bytes: Uint8Array
  length = 0

  constructor(capacityBytes = 1_024) {
    this.bytes = new Uint8Array(capacityBytes)
  }

  /** Makes room; returns where it begins. */
  reserve(count: number): number {
    const start = this.length
    const needed = start + count
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
      larger.set(this.bytes.subarray(0, start))
      this.bytes = larger
    }
    this.length = needed
    return start
  }

  uint8(value: number): void {
    const at = this.reserve(1)
    this.bytes[at] = value
  }

  uint32(value: number): void {
    const at = this.reserve(4)
    this.bytes[at] = value
    this.bytes[at + 1] = value >>> 8
    this.bytes[at + 2] = value >>> 16
    this.bytes[at + 3] = value >>> 24
  }

  /** Of an integer from 0 to 2^32 − 1. */
  varint(value: number): void {
    let rest = value >>> 0
    let at = this.reserve(5)
    while (rest >= 0x80) {
      this.bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.bytes[at++] = rest
    this.length = at
  }

  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length)
    this.bytes.set(bytes, at)
  }

  /** A length in bytes, then UTF-8. A lone surrogate becomes U+FFFD, which is as long. */
  text(value: string): void {
    const encoded = Buffer.from(value, 'utf8')
    this.varint(encoded.length)
    this.append(encoded)
  }

  /** What was written; valid until more is. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  clear(): void {
    this.length = 0
  }
}
