/**
 * The file of a W&B run: a log of records in the format of LevelDB's (blocks of 32 KiB, records cut into fragments), with a header
 * of its own in front and the plain CRC-32 instead of the masked CRC-32C. What was appended survives the process; a record that a
 * crash cut off ends the log for its readers.
 *
 *   header    ":W&B", magic 0xBEE1 (uint16), version 0 (uint8); counts into the first block
 *   fragment  CRC-32 of type and data (uint32), length of data (uint16), type (uint8: 1 whole, 2 first, 3 middle, 4 last), data
 *
 * All numbers are little-endian. Fewer than 7 bytes at the end of a block are zero.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

const BLOCK_BYTES = 32 * 1024
const FRAGMENT_HEADER_BYTES = 7
const WHOLE = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4
const HEADER = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0)

export interface RecordLog {
  append(record: Uint8Array): void
  close(): void
}

function fragment(type: number, data: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAGMENT_HEADER_BYTES + data.byteLength)
  bytes.writeUInt16LE(data.byteLength, 4)
  bytes.writeUInt8(type, 6)
  bytes.set(data, FRAGMENT_HEADER_BYTES)
  bytes.writeUInt32LE(crc32(bytes.subarray(6)), 0)
  return bytes
}

/** The fragments of a record that begins `at` bytes into the file. An empty record has one fragment too. */
export function fragmentsOf(record: Uint8Array, at: number): Buffer[] {
  const parts: Buffer[] = []
  const trailer = BLOCK_BYTES - (at % BLOCK_BYTES)
  let position = at
  if (trailer < FRAGMENT_HEADER_BYTES) {
    parts.push(Buffer.alloc(trailer))
    position += trailer
  }
  for (let from = 0, isFirst = true, isLast = false; !isLast; isFirst = false) {
    const room = BLOCK_BYTES - (position % BLOCK_BYTES) - FRAGMENT_HEADER_BYTES
    const to = Math.min(record.byteLength, from + room)
    isLast = to === record.byteLength
    // A block with room for a header alone gets a first fragment without data.
    const type = isFirst ? (isLast ? WHOLE : FIRST) : isLast ? LAST : MIDDLE
    parts.push(fragment(type, record.subarray(from, to)))
    position += FRAGMENT_HEADER_BYTES + to - from
    from = to
  }
  return parts
}

/** Throws where the file exists. */
export function createRecordLog(file: string): RecordLog {
  const fd = openSync(file, 'wx', 0o600)
  let position = 0
  const write = (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.byteLength; ) done += writeSync(fd, bytes, done)
    position += bytes.byteLength
  }
  write(HEADER)
  return {
    append(record) {
      write(Buffer.concat(fragmentsOf(record, position)))
    },
    close: () => closeSync(fd),
  }
}
