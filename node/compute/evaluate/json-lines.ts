/** JSON lines of a file, one at a time, whatever the file's size. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { VillageError } from '../../errors.ts'
import type { JsonValue } from '../../json.ts'

export interface JsonLine {
  /** From 1. */
  readonly number: number
  readonly value: JsonValue
}

export interface JsonLinesInit {
  readonly maxLineBytes: number
  readonly maxFileBytes: number
  /** Makes the error for what is wrong, in a line or with the file. */
  readonly error: (what: string, line?: number) => VillageError
  /** Lines that are passed over unread, asked before each; none when absent. */
  readonly isPassedOver?: (number: number) => boolean
}

const CHUNK_BYTES = 256 * 1024
const NEWLINE = 0x0a

/** Lines of bytes without their ends; empty ones too. At most one line and one chunk are in memory. */
function* readLines(path: string, init: JsonLinesInit): Generator<Buffer> {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    if (size > init.maxFileBytes) throw init.error(`has ${size} bytes; ${init.maxFileBytes} is the most`)
    const chunk = Buffer.alloc(CHUNK_BYTES)
    let pending: Buffer[] = []
    let pendingBytes = 0
    let number = 1
    for (;;) {
      const read = readSync(file, chunk, 0, CHUNK_BYTES, null)
      if (read === 0) break
      let from = 0
      while (from < read) {
        const end = chunk.subarray(0, read).indexOf(NEWLINE, from)
        const to = end === -1 ? read : end
        pendingBytes += to - from
        if (pendingBytes > init.maxLineBytes)
          throw init.error(`has more than ${init.maxLineBytes} bytes`, number)
        pending.push(Buffer.from(chunk.subarray(from, to)))
        from = to + 1
        if (end === -1) break
        yield Buffer.concat(pending)
        pending = []
        pendingBytes = 0
        number += 1
      }
    }
    if (pendingBytes > 0) yield Buffer.concat(pending)
  } finally {
    closeSync(file)
  }
}

/** Empty lines are passed over; they count in the numbers. */
export function* readJsonLines(path: string, init: JsonLinesInit): Generator<JsonLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  for (const bytes of readLines(path, init)) {
    number += 1
    if (init.isPassedOver?.(number) === true) continue
    let value: JsonValue
    try {
      const line = decoder.decode(bytes)
      if (line.trim() === '') continue
      value = JSON.parse(line) as JsonValue
    } catch {
      throw init.error('has something else than JSON in UTF-8', number)
    }
    yield { number, value }
  }
}
