/** Little-endian fields one after the other; the reader never reads past the end, nor allocates for what is not there. */
import type { VillageError } from '../../errors.ts'

const FIRST_BYTES = 4096

export class ByteWriter {
  #bytes = new Uint8Array(FIRST_BYTES)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  /** May replace buffer and view: both are looked up afterwards. */
  #room(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }

  u8(value: number): void {
    const at = this.#room(1)
    this.#view.setUint8(at, value)
  }

  u16(value: number): void {
    const at = this.#room(2)
    this.#view.setUint16(at, value, true)
  }

  u32(value: number): void {
    const at = this.#room(4)
    this.#view.setUint32(at, value, true)
  }

  f32(value: number): void {
    const at = this.#room(4)
    this.#view.setFloat32(at, value, true)
  }

  f64(value: number): void {
    const at = this.#room(8)
    this.#view.setFloat64(at, value, true)
  }

  /** A u32 for its bytes, and the text in UTF-8. */
  text(value: string): void {
    const encoded = new TextEncoder().encode(value)
    this.u32(encoded.length)
    const at = this.#room(encoded.length)
    this.#bytes.set(encoded, at)
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
}

export class ByteReader {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #error: (what: string) => VillageError
  #at = 0

  constructor(bytes: Uint8Array, error: (what: string) => VillageError) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#error = error
  }

  left(): number {
    return this.#bytes.length - this.#at
  }

  #next(count: number): number {
    const at = this.#at
    if (count > this.left()) throw this.#error('ends before its last field')
    this.#at += count
    return at
  }

  u8(): number {
    return this.#view.getUint8(this.#next(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#next(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#next(4), true)
  }

  f32(): number {
    return this.#view.getFloat32(this.#next(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#next(8), true)
  }

  text(): string {
    const count = this.u32()
    const from = this.#next(count)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        this.#bytes.subarray(from, from + count),
      )
    } catch {
      throw this.#error('has a text that is not UTF-8')
    }
  }

  /** `count` elements of at least `leastBytes` each. */
  list<T>(count: number, leastBytes: number, read: () => T): T[] {
    if (count * leastBytes > this.left()) throw this.#error('announces more than it has')
    return Array.from({ length: count }, read)
  }
}
