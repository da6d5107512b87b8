import { readSync } from 'node:fs'
import { VillageError } from '../../errors.ts'

/** What one file may cost to parse. Tensor data is skipped, so none of it counts. */
export interface WireLimits {
  /** Bytes of names, attributes and other text that are kept. */
  readonly structureBytes: number
  /** Messages and strings that are kept. */
  readonly items: number
  /** Fields that are read or skipped. */
  readonly fields: number
  /** Bytes of one string. */
  readonly stringBytes: number
  /** Graphs inside nodes inside graphs. */
  readonly depth: number
}

export const DEFAULT_WIRE_LIMITS: WireLimits = {
  structureBytes: 32 * 1024 * 1024,
  items: 1_000_000,
  fields: 8_000_000,
  stringBytes: 64 * 1024,
  depth: 16,
}

/** Half-open byte range of a file. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export const WIRE_VARINT = 0
export const WIRE_FIXED64 = 1
export const WIRE_BYTES = 2
export const WIRE_FIXED32 = 5

const WINDOW_BYTES = 64 * 1024
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads the protobuf wire format (protobuf.dev/programming-guides/encoding) of an open file through a window
 * of 64 KiB: skipping a length-delimited field costs nothing, so a file of gigabytes opens in kilobytes.
 * Every length is checked against the end of its enclosing message, and everything that is kept counts
 * against `limits`; a violation is MODEL_MALFORMED.
 */
export class WireCursor {
  position = 0
  readonly sizeBytes: number
  readonly limits: WireLimits
  readonly #fd: number
  readonly #window = Buffer.allocUnsafe(WINDOW_BYTES)
  #windowStart = 0
  #windowEnd = 0
  #bytesLeft: number
  #itemsLeft: number
  #fieldsLeft: number

  constructor(fd: number, sizeBytes: number, limits: WireLimits = DEFAULT_WIRE_LIMITS) {
    this.#fd = fd
    this.sizeBytes = sizeBytes
    this.limits = limits
    this.#bytesLeft = limits.structureBytes
    this.#itemsLeft = limits.items
    this.#fieldsLeft = limits.fields
  }

  malformed(what: string): VillageError {
    return new VillageError(
      'MODEL_MALFORMED',
      `The ONNX file is not valid at byte ${this.position}: ${what}.`,
      {
        fields: { byte: this.position },
      },
    )
  }

  /** Counts one kept message, string or number. */
  countItem(): void {
    if (--this.#itemsLeft < 0) throw this.malformed('it has more parts than are allowed')
  }

  #fill(): void {
    const read = readSync(this.#fd, this.#window, 0, WINDOW_BYTES, this.position)
    if (read === 0) throw this.malformed('the file ends too early')
    this.#windowStart = this.position
    this.#windowEnd = this.position + read
  }

  #byte(end: number, what: string): number {
    if (this.position >= end) throw this.malformed(`${what} runs past the end of its message`)
    if (this.position < this.#windowStart || this.position >= this.#windowEnd) this.#fill()
    const value = this.#window[this.position - this.#windowStart]!
    this.position++
    return value
  }

  /** An unsigned varint below 2^53. */
  uint(end: number, what: string): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte(end, what)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw this.malformed(`${what} is too large`)
        return value
      }
      scale *= 128
    }
    throw this.malformed(`${what} is a number of more than ten bytes`)
  }

  /** A varint as a signed 64-bit integer. */
  int64(end: number, what: string): bigint {
    let low = 0
    let scale = 1
    for (let i = 0; i < 7; i++) {
      const byte = this.#byte(end, what)
      low += (byte & 0x7f) * scale
      if (byte < 0x80) return BigInt(low)
      scale *= 128
    }
    let value = BigInt(low)
    for (let shift = 49n; shift <= 63n; shift += 7n) {
      const byte = this.#byte(end, what)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
    throw this.malformed(`${what} is a number of more than ten bytes`)
  }

  /** The next field's number and wire type, or undefined at `end`. */
  tag(end: number): { field: number; wire: number } | undefined {
    if (this.position === end) return undefined
    if (--this.#fieldsLeft < 0) throw this.malformed('it has more fields than are allowed')
    const tag = this.uint(end, 'a field tag')
    const wire = tag % 8
    const field = (tag - wire) / 8
    if (field < 1 || field > 536_870_911) throw this.malformed(`${field} is not a field number`)
    return { field, wire }
  }

  /** The range of a length-delimited field; the cursor stays at its start. */
  range(end: number, what: string): ByteRange {
    const length = this.uint(end, `the length of ${what}`)
    if (length > end - this.position) throw this.malformed(`the length of ${what} runs past the end`)
    return { start: this.position, end: this.position + length }
  }

  /** Refuses a field that has another wire type than its definition. */
  expect(wire: number, wanted: number, what: string): void {
    if (wire !== wanted) throw this.malformed(`${what} has wire type ${wire} instead of ${wanted}`)
  }

  bytes(range: ByteRange, what: string): Uint8Array {
    const length = range.end - range.start
    if (length > this.limits.stringBytes)
      throw this.malformed(`${what} is longer than ${this.limits.stringBytes} bytes`)
    this.countItem()
    this.#bytesLeft -= length
    if (this.#bytesLeft < 0) throw this.malformed('its structure is larger than is allowed')
    this.position = range.start
    const out = new Uint8Array(length)
    let at = 0
    while (at < length) {
      if (this.position < this.#windowStart || this.position >= this.#windowEnd) this.#fill()
      const from = this.position - this.#windowStart
      const take = Math.min(length - at, this.#windowEnd - this.position)
      out.set(this.#window.subarray(from, from + take), at)
      at += take
      this.position += take
    }
    return out
  }

  string(end: number, what: string): string {
    const bytes = this.bytes(this.range(end, what), what)
    try {
      return UTF8.decode(bytes)
    } catch {
      throw this.malformed(`${what} is not UTF-8`)
    }
  }

  /** Four bytes as a little-endian float. */
  float(end: number, what: string): number {
    const view = new DataView(new ArrayBuffer(4))
    for (let i = 0; i < 4; i++) view.setUint8(i, this.#byte(end, what))
    return view.getFloat32(0, true)
  }

  /** Moves past a field of wire type `wire`; groups (3 and 4) are not part of ONNX. */
  skip(wire: number, end: number, what: string): void {
    if (wire === WIRE_VARINT) this.int64(end, what)
    else if (wire === WIRE_BYTES) this.position = this.range(end, what).end
    else if (wire === WIRE_FIXED64 || wire === WIRE_FIXED32) {
      const sizeBytes = wire === WIRE_FIXED64 ? 8 : 4
      if (sizeBytes > end - this.position) throw this.malformed(`${what} runs past the end of its message`)
      this.position += sizeBytes
    } else throw this.malformed(`${what} has the unknown wire type ${wire}`)
  }
}
